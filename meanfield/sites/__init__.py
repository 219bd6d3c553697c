"""Single sites: the potential of mean-field theory, its classical averages, its double wells."""
