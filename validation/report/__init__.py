"""Verdicts for people: the page, its figures, its words."""
