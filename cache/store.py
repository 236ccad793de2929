"""Feature files: written whole from memory, or assembled from sealed parts block by block."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xxhash

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

ROWS = 65_536  # rows copied at a time


def write_cache(
    path: Path,
    samples: pd.DataFrame,
    spaces: dict[str, Space],
    failures: pd.DataFrame | None = None,
    *,
    kind: str = "cache",
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write a feature file from arrays in memory.

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
        _write_spaces(file, spaces, len(samples))
        file.attrs["table_hash"] = _table_hash(file["samples"])


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
        file.attrs["table_hash"] = cache.table_hash


def assemble(
    path: Path, parts: Sequence[Path], *, scratch: Path | None = None, attributes: dict[str, Any] | None = None
) -> int:
    """Join sealed parts, in the order given, into one cache with contiguous arrays; memory stays that of one block.

    Parameters
    ----------
    scratch : Path, optional
        Folder of the unfinished file: one that is cleared anyway, should the process be killed.

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
    files = [h5py.File(part, "r") for part in parts]
    try:
        names = _leaves(files[0])
        if any(_leaves(file) != names for file in files):
            raise InputError(f"the parts of {path.name} hold different arrays; remove them and extract again")
        total = sum(len(file["samples/sample_id"]) for file in files)
        if total == 0:
            reasons = sorted({value.decode() for file in files for value in file["failures/reason"][:].tolist()})
            raise NothingReadableError(
                f"not one sample could be read; reasons: {'; '.join(reasons[:3]) or 'none given'}"
            )
        with sealing(path, scratch) as target:
            _describe(target, "cache", attributes)
            for name in names:
                sources = [file[name] for file in files] if is_aligned(name) else [files[0][name]]
                _concatenate(target, name, sources)
            for name in files[0]["features"]:
                target[f"features/{name}"].attrs.update(files[0][f"features/{name}"].attrs)
            target.attrs["table_hash"] = _table_hash(target["samples"])
        return total
    finally:
        for file in files:
            file.close()


def is_aligned(name: str) -> bool:
    """Whether a dataset has one row per sample (or per failure), and is not a constant of its space."""
    return "/prompts/" not in name or name.endswith("/similarity")


def row_blocks(rows: int, size: int = ROWS) -> Iterator[slice]:
    """Slices that cover ``rows`` rows."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _describe(file: h5py.File, kind: str, attributes: dict[str, Any] | None) -> None:
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["kind"] = kind
    file.attrs.update(attributes or {})


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


def _write_spaces(file: h5py.File, spaces: dict[str, Space], rows: int) -> None:
    for name, space in spaces.items():
        group = file.create_group(f"features/{name}")
        group.attrs["provenance"] = json.dumps(asdict(space.provenance), sort_keys=True)
        group.attrs.update(space.scalars)
        for key, array in space.arrays.items():
            _check_rows(f"{name}/{key}", array, rows)
            group.create_dataset(key, data=array)
        for key, scores in space.prompts.items():
            _check_rows(f"{name}/prompts/{key}", scores.similarity, rows)
            _write_prompts(group.create_group(f"prompts/{key}"), scores)


def _write_prompts(group: h5py.Group, scores: PromptScores) -> None:
    _write_strings(group, "texts", scores.texts)
    group.create_dataset("labels", data=np.asarray(scores.labels, "i1"))
    group.create_dataset("text_embeddings", data=np.asarray(scores.text_embeddings, "f4"))
    group.create_dataset("similarity", data=np.asarray(scores.similarity, "f4"))


def _check_rows(name: str, array: np.ndarray, rows: int) -> None:
    if len(array) != rows:
        raise InputError(f"{name} has {len(array)} rows where the sample table has {rows}")


def _leaves(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _concatenate(target: h5py.File, name: str, sources: list[h5py.Dataset]) -> None:
    """Copy datasets one after the other into a contiguous one, as wide as the widest."""
    rows = sum(len(source) for source in sources)
    dtype = max((source.dtype for source in sources), key=lambda dtype: dtype.itemsize)
    joined = target.create_dataset(name, shape=(rows, *sources[0].shape[1:]), dtype=dtype)
    start = 0
    for source in sources:
        for block in row_blocks(len(source)):
            joined[start + block.start : start + block.stop] = source[block]
        start += len(source)


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
