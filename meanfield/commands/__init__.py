"""The commands of ``meanfield`` and what they write."""
