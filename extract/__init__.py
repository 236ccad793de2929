"""Stage 1, the GPU box: a data set becomes a feature cache."""
