"""Motion at a temperature: Monte Carlo, heat bath, annealing, parallel tempering, Langevin, and what they measure."""
