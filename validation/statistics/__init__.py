"""Averages over disorder with less noise, their errors, and their limit N -> infinity."""
