"""Campaigns of many runs: a study file plans them, carries out what is missing, and ends in one report."""
