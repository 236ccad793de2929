"""The table that lists a data set's files, CSV or Parquet -> rows of text under our names of its columns."""

import csv
import re
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cache.errors import InputError, choose

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


def has_columns(path: Path) -> bool:
    """Whether a table can be read and has a path and a label, by its header."""
    try:
        _places(_header(path), path.name, {})
    except InputError:
        return False
    return True


def mapped_columns(words: Sequence[str]) -> dict[str, str]:
    """Ours -> the table's, of words such as ``label=is_fake``.

    Raises
    ------
    InputError
        A word is not written so, or names no column of ours.

    Examples
    --------
    >>> mapped_columns(["label=is_fake"])
    {'label': 'is_fake'}
    """
    pairs = [word.partition("=") for word in words]
    for word, (_, _, theirs) in zip(words, pairs, strict=True):
        if not theirs:
            raise InputError(f"--column is OURS=THEIRS, as label=is_fake, not {word!r}; ours: {', '.join(COLUMNS)}")
    for ours, _, _ in pairs:
        choose(COLUMNS, ours.strip(), "column")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def read_rows(path: Path, columns: Mapping[str, str] | None = None) -> list[Row]:
    """Rows of a table that are not empty; ``columns`` says which of its columns is meant, ours -> the table's.

    Raises
    ------
    InputError
        It cannot be read, has no rows, lacks the path, the label or a column named, or has two columns of one name.
    """
    header, cells = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    places = _places(header, path.name, columns or {})
    texts = [cells.iloc[:, places[name]].tolist() if name in places else [""] * len(cells) for name in COLUMNS]
    texts = [list(map(str.strip, column)) for column in texts]
    known = [*texts[: len(REQUIRED)], *map(_without_blanks, texts[len(REQUIRED) :])]
    filled = [any(cells) for cells in zip(*texts, strict=True)]
    rows = [Row(*row) for row in compress(zip(cells.index, *known, strict=True), filled)]
    if not rows:
        raise InputError(f"{path.name} has a header and no rows")
    return rows


def _without_blanks(column: list[str]) -> list[str]:
    blanks = {text for text in set(column) if text.lower() in BLANK}
    return ["" if text in blanks else text for text in column] if blanks - {""} else column


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


def _header(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return _read_parquet(path)[0]
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"cannot read {path} as a UTF-8 table with commas: {error}") from error


def _places(header: Sequence[str], table: str, columns: Mapping[str, str]) -> dict[str, int]:
    """Place of each of our columns that the table has."""
    names = [_simple(name) for name in header]
    places = {}
    for column, accepted in COLUMNS.items():
        if column in columns and _simple(columns[column]) not in names:
            raise InputError(f"{table} has no column {columns[column]!r} for the {column}: it has {', '.join(header)}")
        accepted = (_simple(columns[column]),) if column in columns else accepted
        known = next((name for name in accepted if name in names), None)
        if known and names.count(known) > 1:
            raise InputError(f"{table} has {names.count(known)} columns {known!r}; keep one of them")
        if known:
            places[column] = names.index(known)
        elif column in REQUIRED:
            found = ", ".join(header)
            raise InputError(
                f"{table} has no column for the {column}: it has {found}; accepted: {', '.join(accepted)}, or name it"
                f" with --column {column}=NAME (where it is no list of the files, name another layout with --layout)"
            )
    return places


def _simple(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())
