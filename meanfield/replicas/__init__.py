"""Replica-symmetric, one-step, K-step and full RSB: equations, solutions, stability, limits."""
