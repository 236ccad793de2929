"""Tables of a feature file as data frames: texts decoded once for each run of equal rows, rows chosen by conditions."""

from collections.abc import Sequence

import h5py
import numpy as np
import pandas as pd

from cache.errors import InputError, choose
from cache.schema import SAMPLE_COLUMNS

ROWS = 65_536  # decoded at a time
OF_EACH_ROW = ("sample_id", "path", "file_hash", "pixel_hash")  # texts that hardly repeat


def read_table(group: h5py.Group, columns: Sequence[str], rows: np.ndarray | None = None) -> pd.DataFrame:
    """Columns of a table, all rows by default.

    Texts that repeat from row to row are ``object``, a pointer a row to a text that equal neighbours share; those of
    `OF_EACH_ROW` are of pandas' own type of text, which holds their bytes side by side.
    """
    return pd.DataFrame({name: _column(group[name], name, rows) for name in columns}, columns=list(columns))


def _column(dataset: h5py.Dataset, name: str, rows: np.ndarray | None) -> pd.Series:
    if dataset.dtype.kind != "S":
        return pd.Series(dataset[:] if rows is None else dataset[:][rows])
    source = dataset if rows is None else dataset[:][rows]
    dtype = "str" if name in OF_EACH_ROW else object
    starts = range(0, len(source), ROWS)
    parts = [pd.Series(_decode(source[start : start + ROWS]), dtype=dtype) for start in starts]
    return pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype=dtype)


def _decode(values: np.ndarray) -> np.ndarray:
    """Texts of fixed-width bytes, shape (n,), n > 0; equal ones are mostly the same object."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    runs = values[starts].tolist()
    distinct = set(runs)
    texts = np.empty(len(runs), object)
    if 2 * len(distinct) > len(runs):
        texts[:] = list(map(bytes.decode, runs))
    else:
        known = dict(zip(distinct, map(bytes.decode, distinct), strict=True))
        texts[:] = [known[value] for value in runs]
    return np.repeat(texts, np.diff(starts, append=len(values)))


def select(samples: pd.DataFrame, where: Sequence[str]) -> np.ndarray:
    """Rows whose columns have the values asked for.

    Parameters
    ----------
    where : sequence of str
        ``column=value`` or ``column=value1,value2``; all must hold.

    Returns
    -------
    ndarray of int, sorted

    Raises
    ------
    InputError
        Unknown column, a condition of another form, or no row left.
    """
    keep = np.ones(len(samples), bool)
    for condition in where:
        column, wanted = parse(condition)
        text = samples[column].astype(str)
        unknown = sorted(set(wanted) - set(text.unique()))
        if unknown:
            known = ", ".join(sorted(text.unique())[:10])
            raise InputError(f"no sample has {column}={','.join(unknown)}; there is: {known}")
        keep &= text.isin(wanted).to_numpy()
    if not keep.any():
        raise InputError(f"no sample fulfils {' and '.join(where)} together")
    return np.flatnonzero(keep)


def parse(condition: str) -> tuple[str, list[str]]:
    """Column and values of ``column=value1,value2``.

    Raises
    ------
    InputError
        Unknown column, or a condition of another form.
    """
    column, equals, values = condition.partition("=")
    if not equals:
        raise InputError(f"a condition is column=value, not {condition!r}")
    choose(SAMPLE_COLUMNS, column, "sample column")
    return column, values.split(",")
