"""Families of data sets: a root becomes a sorted list of sources. Add one: a file here and an entry in LAYOUTS."""

from collections.abc import Callable
from pathlib import Path

from extract.layouts import ffpp, folders, manifest
from extract.layouts.base import Listing, Source, file_path
from extract.layouts.table import TABLES

__all__ = ["LAYOUTS", "Listing", "Source", "file_path", "recognise"]

LAYOUTS: dict[str, Callable[[Path, str | None], Listing]] = {
    "ffpp": ffpp.list_sources,
    "folders": folders.list_sources,
    "manifest": manifest.list_sources,
}


def recognise(root: Path) -> str:
    """Name of the layout that a root has.

    Examples
    --------
    >>> recognise(Path("no/original_sequences/here"))
    'folders'
    """
    if any((root / name).is_dir() for name in (ffpp.ORIGINALS, ffpp.MANIPULATED)):
        return "ffpp"
    return "manifest" if any((root / name).is_file() for name in TABLES) else "folders"
