"""Stage 1, the GPU box: a data set becomes a feature cache."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extract.encoder import load_encoder as load_encoder
    from extract.job import extract_folder as extract_folder
else:
    HOMES = {  # what `from extract import ...` gives, and where it lives: loaded when it is asked for
        "extract_folder": "extract.job",
        "load_encoder": "extract.encoder",
    }

    def __getattr__(name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(HOMES[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *HOMES})
