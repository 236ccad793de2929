"""Grids of runs: a file that says what varies, and every combination carried out once."""
