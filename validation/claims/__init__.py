"""The claims of a study, one file for each kind: what is compared, with which theory, and what must come out."""
