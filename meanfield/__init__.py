"""Replica mean-field theory of the Kuehn-Horstmann glass model. It never imports ``nsim``."""
