"""The figures of a grid's cell: few, with intervals, and fast, because a grid has hundreds of cells."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluate.bootstrap import bootstrap
from evaluate.intervals import GroupDraws, group_draws, interval
from evaluate.levels import cells, counts, has_few_groups, is_seen
from evaluate.metrics import METRICS

FORMAT = 1
OF_CELLS = {"frame": ("auc",), "video": ("auc", "eer", "average_precision", "balanced_accuracy")}

Levels = Mapping[str, pd.DataFrame]  # "frame", "video" -> predictions


class Part(NamedTuple):
    """Rows that are measured together, at one level: all that does not depend on their scores."""

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    draws: GroupDraws
    n: dict[str, Any]
    few_groups: bool


class Measures(NamedTuple):
    """What is measured of cells that are tested on the same rows.

    Attributes
    ----------
    held : dict of Part, or None
        By level: out-of-fold rows; None where there is none of both classes.
    tests : dict of dict
        By manipulation: ``seen``, and a `Part` by level.
    """

    held: dict[str, Part] | None
    tests: dict[str, dict[str, Any]]


def plan_measures(tables: Levels, trained_on: Sequence[str]) -> Measures:
    """What is to be measured of predictions, whatever their scores.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Predictions of frames and of videos, with out-of-fold rows ("val") and test rows; scores are not read.
    trained_on : sequence of str
        As `evaluate.levels.is_seen` takes it.
    """
    numbered = {level: table.reset_index(drop=True) for level, table in tables.items()}
    held = {level: table[table["split"] == "val"] for level, table in numbered.items()}
    test = {level: table[table["split"] == "test"] for level, table in numbered.items()}
    drawn, of_held = (group_draws(of["video"]["group"], of["video"]["label"].to_numpy()) for of in (test, held))
    by_level = {level: cells(table) for level, table in test.items()}
    tests = {}
    for name, videos in by_level["video"].items():
        parts = {level: _part(by_level[level][name], drawn) for level in by_level}
        tests[name] = {"seen": is_seen(videos, trained_on), **parts}
    both = held["video"]["label"].nunique() == 2
    return Measures({level: _part(table, of_held) for level, table in held.items()} if both else None, tests)


def cell_metrics(
    measures: Measures, scores: Mapping[str, np.ndarray], thresholds: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What ``cell_metrics.json`` of a cell holds.

    Parameters
    ----------
    measures : Measures
    scores : mapping of str to ndarray of float
        By level, of the rows that the measures were planned of.
    thresholds : mapping
        ``value`` and ``source``, by level.

    Returns
    -------
    dict
        ``out_of_fold`` (None where there is no such row of both classes) and ``tests`` (by manipulation, with
        ``seen``), each by level: the metrics of `OF_CELLS` with value, low and high, ``threshold``, ``n`` and
        ``few_groups``.
    """

    def figures(parts: Mapping[str, Any]) -> dict[str, Any]:
        return {level: _figures(parts[level], level, scores[level], thresholds[level]) for level in OF_CELLS}

    return {
        "format": FORMAT,
        "out_of_fold": figures(measures.held) if measures.held else None,
        "tests": {name: {"seen": parts["seen"], **figures(parts)} for name, parts in measures.tests.items()},
    }


def _part(table: pd.DataFrame, draws: GroupDraws) -> Part:
    labels, groups = table["label"].to_numpy(int), table["group"].to_numpy()
    return Part(table.index.to_numpy(), labels, groups, draws, counts(table), has_few_groups(table))


def _figures(part: Part, level: str, of_all: np.ndarray, threshold: Mapping[str, Any]) -> dict[str, Any]:
    scores, cut = of_all[part.rows], threshold["value"]
    given = {"scores": scores, "decisions": (scores >= cut).astype(int)}
    drawn = bootstrap(part.labels, scores, part.groups, part.draws, OF_CELLS[level], cut)
    figures: dict[str, Any] = {}
    for name in OF_CELLS[level]:
        value = float(METRICS[name].function(part.labels, given[METRICS[name].reads]))
        figures[name] = {"value": value, **interval(drawn[name], value)}
    return {**figures, "threshold": dict(threshold), "n": part.n, "few_groups": part.few_groups}
