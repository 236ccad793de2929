"""Stage 1, the GPU box: a data set becomes a feature cache."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extract.encoder import load_encoder as load_encoder
    from extract.job import extract_folder as extract_folder
else:
    from cache.lazy import offer

    HOMES = {  # what `from extract import ...` gives, and where it lives: loaded when it is asked for
        "extract_folder": "extract.job",
        "load_encoder": "extract.encoder",
    }

    __getattr__, __dir__ = offer(__name__, HOMES)
