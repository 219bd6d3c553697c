"""Simulation against theory: comparisons with verdicts, extrapolations in N, reports."""
