"""Simulation against theory: comparisons with verdicts, extrapolations in N, reports.

The one package that imports both ``nsim`` and ``meanfield``, which share no code: their agreement means something.
"""
