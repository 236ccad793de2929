"""Runs of several trainings side by side: train x test tables, what was seen against what was not, heads in order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluate.bootstrap import bootstrap
from evaluate.folders import Run
from evaluate.intervals import DRAWS, GroupDraws, group_draws, interval, lost_draws
from evaluate.levels import LEVELS, cells, has_few_groups, is_seen
from evaluate.metrics import auc

Cell = tuple[str, str]  # training, test


def compare(runs: Mapping[str, Sequence[Run]], n_draws: int = DRAWS, seed: int = 0) -> dict[str, dict[str, Any]]:
    """AUC of every training on every test manipulation, per level and head.

    Parameters
    ----------
    runs : mapping of str to sequence of Run
        By head; one run a training.
    n_draws, seed : int
        All cells of all heads share the same draws of the same groups, so that differences between cells are paired.

    Returns
    -------
    dict
        ``[level][head]`` -> ``trains``, ``tests``, ``cells`` (``[train][test]`` -> seen, value, low, high,
        few_groups), ``seen`` and ``unseen`` (mean over the cells of each kind), ``gap`` (their difference), each with
        value, low, high, few_groups, or None where there is no such cell, ``unseen_each`` (the same by test
        manipulation: mean over the ``trainings`` that did not see it), ``out_of_fold`` (mean over the trainings, and
        by training) and ``one_class_draws``. All means are over the cells that every head has, ``shared`` of them;
        ``apart`` others stand in ``cells`` alone. The heads stand in the order of their mean out-of-fold AUC, never
        of a test figure.
    """
    tests = pd.concat([run.rows("test") for several in runs.values() for run in several])
    draws = group_draws(tests["group"].to_numpy(dtype=str), tests["label"].to_numpy(), n_draws, seed)
    places = [{(run.train, name) for run, name, _ in _cells(several, "frame")} for several in runs.values()]
    shared = set.intersection(*places)
    counts = {"shared": len(shared), "apart": len(set.union(*places) - shared)}
    found = {}
    for level in LEVELS:
        tables = {head: _table(several, level, draws, shared) | counts for head, several in runs.items()}
        found[level] = {head: tables[head] for head in sorted(tables, key=lambda head: _rank(tables[head]))}
    return found


def out_of_fold(run: Run, level: str) -> float | None:
    """AUC of the training side's out-of-fold scores; None where the run has none of both classes."""
    table = run.at_level(run.rows("val"), level) if len(run.rows("val")) else run.rows("val")
    if table["label"].nunique() < 2:
        return None
    return auc(table["label"].to_numpy(), table["score"].to_numpy())


def _rank(table: dict[str, Any]) -> tuple[bool, float]:
    value = table["out_of_fold"]["value"]
    return value is None, -(value or 0.0)


def _table(runs: Sequence[Run], level: str, draws: GroupDraws, shared: set[Cell]) -> dict[str, Any]:
    shown: dict[str, dict[str, Any]] = {run.train: {} for run in runs}
    # Shared cells, seen or not, or nobody knows: the value, then B draws.
    values: dict[bool | None, list[np.ndarray]] = {True: [], False: [], None: []}
    few: dict[bool | None, bool] = {True: False, False: False, None: False}
    each: dict[str, list[tuple[np.ndarray, bool]]] = {}  # shared unseen cells by their test manipulation
    for run, name, cell in _cells(runs, level):
        labels, scores = cell["label"].to_numpy(), cell["score"].to_numpy()
        drawn = bootstrap(labels, scores, cell["group"].to_numpy(dtype=str), draws, ("auc",))["auc"]
        seen = is_seen(cell, run.trained_on)
        value_and_draws, few_here = np.append(auc(labels, scores), drawn), has_few_groups(cell)
        shown[run.train][name] = {"seen": seen, **_with_interval(value_and_draws, few_here)}
        if (run.train, name) in shared:
            values[seen].append(value_and_draws)
            few[seen] |= few_here
            if not seen:
                each.setdefault(name, []).append((value_and_draws, few_here))
    seen_mean, unseen_mean = (np.mean(values[kind], axis=0) if values[kind] else None for kind in (True, False))
    both = None if seen_mean is None or unseen_mean is None else seen_mean - unseen_mean
    folds = {run.train: out_of_fold(run, level) for run in runs}
    counted = [folds[train] for train in sorted({train for train, _ in shared})]
    known = [value for value in counted if value is not None]
    out_of_fold_mean = float(np.mean(known)) if known and len(known) == len(counted) else None
    drawn_sum = np.sum([*values[True], *values[False], *values[None], np.zeros(1 + len(draws.multiplicities))], axis=0)
    tests = list(dict.fromkeys(name for row in shown.values() for name in row))
    return {
        "trains": list(shown),
        "tests": tests,
        "cells": shown,
        "seen": None if seen_mean is None else _with_interval(seen_mean, few[True]),
        "unseen": None if unseen_mean is None else _with_interval(unseen_mean, few[False]),
        "unseen_each": {name: _mean(each[name]) for name in tests if name in each},
        "gap": None if both is None else _with_interval(both, any(few.values())),
        "out_of_fold": {"value": out_of_fold_mean, "by_train": folds},
        "one_class_draws": lost_draws(drawn_sum[1:]),
    }


def _cells(runs: Sequence[Run], level: str) -> Iterator[tuple[Run, str, pd.DataFrame]]:
    for run in runs:
        for name, cell in cells(run.at_level(run.rows("test"), level)).items():
            yield run, name, cell


def _mean(cells_: Sequence[tuple[np.ndarray, bool]]) -> dict[str, Any]:
    mean = np.mean([values for values, _ in cells_], axis=0)
    return {**_with_interval(mean, any(few for _, few in cells_)), "trainings": len(cells_)}


def _with_interval(values: np.ndarray, few: bool) -> dict[str, Any]:
    return {"value": float(values[0]), **interval(values[1:]), "few_groups": few}
