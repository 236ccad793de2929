"""Tables that others wrote, as CSV, JSON or Parquet: their header, and the columns that are wanted."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash
from pyarrow import csv, parquet

from cache.errors import InputError
from evaluate.json_records import read_records

HEAD = 1 << 16  # bytes that tell what a file is
ACCEPTED = "tables are read from CSV, from JSON with one list of records or one record a line, and from Parquet"
NOT_A_TABLE = {  # first bytes -> what the file is
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"\xff\xfe": "text in UTF-16, not in UTF-8",
    b"\xfe\xff": "text in UTF-16, not in UTF-8",
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SEPARATORS = (",", ";", "\t")
RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)  # as pyarrow says it
NO_ROWS = "Empty CSV file or block"  # so is a header without a line end
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class TableFile(NamedTuple):
    """A table on disk whose header was read.

    Attributes
    ----------
    path : Path
    header : list of str
        Names of the columns; one may stand twice.
    unit : {"line", "record", "row"}
        What its rows are called; the first line is the header, the first record is 1.
    read : callable
        Names of columns -> DataFrame of them, as they are written, indexed by line, record or row.
    """

    path: Path
    header: list[str]
    unit: str
    read: Callable[[Sequence[str]], pd.DataFrame]

    def at(self, row: int) -> str:
        """Where a row of the index stands, to begin a message with."""
        return f"{self.path}, {self.unit} {row}"


def open_table(path: Path, check: Callable[[list[str]], None] | None = None) -> TableFile:
    """Tell by its first bytes what a file is, and read its header.

    CSV may be separated by commas, semicolons or tabs. JSON is a list of records, an object that holds one such list,
    or one record a line. What a file is called does not count.

    Parameters
    ----------
    path : Path
    check : callable, optional
        As `evaluate.json_records.read_records` has it.

    Raises
    ------
    InputError
        The file is missing, empty, too large to be read whole, or no such table; decided without reading all of it
        where its beginning tells.
    """
    head = _head(path)
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    for start, kind in NOT_A_TABLE.items():
        if head.startswith(start):
            raise InputError(f"{path} is {kind}: {ACCEPTED}")
    if b"\0" in head:
        raise InputError(f"{path} is binary and no Parquet file: {ACCEPTED}")
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not text:
        raise InputError(f"{path} is empty: {ACCEPTED}")
    return _open_json(path, check) if text[:1] in (b"[", b"{") else _open_csv(path, head)


def file_hash(path: Path) -> str:
    """xxh3-128 of a file's bytes, as hex.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return digest.hexdigest()


def texts(cells: pd.Series) -> pd.Series:
    """Cells as text without blanks around it, "" where there is nothing; 1.0 is "1", True is "true"."""
    if isinstance(cells.dtype, pd.StringDtype):
        return cells.fillna("").str.replace(CONTROL.pattern, " ", regex=True).str.strip()
    written = [_text(value) for value in cells.tolist()]
    return pd.Series(written, index=cells.index, dtype=str)


def numbers(cells: pd.Series) -> pd.Series:
    """Cells as float64, exactly as written; NaN where a cell is no number."""
    if cells.dtype.kind in "iuf":
        return cells.astype(np.float64)
    return pd.to_numeric(texts(cells), errors="coerce").astype(np.float64)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    written = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return CONTROL.sub(" ", written.encode("utf-8", "backslashreplace").decode()).strip()


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file; {ACCEPTED}")
    try:
        if not path.is_file():
            raise InputError(f"{path} {'is no regular file' if path.exists() else 'does not exist'}: {ACCEPTED}")
        with path.open("rb") as file:
            return file.read(HEAD)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {path}: {error}") from error


@contextmanager
def _reading(path: Path, form: str) -> Iterator[None]:
    """What goes wrong while a file is parsed, said in one sentence."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} needs more memory than there is to be read as {form}: keep the columns that are needed alone, or "
            "convert it to Parquet"
        ) from error
    except (OSError, ValueError, LookupError, OverflowError, RecursionError, pa.ArrowException) as error:
        reason = CONTROL.sub(" ", str(error).partition("\n")[0])[:200] or type(error).__name__
        raise InputError(f"cannot read {path} as {form}: {reason}") from error


def _filled(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    if table.empty:
        raise InputError(f"{path} has a header and no rows")
    return table


def _open_parquet(path: Path) -> TableFile:
    def read(names: Sequence[str]) -> pd.DataFrame:
        with _reading(path, "Parquet"):
            columns = parquet.ParquetFile(path).read(columns=list(names))
            columns.validate(full=True)  # else text that is no UTF-8 passes
            table = columns.to_pandas(ignore_metadata=True)[[*names]]
        table.index = pd.RangeIndex(1, len(table) + 1)
        return _filled(table, path)

    with _reading(path, "Parquet"):
        return TableFile(path, parquet.ParquetFile(path).schema_arrow.names, "row", read)


def _open_json(path: Path, check: Callable[[list[str]], None] | None) -> TableFile:
    with _reading(path, "JSON"):
        records = read_records(path, check)

    def read(names: Sequence[str]) -> pd.DataFrame:
        index = pd.RangeIndex(1, len(records) + 1)
        cells = {name: pd.Series([record.get(name) for record in records], index, dtype=object) for name in names}
        return pd.DataFrame(cells)

    return TableFile(path, list(dict.fromkeys(name for record in records for name in record)), "record", read)


def _open_csv(path: Path, head: bytes) -> TableFile:
    first, newline, _ = head.removeprefix(BYTE_ORDER_MARK).partition(b"\n")
    if not newline and len(head) == HEAD:
        raise InputError(f"{path} has no line end in its first {HEAD // 1024} kB: {ACCEPTED}")
    separator = max(SEPARATORS, key=lambda one: first.count(one.encode()))
    with _reading(path, "a UTF-8 table with a header"):
        header = _parse(csv.open_csv, path, separator).schema.names

    def read(names: Sequence[str]) -> pd.DataFrame:
        as_text = csv.ConvertOptions(
            include_columns=list(names), column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
        with _reading(path, "a UTF-8 table with a header"):
            table = _parse(csv.read_csv, path, separator, as_text).to_pandas()
        table.index = pd.RangeIndex(2, len(table) + 2)
        return _filled(table[(table != "").any(axis=1)], path)  # an empty line is no row

    return TableFile(path, header, "line", read)


def _parse(
    parse: Callable[..., Any], path: Path, separator: str, convert: csv.ConvertOptions | None = None
) -> Any:  # fmt: skip
    """What one of pyarrow's readers makes of the file; a line with too few or too many cells is named."""
    options = csv.ParseOptions(delimiter=separator, newlines_in_values=True, ignore_empty_lines=False)
    try:  # one thread: only so a line has its number
        return parse(path, csv.ReadOptions(use_threads=False), options, convert)
    except pa.ArrowInvalid as error:
        if NO_ROWS in str(error):
            raise InputError(f"{path} is one line: a header is expected and rows below it; {ACCEPTED}") from error
        ragged = RAGGED.search(str(error))
        if not ragged:
            raise
        line, expected, found, text = ragged.groups()
        raise InputError(
            f"{path}, line {line}: {found} cells where the header has {expected}: "
            f"{CONTROL.sub(' ', text)[:80]!r}; put a cell that holds {separator!r} in quotes"
        ) from error
