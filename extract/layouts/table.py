"""The table that lists a data set's files, CSV or Parquet -> rows of text under our names of its columns."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cache.errors import InputError

TABLES = ("metadata.csv", "manifest.csv", "metadata.parquet", "manifest.parquet")

COLUMNS: dict[str, tuple[str, ...]] = {  # ours -> names accepted, in lower case; the first that a table has counts
    "path": ("path", "file", "filename", "image", "image_path", "file_path", "filepath", "frame_path"),
    "label": ("label", "target", "is_fake", "class", "y"),
    "video": ("video", "video_id", "clip"),
    "frame": ("frame",),
    "manipulation": ("manipulation", "method", "category", "forgery", "type"),
    "original": ("original", "source", "original_video", "target_video"),
    "group": ("group", "identity", "subject"),
    "split": ("split", "set", "partition", "fold"),
    "dataset": ("dataset",),
    "compression": ("compression",),
}
REQUIRED = ("path", "label")
BLANK = {"", "none", "nan", "null", "na", "n/a", "<na>"}  # how programs write that a cell holds nothing


class Row(NamedTuple):
    """One row of the table: its line (of a Parquet file the row's number), and a text for each of `COLUMNS`, or ""."""

    line: int
    path: str
    label: str
    video: str
    frame: str
    manipulation: str
    original: str
    group: str
    split: str
    dataset: str
    compression: str


def find_table(root: Path) -> str:
    """Name of the one table at the top of a folder.

    Raises
    ------
    InputError
        There is none, or more than one.
    """
    found = [name for name in TABLES if (root / name).is_file()]
    if not found:
        raise InputError(f"no table of files in {root}; a manifest is one of {', '.join(TABLES)}")
    if len(found) > 1:
        raise InputError(f"{' and '.join(found)} are both in {root}; keep the one that lists the files")
    return found[0]


def read_rows(path: Path) -> list[Row]:
    """Rows of a table that are not empty.

    Raises
    ------
    InputError
        It cannot be read, has no rows, lacks the path or the label, or has two columns of one name.
    """
    header, cells = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    places = _places(header, path.name)
    texts = [cells.iloc[:, places[name]].tolist() if name in places else [""] * len(cells) for name in COLUMNS]
    rows = [Row(line, *map(str.strip, row)) for line, *row in zip(cells.index, *texts, strict=True)]
    rows = [row for row in rows if any(row[1:])]
    if not rows:
        raise InputError(f"{path.name} has a header and no rows")
    return [Row(*row[:3], *("" if text.lower() in BLANK else text for text in row[3:])) for row in rows]


def _read_csv(path: Path) -> tuple[list[str], pd.DataFrame]:
    """Header and cells, all of them text, as pandas reads them when it is to guess nothing."""
    try:  # without a header: pandas would take a row longer than its header for one with an index
        cells = pd.read_csv(
            path, dtype=str, header=None, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig"
        ).fillna("")
    except (OSError, ValueError) as error:  # of another encoding, empty, rows of unequal length
        raise InputError(f"cannot read {path} as a UTF-8 table with commas: {str(error).strip()}") from error
    cells.index += 1
    return cells.iloc[0].tolist(), cells.iloc[1:]


def _read_parquet(path: Path) -> tuple[list[str], pd.DataFrame]:
    try:
        cells = pd.read_parquet(path).reset_index(drop=True)
    except ImportError as error:
        raise InputError(f"reading {path} needs pyarrow: pip install pyarrow, or save the table as CSV") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {str(error).strip()}") from error
    texts = cells.astype(object).where(cells.notna(), "").map(str)
    texts.index += 1
    return [str(name) for name in cells.columns], texts


def _places(header: Sequence[str], table: str) -> dict[str, int]:
    """Place of each of our columns that the table has."""
    names = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    places = {}
    for column, accepted in COLUMNS.items():
        known = next((name for name in accepted if name in names), None)
        if known and names.count(known) > 1:
            raise InputError(f"{table} has {names.count(known)} columns {known!r}; keep one of them")
        if known:
            places[column] = names.index(known)
        elif column in REQUIRED:
            found = ", ".join(header)
            raise InputError(
                f"{table} has no column for the {column}: it has {found}; accepted: {', '.join(accepted)}"
                " (where it is no list of the files, name another layout with --layout)"
            )
    return places
