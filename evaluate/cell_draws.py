"""Every cell of several runs: its AUC, and that AUC in draws which all cells share, made once for all tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluate.compare import with_draws
from evaluate.folders import Run
from evaluate.intervals import DRAWS, GroupDraws, group_draws, interval
from evaluate.levels import LEVELS, cells, has_few_groups, is_seen

Place = tuple[str, str]  # training, test
ROW = {"frame": "sample_id", "video": "video_id"}  # what a row is known by in other runs


class DrawnCell(NamedTuple):
    """One test manipulation of one run, at one level.

    Attributes
    ----------
    seen : bool or None
        Whether the run was trained on it; None: unknown.
    origin : str
        Data set and compression of its rows.
    rows : DataFrame
        ``label``, ``score``, ``group``, indexed by what a row is known by in other runs.
    values : ndarray of float, shape (1 + B,)
        The AUC, then the AUC of each draw; NaN as from `evaluate.bootstrap.bootstrap`.
    few_groups : bool
    """

    seen: bool | None
    origin: str
    rows: pd.DataFrame
    values: np.ndarray
    few_groups: bool


class CellDraws(NamedTuple):
    """All cells of several heads.

    Attributes
    ----------
    runs : mapping of str to sequence of Run
        By head; one run a training.
    draws : GroupDraws
        Over the test rows of all runs.
    cells : dict
        ``[level][head][training, test]``.
    whole : dict
        The same over all test rows, ``[level][head][training]``: of runs whose training is unknown, for there alone
        no manipulation is apart from the others.
    shared : list of (str, str)
        Places that every head has.
    apart : int
        How many places only some heads have.
    """

    runs: Mapping[str, Sequence[Run]]
    draws: GroupDraws
    cells: dict[str, dict[str, dict[Place, DrawnCell]]]
    whole: dict[str, dict[str, dict[str, DrawnCell]]]
    shared: list[Place]
    apart: int


def draw_cells(runs: Mapping[str, Sequence[Run]], n_draws: int = DRAWS, seed: int = 0) -> CellDraws:
    """The AUC of every training on every test manipulation, per level and head, with its draws.

    Parameters
    ----------
    runs : mapping of str to sequence of Run
        By head; one run a training.
    n_draws, seed : int
        All cells of all heads share the same draws of the same groups, so that differences between cells are paired.
    """
    tests = pd.concat([run.rows("test") for several in runs.values() for run in several])
    draws = group_draws(tests["group"].to_numpy(dtype=str), tests["label"].to_numpy(), n_draws, seed)
    found: dict[str, Any] = {level: {head: {} for head in runs} for level in LEVELS}
    whole: dict[str, Any] = {level: {head: {} for head in runs} for level in LEVELS}
    for level in LEVELS:
        for head, run in ((head, run) for head, several in runs.items() for run in several):
            table = run.at_level(run.rows("test"), level)
            parts = cells(table)
            for test, part in parts.items():
                found[level][head][run.train, test] = _drawn(part, run, level, draws)
            if run.trained_on is None and len(parts) > 1:
                whole[level][head][run.train] = _drawn(table, run, level, draws)
    places = [dict.fromkeys(of_head) for of_head in found[next(iter(LEVELS))].values()]
    shared = [place for place in places[0] if all(place in of_head for of_head in places)]
    every = {place for of_head in places for place in of_head}
    return CellDraws(runs, draws, found, whole, shared, len(every) - len(shared))


def _drawn(table: pd.DataFrame, run: Run, level: str, draws: GroupDraws) -> DrawnCell:
    fakes = table[table["label"] == 1]
    origin = "/".join(filter(None, fakes[["dataset", "compression"]].iloc[0]))
    rows = table[["label", "score", "group"]].set_index(table[ROW[level]])
    labels, scores, groups = (rows[name].to_numpy() for name in rows)
    values = with_draws(labels, scores, groups, draws)
    return DrawnCell(is_seen(table, run.trained_on), origin, rows, values, has_few_groups(table))


def figure(values: np.ndarray, few: bool) -> dict[str, Any]:
    """A value and its draws (1 + B,) as ``value``, ``low``, ``high`` and ``few_groups``."""
    return {"value": float(values[0]), **interval(values[1:], float(values[0])), "few_groups": few}


def difference(values: np.ndarray, few: bool) -> dict[str, Any]:
    """As `figure`, of what has no bound near it: the ends are the percentiles that a p-value counts."""
    return {"value": float(values[0]), **interval(values[1:]), "few_groups": few}


def mean_figure(of: Sequence[DrawnCell]) -> dict[str, Any] | None:
    """Mean over cells, joint in every draw; None of no cell."""
    if not of:
        return None
    return figure(np.mean([cell.values for cell in of], axis=0), any(cell.few_groups for cell in of))
