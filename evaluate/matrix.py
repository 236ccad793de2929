"""Runs of several trainings side by side: train x test tables, what was seen against what was not, heads in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from evaluate.cell_draws import CellDraws, DrawnCell, Place, difference, figure, mean_figure
from evaluate.folders import Run
from evaluate.intervals import lost_draws
from evaluate.levels import LEVELS
from evaluate.metrics import auc

UNKNOWN = "unknown"  # the training of scores that come without a word on it
DIGITS = 12  # AUCs that differ by less are the same; sums of floats are not exact


def matrices(drawn: CellDraws) -> dict[str, dict[str, Any]]:
    """AUC of every training on every test manipulation, and the means of each head, per level and head.

    Returns
    -------
    dict
        ``[level][head]`` -> ``trains``, ``tests``, ``cells`` (``[train][test]`` -> seen, value, low, high,
        few_groups), ``seen`` and ``unseen`` (mean over the cells of each kind), ``gap`` (their difference), ``mean``
        (over all of them, of whatever kind), each with value, low, high, few_groups, or None where there is no such
        cell, ``mean_rank`` (rank among the heads by AUC, 1 the best, mean over the cells; None of a single head),
        ``unseen_each`` (by test manipulation: mean over the ``trainings`` that did not see it), ``each`` (by test
        manipulation, of runs whose training is unknown), ``datasets`` (`by_dataset`), ``out_of_fold`` (mean over the
        trainings, and by training) and ``one_class_draws``. All means are over the cells that every head has,
        ``shared`` of them; ``apart`` others stand in ``cells`` alone. The heads stand in the order of their mean
        out-of-fold AUC, never of a test figure.
    """
    found = {}
    for level in LEVELS:
        ranks = _mean_ranks(drawn, level)
        tables = {head: _table(drawn, level, head) | {"mean_rank": ranks[head]} for head in drawn.runs}
        found[level] = {head: tables[head] for head in sorted(tables, key=lambda head: _order(tables[head]))}
    return found


def out_of_fold(run: Run, level: str) -> float | None:
    """AUC of the training side's out-of-fold scores; None where the run has none of both classes."""
    table = run.at_level(run.rows("val"), level) if len(run.rows("val")) else run.rows("val")
    if table["label"].nunique() < 2:
        return None
    return auc(table["label"].to_numpy(), table["score"].to_numpy())


def _order(table: dict[str, Any]) -> tuple[bool, float]:
    value = table["out_of_fold"]["value"]
    return value is None, -(value or 0.0)


def _table(drawn: CellDraws, level: str, head: str) -> dict[str, Any]:
    runs, of_head = drawn.runs[head], drawn.cells[level][head]
    shared = {place: of_head[place] for place in drawn.shared}
    seen, unseen = (_of_kind(shared, kind) for kind in (True, False))
    tests = list(dict.fromkeys(test for _, test in of_head))
    return {
        "trains": [run.train for run in runs],
        "tests": tests,
        "cells": {
            run.train: {test: _shown(cell) for (train, test), cell in of_head.items() if train == run.train}
            for run in runs
        },
        "seen": mean_figure(seen),
        "unseen": mean_figure(unseen),
        "gap": _gap(seen, unseen),
        "mean": mean_figure(list(shared.values())),
        "unseen_each": _each(shared, tests, False),
        "each": _each(shared, tests, None),
        "datasets": by_dataset(drawn, level, head),
        "out_of_fold": _out_of_fold_mean(runs, level, {train for train, _ in drawn.shared}),
        "one_class_draws": _lost_draws(list(shared.values())),
        "shared": len(drawn.shared),
        "apart": drawn.apart,
    }


def _shown(cell: DrawnCell) -> dict[str, Any]:
    return {"seen": cell.seen, **figure(cell.values, cell.few_groups)}


def _of_kind(cells: Mapping[Place, DrawnCell], kind: bool | None) -> list[DrawnCell]:
    return [cell for cell in cells.values() if cell.seen is kind]


def _each(cells: Mapping[Place, DrawnCell], tests: Sequence[str], kind: bool | None) -> dict[str, Any]:
    """Mean over the trainings, by test manipulation, of cells of one kind."""
    found = {}
    for name in tests:
        of = _of_kind({place: cell for place, cell in cells.items() if place[1] == name}, kind)
        if mean := mean_figure(of):
            found[name] = {**mean, "trainings": len(of)}
    return found


def _gap(seen: Sequence[DrawnCell], unseen: Sequence[DrawnCell]) -> dict[str, Any] | None:
    if not seen or not unseen:
        return None
    means = [np.mean([cell.values for cell in of], axis=0) for of in (seen, unseen)]
    return difference(means[0] - means[1], any(cell.few_groups for cell in (*seen, *unseen)))


def _mean_ranks(drawn: CellDraws, level: str) -> dict[str, dict[str, Any] | None]:
    """Rank of each head by AUC in each shared cell, in the data and in every draw, averaged over the cells.

    Ties have the mean of their ranks.

    References
    ----------
    Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), section 3.2.2 (ranks over
    data sets; here with an interval in place of his test, for the cells share samples).
    """
    heads = list(drawn.runs)
    if len(heads) < 2 or not drawn.shared:
        return dict.fromkeys(heads)
    cells = [[drawn.cells[level][head][place] for place in drawn.shared] for head in heads]
    values = np.array([[cell.values for cell in of_head] for of_head in cells])  # (heads, cells, 1 + B)
    ranks = rankdata(-values.round(DIGITS), axis=0, nan_policy="propagate").mean(axis=1)
    few = any(cell.few_groups for of_head in cells for cell in of_head)
    return {head: figure(of_head, few) for head, of_head in zip(heads, ranks, strict=True)}


def _out_of_fold_mean(runs: Sequence[Run], level: str, shared: set[str]) -> dict[str, Any]:
    """Mean over the trainings that all heads share, where each has one; and by training."""
    folds = {run.train: out_of_fold(run, level) for run in runs}
    counted = [folds[train] for train in sorted(shared)]
    known = [value for value in counted if value is not None]
    return {"value": float(np.mean(known)) if known and len(known) == len(counted) else None, "by_train": folds}


def _lost_draws(of: Sequence[DrawnCell]) -> int:
    return lost_draws(np.sum([cell.values[1:] for cell in of], axis=0)) if of else 0


def by_dataset(drawn: CellDraws, level: str, head: str) -> list[dict[str, Any]]:
    """Mean AUC of each training over the manipulations of each data set (and compression).

    Returns
    -------
    list of dict
        ``train``, ``trained_on`` (with data sets, as far as the run tells), ``dataset``, ``value``, ``low``,
        ``high``, ``few_groups``, ``manipulations`` (how many), ``seen`` (how many of these were trained on; None:
        unknown). Empty where the test rows of all heads come from one data set.
    """
    origins = {cell.origin for of_head in drawn.cells[level].values() for cell in of_head.values()}
    if len(origins) < 2:
        return []
    records = []
    for run in drawn.runs[head]:
        mine = [cell for (train, _), cell in drawn.cells[level][head].items() if train == run.train]
        for origin in dict.fromkeys(cell.origin for cell in mine):
            of = [cell for cell in mine if cell.origin == origin]
            seen = None if any(cell.seen is None for cell in of) else sum(bool(cell.seen) for cell in of)
            counts = {"manipulations": len(of), "seen": seen}
            place = {"train": run.train, "trained_on": run.trained_on, "dataset": origin}
            records.append({**place, **(mean_figure(of) or {}), **counts})
    return records
