"""Feature files: written whole from memory, or assembled from sealed parts block by block."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import xxhash

from cache.attributes import read_attributes, write_attributes
from cache.errors import InputError, NothingReadableError
from cache.schema import (
    FAILURE_COLUMNS,
    FORMAT_VERSION,
    SAMPLE_COLUMNS,
    Column,
    PromptScores,
    Space,
    check_table,
)
from cache.sealed import sealing
from cache.thumbnails import write_thumbnails

ROWS = 65_536  # rows computed with at a time
BLOCK_BYTES = 1 << 26  # bytes copied at a time: a row may hold a picture's worth of tokens


class _Leaf(NamedTuple):
    """A dataset: its length, the shape of a row and the type."""

    rows: int
    row: tuple[int, ...]
    dtype: np.dtype


def write_cache(
    path: Path,
    samples: pd.DataFrame,
    spaces: dict[str, Space],
    failures: pd.DataFrame | None = None,
    *,
    kind: str = "cache",
    attributes: dict[str, Any] | None = None,
    thumbnails: Sequence[bytes] | None = None,
    rows: np.ndarray | None = None,
) -> None:
    """Write a feature file from arrays in memory, or from memory-mapped ones, block by block.

    Parameters
    ----------
    path : Path
        Must not exist.
    samples : DataFrame
        Columns `SAMPLE_COLUMNS`, N rows.
    spaces : dict of Space
        Feature spaces by name; every array has N rows.
    failures : DataFrame, optional
        Columns `FAILURE_COLUMNS`.
    kind : {"cache", "part"}
    attributes : dict, optional
        Further attributes of the file (plan, range of slots).
    thumbnails : sequence of bytes, optional
        A JPEG of each sample.
    rows : ndarray of int, shape (N,), optional
        Rows of the arrays and thumbnails that the samples are, where they are not all of them in order.

    Raises
    ------
    InputError
        The file exists, or rows do not agree.
    """
    samples = check_table(samples, SAMPLE_COLUMNS, "sample")
    if failures is None:
        failures = pd.DataFrame(columns=list(FAILURE_COLUMNS))
    failures = check_table(failures, FAILURE_COLUMNS, "failure")
    with sealing(path) as file:
        _describe(file, kind, attributes)
        _write_table(file.create_group("samples"), samples, SAMPLE_COLUMNS)
        _write_table(file.create_group("failures"), failures, FAILURE_COLUMNS)
        _write_spaces(file, spaces, len(samples), rows)
        if thumbnails is not None:
            _check_rows("thumbnails", len(thumbnails) if rows is None else len(rows), len(samples))
            write_thumbnails(file, thumbnails, np.arange(len(samples)) if rows is None else rows)
        write_attributes(file, {"table_hash": _table_hash(file["samples"])})


def write_addition(path: Path, base: Path, spaces: dict[str, Space]) -> None:
    """Write new arrays for a finished cache as a file of their own, tied to its sample table by hash.

    Parameters
    ----------
    spaces : dict of Space
        A new space, or one that the base has, with new arrays or prompt sets (its provenance may differ from the
        base's in ``prompts`` and ``tokens`` only).

    Raises
    ------
    InputError
        The base is no cache, a space repeats what the base has, or rows do not agree.
    """
    from cache.reader import open_cache  # the reader checks the base; it imports nothing from here

    cache = open_cache(base)
    for name, space in spaces.items():
        cache.check_addition(name, space.provenance, set(space.arrays), set(space.prompts))
    with sealing(path) as file:
        _describe(file, "addition", None)
        _write_spaces(file, spaces, len(cache))
        write_attributes(file, {"table_hash": cache.table_hash})


def assemble(
    path: Path,
    parts: Sequence[Path],
    *,
    scratch: Path | None = None,
    attributes: dict[str, Any] | None = None,
    groups: Sequence[str] | None = None,
    may_be_empty: bool = False,
) -> int:
    """Join sealed parts or caches, in the order given, into one cache with contiguous arrays.

    Memory stays that of one block.

    Parameters
    ----------
    scratch : Path, optional
        Folder of the unfinished file: one that is cleared anyway, should the process be killed.
    groups : sequence of str, length N, optional
        Group of each sample, where those that stand in the parts do not hold for all of them together.
    may_be_empty : bool
        Whether a file without a sample is worth writing: a shard is, for its failures.

    Returns
    -------
    int
        The number of samples.

    Raises
    ------
    NothingReadableError
        No part holds a sample.
    InputError
        The parts hold different arrays, or ``path`` exists.
    """
    contents, failures = zip(*(_contents(part) for part in parts), strict=True)
    names = list(contents[0])
    if any(list(leaves) != names for leaves in contents):
        raise InputError(f"the parts of {path.name} hold different arrays; remove them and extract again")
    total = sum(leaves["samples/sample_id"].rows for leaves in contents)
    failed = pd.concat(failures, ignore_index=True)
    if groups is None:  # of one extraction
        failed = _cut_failures_joined(failed)
    if total == 0 and not may_be_empty:
        reasons = sorted(set(failed["reason"]))
        raise NothingReadableError(f"not one sample could be read; reasons: {'; '.join(reasons[:3]) or 'none given'}")
    with sealing(path, scratch) as target:
        _describe(target, "cache", attributes)
        _write_table(target.create_group("failures"), failed, FAILURE_COLUMNS)
        for name in names:
            if name == "samples/group" and groups is not None:
                _write_strings(target, name, groups)
            elif not name.startswith("failures/"):
                count = len(parts) if is_aligned(name) else 1
                _concatenate(target, name, parts[:count], [leaves[name] for leaves in contents[:count]])
        with h5py.File(parts[0], "r") as first:
            for name in first.get("features", ()):
                write_attributes(target[f"features/{name}"], read_attributes(first[f"features/{name}"]))
        write_attributes(target, {"table_hash": _table_hash(target["samples"])})
    return total


def refuse_taken(out: Path) -> None:
    """Refuse a name that is taken, before the work that would be in vain."""
    if out.exists():
        raise InputError(f"{out} exists already and is never overwritten; name another --out")


def is_aligned(name: str) -> bool:
    """Whether a dataset grows with the samples (or the failures), and is not a constant of its space."""
    return "/prompts/" not in name or name.endswith("/similarity")


def row_blocks(rows: int, size: int = ROWS) -> Iterator[slice]:
    """Slices that cover ``rows`` rows."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _describe(file: h5py.File, kind: str, attributes: dict[str, Any] | None) -> None:
    write_attributes(file, {"format_version": FORMAT_VERSION, "kind": kind, **(attributes or {})})


def _write_table(group: h5py.Group, table: pd.DataFrame, columns: dict[str, Column]) -> None:
    for name, column in columns.items():
        if column.dtype == "str":
            _write_strings(group, name, list(table[name]))
        else:
            group.create_dataset(name, data=table[name].to_numpy(column.dtype))


def _write_strings(group: h5py.Group, name: str, values: Iterable[str]) -> None:
    encoded = [str(value).encode("utf-8") for value in values]
    width = max(map(len, encoded), default=0) or 1  # the width of the widest: never truncated
    group.create_dataset(name, data=np.array(encoded, dtype=h5py.string_dtype("utf-8", width)))


def _write_spaces(file: h5py.File, spaces: dict[str, Space], count: int, rows: np.ndarray | None = None) -> None:
    for name, space in spaces.items():
        group = file.create_group(f"features/{name}")
        provenance = json.dumps(asdict(space.provenance), sort_keys=True)
        write_attributes(group, {"provenance": provenance, **space.scalars})
        for key, array in space.arrays.items():
            _write_rows(group, key, array, count, rows)
        for key, scores in space.prompts.items():
            _write_prompts(group.create_group(f"prompts/{key}"), scores, count, rows)


def _write_prompts(group: h5py.Group, scores: PromptScores, count: int, rows: np.ndarray | None) -> None:
    _write_strings(group, "texts", scores.texts)
    group.create_dataset("labels", data=np.asarray(scores.labels, "i1"))
    group.create_dataset("text_embeddings", data=np.asarray(scores.text_embeddings, "f4"))
    _write_rows(group, "similarity", np.asarray(scores.similarity, "f4"), count, rows)


def _write_rows(group: h5py.Group, key: str, array: np.ndarray, count: int, rows: np.ndarray | None) -> None:
    """Write the rows of an array, all by default, as a contiguous dataset."""
    place = f"{group.name}/{key}".removeprefix("/features/")
    _check_rows(place, len(array) if rows is None else len(rows), count)
    dataset = group.create_dataset(key, shape=(count, *array.shape[1:]), dtype=array.dtype)
    for block in _copy_blocks(dataset):
        dataset[block] = array[block if rows is None else rows[block]]


def _check_rows(name: str, rows: int, count: int) -> None:
    if rows != count:
        raise InputError(f"{name} has {rows} rows where the sample table has {count}")


def _contents(part: Path) -> tuple[dict[str, _Leaf], pd.DataFrame]:
    """Every dataset of a part by its name, and the table of its failures."""
    leaves: dict[str, _Leaf] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            leaves[name] = _Leaf(len(item), item.shape[1:], item.dtype)

    with h5py.File(part, "r") as file:
        file.visititems(visit)
        table = {name: file[f"failures/{name}"][:].tolist() for name in FAILURE_COLUMNS}
    text = [name for name, column in FAILURE_COLUMNS.items() if column.dtype == "str"]
    return leaves, pd.DataFrame(table | {name: [value.decode() for value in table[name]] for name in text})


def _cut_failures_joined(failures: pd.DataFrame) -> pd.DataFrame:
    """One row of what failed alike in one input, wherever the parts were cut."""
    keys = [name for name in FAILURE_COLUMNS if name != "frames"]
    return failures.groupby(keys, sort=False, as_index=False)["frames"].sum()[list(FAILURE_COLUMNS)]


def _concatenate(target: h5py.File, name: str, parts: Sequence[Path], leaves: Sequence[_Leaf]) -> None:
    """Copy datasets one after the other into a contiguous one, as wide as the widest; one part is open at a time."""
    rows = sum(leaf.rows for leaf in leaves)
    dtype = max((leaf.dtype for leaf in leaves), key=lambda dtype: dtype.itemsize)
    joined = target.create_dataset(name, shape=(rows, *leaves[0].row), dtype=dtype)
    start = 0
    for part in parts:
        with h5py.File(part, "r") as file:
            source = file[name]
            for block in _copy_blocks(source):
                joined[start + block.start : start + block.stop] = source[block]
            start += len(source)


def _copy_blocks(dataset: h5py.Dataset) -> Iterator[slice]:
    row_bytes = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
    return row_blocks(len(dataset), max(BLOCK_BYTES // row_bytes, 1))


def _table_hash(samples: h5py.Group) -> str:
    """Hash of the sample table's values, independent of the width of its strings."""
    digest = xxhash.xxh3_128()
    for name in SAMPLE_COLUMNS:
        digest.update(name.encode() + b"\0")
        for block in row_blocks(len(samples[name])):
            digest.update(_bytes(samples[name][block]))
    return digest.hexdigest()


def _bytes(values: np.ndarray) -> bytes:
    return b"".join(value + b"\0" for value in values.tolist()) if values.dtype.kind == "S" else values.tobytes()
