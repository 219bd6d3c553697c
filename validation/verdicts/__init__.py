"""What simulation and theory must show, number by number, and whether they do."""
