"""The predictions of a run, read and checked: every row can be measured."""

from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.predictions import COLUMNS, read

SPLITS = ("val", "test")
BLOCK = 50_000  # rows whose names are hashed at once


def read_rows(path: Path) -> pd.DataFrame:
    """Read predictions with numbers as numbers; what cannot be measured is refused with the line it stands in.

    Parameters
    ----------
    path : Path
        As `cache.predictions.read` takes it.

    Returns
    -------
    DataFrame
        Those of the columns `cache.predictions.COLUMNS` that the file has; ``label`` int, ``score`` float.

    Raises
    ------
    InputError
        Naming the file: it cannot be read, or a row has no label, score, split, group or video, or stands twice.
    """
    table = read(path)
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in ("label", "score")}
    problems = {
        "the label is neither 0 (real) nor 1 (fake)": ~numbers["label"].isin([0, 1]),
        "the score is no finite number": ~np.isfinite(numbers["score"].to_numpy(dtype=float, na_value=np.nan)),
        f"the split is none of {', '.join(SPLITS)}": ~table["split"].isin(SPLITS),
        "the group is empty": table["group"] == "",
        "the video_id is empty": table["video_id"] == "",
    }
    if "sample_id" in table:
        problems["the sample_id stands twice in its split"] = _repeated(table)
    for problem, rows in problems.items():
        where = np.flatnonzero(rows)
        if len(where):
            place = f"row {where[0] + 1}" if path.suffix == ".parquet" else f"line {where[0] + 2}"
            raise InputError(f"{path}, {place}: {problem} ({len(where)} such {place.split()[0]}s)")
    known = table[[name for name in COLUMNS if name in table]]
    return known.assign(label=numbers["label"].astype(int), score=numbers["score"].astype(float))


def _repeated(table: pd.DataFrame) -> np.ndarray:
    """Rows whose sample_id stood in their split before; told by hashes, for a set of a million names takes longer."""
    blocks = (table["sample_id"].iloc[start : start + BLOCK] for start in range(0, len(table), BLOCK))
    hashes = [pd.util.hash_array(block.to_numpy(dtype=object), categorize=False) for block in blocks]
    if not hashes or (np.diff(np.sort(np.concatenate(hashes))) != 0).all():
        return np.zeros(len(table), bool)
    return table.duplicated(["sample_id", "split"]).to_numpy()
