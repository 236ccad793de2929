"""The bootstrap: metrics of the same rows in every draw of their groups."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from threadpoolctl import ThreadpoolController

from cache.errors import choose
from evaluate.curve import check_scores
from evaluate.decisions import BATCH, GroupCounts
from evaluate.drawn_curves import GroupRanks
from evaluate.intervals import GroupDraws, sorted_names
from evaluate.metrics import METRICS
from evaluate.reliability import GroupSums


def bootstrap(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | pd.Series,
    draws: GroupDraws,
    metrics: Sequence[str] = ("auc",),
    threshold: float | None = None,
) -> dict[str, np.ndarray]:
    """Metrics of some rows in every draw: of each, what the metric is of the rows repeated as often as drawn.

    Parameters
    ----------
    labels, scores, groups : ndarray, shape (n,)
        The rows of one cell; their groups may be some of those drawn, so that several cells share the same draws.
    draws : GroupDraws
    metrics : sequence of str
        Names in `evaluate.metrics.METRICS` of those that have draws.
    threshold : float, optional
        A score at or above it means fake: needed by metrics that read decisions.

    Returns
    -------
    dict of ndarray of float, shape (B,)
        NaN where a draw left the cell with one class: to be left out and counted. All are NaN where a class has a
        single group: nothing varies then, and an interval of no width would pass for certainty.

    Raises
    ------
    InputError
        Unknown metric, one class only, a score that is not finite, or, where a metric reads probabilities, that is
        none.
    ValueError
        A metric reads decisions, and there is no threshold.
    """
    drawable = {name: metric for name, metric in METRICS.items() if metric.drawn}
    chosen = {name: choose(drawable, name, "metric") for name in metrics}
    check_scores(labels, scores)
    labels, scores = np.asarray(labels, int), np.asarray(scores, "f8")
    names, index = sorted_names(groups)
    columns = draws.columns(names)
    values = {name: np.full(len(draws.multiplicities), np.nan) for name in chosen}
    holds = np.zeros((len(columns), 2), bool)
    holds[index, labels] = True
    if holds.sum(axis=0).min() < 2:
        return values
    whole = _whole(draws, columns, holds)
    with _threads().limit(limits=1):  # products of small matrices: threads would wait for each other
        for reads in dict.fromkeys(metric.reads for metric in chosen.values()):
            of_groups = _of_groups(reads, labels, scores, index, len(columns), threshold)
            for rows in np.split(whole, range(of_groups.batch, len(whole), of_groups.batch)):
                drawn = of_groups.draw(_drawn(draws, rows, columns))
                for name, metric in chosen.items():
                    if metric.drawn and metric.reads == reads:
                        values[name][rows] = metric.drawn(drawn)
    return values


def _drawn(draws: GroupDraws, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Multiplicities of some groups in some draws; of a few at a time, for all take as much memory again."""
    of_all = draws.multiplicities[rows]
    return of_all if len(columns) == len(draws.names) else np.take(of_all, columns, axis=1)


def _whole(draws: GroupDraws, columns: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Draws with both classes, of which ``holds`` (G, 2) tells which of the groups has them."""
    every = np.arange(len(draws.multiplicities))
    batches = (_drawn(draws, rows, columns) for rows in np.split(every, range(BATCH, len(every), BATCH)))
    return np.flatnonzero(np.concatenate([(batch.astype(bool) @ holds).all(axis=1) for batch in batches]))


@cache
def _threads() -> ThreadpoolController:
    """Looks for the libraries that compute, which takes longer than a small bootstrap: once."""
    return ThreadpoolController()


def _of_groups(
    reads: str, labels: np.ndarray, scores: np.ndarray, index: np.ndarray, n_groups: int, threshold: float | None
) -> GroupRanks | GroupCounts | GroupSums:
    """What stays the same from draw to draw, by what a metric reads."""
    if reads == "scores":
        return GroupRanks(labels, scores, index, n_groups)
    if reads == "probabilities":
        return GroupSums(labels, scores, index, n_groups)
    if threshold is None:
        raise ValueError("metrics of decisions are drawn at a threshold")
    return GroupCounts(labels, (scores >= threshold).astype(int), index, n_groups)
