"""The scores of a run's test rows in other views of their frames, read and checked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError

FILE = "view_predictions.csv"
COLUMNS = ("view", "sample_id", "score")
ANEW = "remove the folder and `classify` makes it anew"


def read_views(folder: Path, test: pd.DataFrame, stated: Sequence[str] = ()) -> pd.DataFrame | None:
    """Read ``view_predictions.csv`` of a run folder.

    Parameters
    ----------
    folder : Path
    test : DataFrame
        Test predictions, one row a frame.
    stated : sequence of str
        The views that ``run.json`` names.

    Returns
    -------
    DataFrame or None
        Columns `COLUMNS`, scores as float; None where the run has no other view.

    Raises
    ------
    InputError
        The file is missing, broken or cut; a sample is no test row, or stands twice in its view; a score is no number.
    """
    path = folder / FILE
    if not path.is_file():
        if stated:
            raise InputError(f"{path} is missing, which holds the scores in {', '.join(stated)}: {ANEW}")
        return None
    try:
        text = {"view": str, "sample_id": str}
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"score": [""]})
    except (OSError, ValueError) as error:  # pandas' own errors of parsing and decoding are ValueErrors
        raise InputError(f"cannot read {path}: {error}; {ANEW}") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; it has view, sample_id and score")
    score = pd.to_numeric(table["score"], errors="coerce")
    problems = {
        "the score is no finite number": ~np.isfinite(score.to_numpy(dtype=float, na_value=np.nan)),
        "the sample_id is that of no test row": ~table["sample_id"].isin(test.get("sample_id", [])),
        "the sample_id stands twice in its view": table.duplicated(["view", "sample_id"]),
    }
    for problem, rows in problems.items():
        where = np.flatnonzero(rows)
        if len(where):
            raise InputError(f"{path}, line {where[0] + 2}: {problem} ({len(where)} such lines)")
    if lost := sorted(set(stated) - set(table["view"])):
        raise InputError(f"{path} has no score in {', '.join(lost)}, which run.json names: was it cut? {ANEW}")
    return table[list(COLUMNS)].assign(score=score.astype(float)) if len(table) else None
