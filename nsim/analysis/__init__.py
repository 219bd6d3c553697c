"""What is read off finished runs: averages with errors, correlations in time, lowest states."""
