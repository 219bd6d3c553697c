"""Spectra of local potentials and what follows: density of states, specific heat, entropy."""
