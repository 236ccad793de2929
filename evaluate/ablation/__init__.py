"""What a grid of runs found: its table, order, differences to the baseline, effects of its axes, and report."""
