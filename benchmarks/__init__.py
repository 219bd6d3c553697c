"""One file per hot kernel, each against a named peer and its own limit, in one run on one core."""
