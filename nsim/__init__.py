"""N particles in a random harmonic landscape with quartic confinement: draw, relax, measure.

The finite-N side of the Kuehn-Horstmann glass model. It never imports ``meanfield``.
"""
