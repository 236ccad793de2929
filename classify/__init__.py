"""Stage 2, the laptop: a cache -> heads, models, matrices."""
