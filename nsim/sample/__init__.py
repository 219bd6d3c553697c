"""One disorder sample: its couplings, its energy, and the local potentials around a minimum of it."""
