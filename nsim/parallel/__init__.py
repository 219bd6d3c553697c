"""Ranks: one process or many, groups of them that share a sample, signals that ask them to stop."""
