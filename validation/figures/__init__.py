"""The figures of Kuehn and Horstmann's paper from the code: theory and simulation on the same axes."""
