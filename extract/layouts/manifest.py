"""A folder with a table of its files: the table says which are real and which fake, and what else is known of each."""

import os
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path

from cache.errors import InputError
from extract.layouts.base import Listing, Source, sorted_listing
from extract.layouts.files import list_files, valid_text
from extract.layouts.rows import number_frames, row_source
from extract.layouts.table import TABLES, Row, find_table, has_columns, read_rows

EXPECTED = f"one of {', '.join(TABLES)} with columns path and label"


def recognises(root: Path) -> str:
    """Why a root is of this layout, or "" where no table of its files has a path and a label."""
    found = [name for name in TABLES if (root / name).is_file()]
    if len(found) == 1 and not has_columns(root / found[0]):
        return ""
    return f"{' and '.join(found)} with a path and a label" if found else ""


def list_sources(root: Path, dataset: str | None = None, columns: Mapping[str, str] | None = None) -> Listing:
    """Sources that a table at the top of a folder names.

    The table is one of `TABLES`, with a row for each picture or video file and the columns of `COLUMNS`, recognised
    whatever their case; ``path`` and ``label`` (1 or "fake", 0 or "real") must be there. Files that the table does
    not name are listed as skipped, and so are rows whose file is not there.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        By default the table's column, else the root's name.
    columns : mapping of str to str, optional
        Names of ours (keys of `COLUMNS`) -> the table's column that is meant, whatever others there are.

    Raises
    ------
    InputError
        The root is missing; there is no table or more than one; it cannot be read, lacks a column, holds a value that
        means nothing, contradicts itself, or names a file twice; two files give the same sample; no file is there.
    """
    files = list_files(root)
    table = find_table(root)
    rows = read_rows(root / table, columns)
    default = valid_text(root.resolve().name)
    sources = []
    for row in rows:
        try:
            sources.append(row_source(row, _relative(row.path, root), dataset, default))
        except InputError as error:
            raise InputError(f"{_at(table, row)}: {error}") from error
    _refuse_repeated(table, rows, sources)
    there = {valid_text(path) for path in (*files.images, *files.videos)}
    skipped = [(valid_text(path), reason) for path, reason in files.skipped if path != table]
    named = {source.path for source in sources}
    gone = named - there - {path for path, _ in skipped}
    skipped += [(path, f"not in {table}") for path in there - named]
    skipped += [(path, f"{table} names it, but it is not there") for path in gone]
    if not named & there:
        raise InputError(
            f"of the {len(rows)} files that {table} names none is a picture or video in {root}, such as"
            f" {sources[0].path}; write paths relative to the folder of the table"
        )
    try:
        return sorted_listing(root, [one for one in number_frames(rows, sources) if one.path in there], skipped)
    except InputError as error:
        raise InputError(f"{error}, or tell them apart by columns 'video' and 'frame' in {table}") from error


def _at(table: str, row: Row) -> str:
    return f"{table}, {'row' if table.endswith('.parquet') else 'line'} {row.line}"


def _relative(path: str, root: Path) -> str:
    """A path of the table relative to the root, with forward slashes."""
    text = posixpath.normpath(path.replace("\\", "/"))
    if posixpath.isabs(text):
        tops = (os.path.abspath(root), os.path.realpath(root))
        ways = (posixpath.relpath(text, top) for top in tops)
        text = next((way for way in ways if not way.startswith("../")), "..")
    if text == "." or text.split("/")[0] == "..":
        raise InputError(f"path {path!r} names no file inside {root}")
    return valid_text(text)


def _refuse_repeated(table: str, rows: Iterable[Row], sources: Iterable[Source]) -> None:
    first: dict[str, Row] = {}
    for row, source in zip(rows, sources, strict=True):
        if first.setdefault(source.path, row) is not row:
            raise InputError(f"{_at(table, first[source.path])} and {row.line} both name {source.path}; remove one")
