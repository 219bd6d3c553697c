"""The commands of ``nsim`` that have a file of their own."""
