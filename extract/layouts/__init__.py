"""Families of data sets: a root becomes a sorted list of sources. Add one: a file here and an entry in FAMILIES."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from cache.errors import InputError, choose
from extract.layouts import (
    celebdf,
    deepfakebench,
    df40,
    dfd,
    dfdc,
    ffpp,
    folders,
    manifest,
    pairs,
    unlabelled,
    webdataset,
)
from extract.layouts.base import Listing, Source, file_path
from extract.layouts.files import check_root
from extract.layouts.table import TABLES, mapped_columns

__all__ = ["FAMILIES", "LAYOUTS", "Family", "Listing", "Recognised", "Source", "file_path", "read_root", "recognise"]


class Family(Protocol):
    """What reads one family: a module, or one of those of `pairs`."""

    EXPECTED: str

    def recognises(self, root: Path) -> str:
        """Why a root is of this layout, or ""; by what lies near its top."""

    def list_sources(self, root: Path, dataset: str | None = None) -> Listing:
        """Sources of a root."""


class Recognised(NamedTuple):
    """Name of a layout, and why a root is of it."""

    layout: str
    reason: str


FAMILIES: dict[str, Family] = {
    "ffpp": ffpp,
    "dfd": dfd,
    "celebdf": celebdf,
    "dfdc": dfdc,
    "df40": df40,
    "deepfakebench": deepfakebench,
    "forensynths": pairs.FORENSYNTHS,
    "genimage": pairs.GENIMAGE,
    "clipping": pairs.CLIPPING,
    "webdataset": webdataset,
    "manifest": manifest,
    "folders": folders,
    "unlabelled": unlabelled,
}
LAYOUTS: dict[str, Callable[[Path, str | None], Listing]] = {
    name: family.list_sources for name, family in FAMILIES.items()
}
TABLED = {"manifest", "webdataset"}  # say themselves what each file is: class folders beside them say it again
GENERAL = ("folders", "unlabelled")  # fit many a tree that another layout knows better


def recognise(root: Path) -> Recognised:
    """The layout that a root has, and why.

    Raises
    ------
    InputError
        The root is missing; no layout fits, or two do.
    """
    check_root(root)
    reasons = {name: family.recognises(root) for name, family in FAMILIES.items()}
    found = {name: reason for name, reason in reasons.items() if reason and name not in GENERAL}
    if not found.keys() - TABLED and reasons["folders"]:  # a tree that is known by more than its class folders is that
        found["folders"] = reasons["folders"]
    if not found and any((root / name).is_file() for name in TABLES):
        found["manifest"] = "a table of files"  # reading it says what it lacks
    if not found and reasons["unlabelled"]:
        found["unlabelled"] = reasons["unlabelled"]
    if len(found) > 1:
        fitting = "; ".join(f"{name}: {reason}" for name, reason in found.items())
        raise InputError(
            f"{root} fits {len(found)} layouts ({fitting}); say which it is: "
            + " or ".join(f"--layout {name}" for name in found)
        )
    if not found:
        known = "; ".join(f"{name}: {family.EXPECTED}" for name, family in FAMILIES.items())
        raise InputError(f"{root} fits no layout; name one with --layout, or give the data one of these forms: {known}")
    return Recognised(*found.popitem())


def read_root(
    root: Path, layout: str = "auto", dataset: str | None = None, columns: Sequence[str] = ()
) -> tuple[Recognised, Listing]:
    """Layout and sources of a root.

    Parameters
    ----------
    root : Path
    layout : str
        A name of `LAYOUTS`, or "auto".
    dataset : str, optional
        Name of the data set; the layout knows one.
    columns : sequence of str
        Words as ``label=is_fake``: which column of a manifest is meant by ours.

    Raises
    ------
    InputError
        The layout is not known or does not fit, or ``columns`` are given for another layout than a manifest.
    """
    if columns and layout in ("auto", "manifest"):
        return Recognised("manifest", "its columns are named"), manifest.list_sources(
            root, dataset, mapped_columns(columns)
        )
    if columns:
        raise InputError(f"--column names the columns of a manifest; the layout is {layout}")
    found = recognise(root) if layout == "auto" else Recognised(layout, "as named")
    return found, choose(LAYOUTS, found.layout, "layout")(root, dataset)
