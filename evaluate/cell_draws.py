"""Every cell of several runs: its AUC, and that AUC in draws which all cells share, made once for all tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache.identity import connected_groups
from evaluate.compare import with_draws
from evaluate.folders import Run
from evaluate.intervals import DRAWS, GroupDraws, group_draws, interval
from evaluate.levels import LEVELS, cells, has_few_groups, is_seen

MOST_DRAWS = 10_000  # of videos
MANY_VIDEOS = 20_000  # of all runs together: more would take seconds and gigabytes
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
    paired : ndarray of float, shape (1 + B,)
        The AUC, then the AUC of each draw; NaN as from `evaluate.bootstrap.bootstrap`.
    n_draws : int
        How many of these draws make intervals; the others are for the p-values of many comparisons.
    few_groups : bool
    """

    seen: bool | None
    origin: str
    rows: pd.DataFrame
    paired: np.ndarray
    n_draws: int
    few_groups: bool

    @property
    def values(self) -> np.ndarray:
        """The AUC, then that of the draws behind intervals."""
        return self.paired[: 1 + self.n_draws]


class CellDraws(NamedTuple):
    """All cells of several heads.

    Attributes
    ----------
    runs : mapping of str to sequence of Run
        By head; one run a training. Groups that have a row in common, each in a run of its own, are one in all runs.
    draws : dict of GroupDraws
        By level, over the test rows of all runs; those of a level begin with those of the other.
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
    draws: dict[str, GroupDraws]
    cells: dict[str, dict[str, dict[Place, DrawnCell]]]
    whole: dict[str, dict[str, dict[str, DrawnCell]]]
    shared: list[Place]
    apart: int


def draw_cells(
    runs: Mapping[str, Sequence[Run]], n_draws: int = DRAWS, most: int = MOST_DRAWS, seed: int = 0
) -> CellDraws:
    """The AUC of every training on every test manipulation, per level and head, with its draws.

    Parameters
    ----------
    runs : mapping of str to sequence of Run
        By head; one run a training.
    n_draws, seed : int
        All cells of all heads share the same draws of the same groups, so that differences between cells are paired.
    most : int
        So many draws at video level, where there is room for them: corrected for their number, many comparisons need
        p-values smaller than ``2 / (n_draws + 1)``.
    """
    runs = _united(runs)
    tests = _tests(runs)
    videos = sum(run.rows("test")["video_id"].nunique() for several in runs.values() for run in several)
    many = max(n_draws, most) if videos <= MANY_VIDEOS else n_draws
    drawn = group_draws(tests["group"].to_numpy(dtype=str), tests["label"].to_numpy(), many, seed)
    draws = {"frame": drawn.first(n_draws), "video": drawn}
    found: dict[str, Any] = {level: {head: {} for head in runs} for level in LEVELS}
    whole: dict[str, Any] = {level: {head: {} for head in runs} for level in LEVELS}
    for level in LEVELS:
        for head, run in ((head, run) for head, several in runs.items() for run in several):
            table = run.at_level(run.rows("test"), level)
            parts = cells(table)
            for test, part in parts.items():
                found[level][head][run.train, test] = _drawn(part, run, level, draws[level], n_draws)
            if run.trained_on is None and len(parts) > 1:
                whole[level][head][run.train] = _drawn(table, run, level, draws[level], n_draws)
    places = [dict.fromkeys(of_head) for of_head in found[next(iter(LEVELS))].values()]
    shared = [place for place in places[0] if all(place in of_head for of_head in places)]
    every = {place for of_head in places for place in of_head}
    return CellDraws(runs, draws, found, whole, shared, len(every) - len(shared))


def _tests(runs: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    return pd.concat([run.rows("test") for several in runs.values() for run in several])


def _united(runs: Mapping[str, Sequence[Run]]) -> Mapping[str, Sequence[Run]]:
    """The runs with groups that agree: those that one row has in several runs become one.

    A difference would else depend on whose groups are drawn.
    """
    tests, shared = _tests(runs), []
    for row in ROW.values():
        of_row = tests[[row, "group"]].drop_duplicates()
        of_row = of_row[of_row[row].duplicated(keep=False)]
        shared += of_row.groupby(row)["group"].agg(tuple).drop_duplicates().tolist()
    if not shared:
        return runs
    united = zip(shared, connected_groups(shared), strict=True)
    names = {group: name for groups, name in united for group in groups}
    return {
        head: [
            replace(run, table=run.table.assign(group=run.table["group"].map(lambda name: names.get(name, name))))
            for run in several
        ]
        for head, several in runs.items()
    }


def _drawn(table: pd.DataFrame, run: Run, level: str, draws: GroupDraws, n_draws: int) -> DrawnCell:
    fakes = table[table["label"] == 1]
    origin = "/".join(filter(None, fakes[["dataset", "compression"]].iloc[0]))
    rows = table[["label", "score", "group"]].set_index(table[ROW[level]])
    labels, scores, groups = (rows[name].to_numpy() for name in rows)
    drawn = with_draws(labels, scores, groups, draws)
    return DrawnCell(is_seen(table, run.trained_on), origin, rows, drawn, n_draws, has_few_groups(table))


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
