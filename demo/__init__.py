"""The demo's miniature: rendered faces, four imitated manipulations, and a small CLIP that never saw them."""
