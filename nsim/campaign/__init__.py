"""A run from its run file to results.h5: tasks, protocols, observables, sealed files."""
