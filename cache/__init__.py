"""The contract at the centre: what a sample is, the feature file, groups and splits, predictions."""
