"""The bootstrap: metrics of the same rows in every draw of their groups."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from cache.errors import choose
from evaluate.curve import falling
from evaluate.decisions import BATCH, GroupCounts
from evaluate.drawn_curves import GroupRanks
from evaluate.intervals import GroupDraws
from evaluate.metrics import METRICS
from evaluate.reliability import GroupSums


def bootstrap(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
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
    falling(labels, scores)  # the same refusals as everywhere
    labels, scores = np.asarray(labels, int), np.asarray(scores, "f8")
    columns, index = np.unique(draws.columns(np.asarray(groups, dtype=str)), return_inverse=True)
    values = {name: np.full(len(draws.multiplicities), np.nan) for name in chosen}
    holds = np.zeros((len(columns), 2), bool)
    holds[index, labels] = True
    if holds.sum(axis=0).min() < 2:
        return values
    multiplicities = draws.multiplicities
    if len(columns) < len(draws.names):
        multiplicities = np.take(multiplicities, columns, axis=1)
    whole = _whole(multiplicities, holds)
    with _threads().limit(limits=1):  # products of small matrices: threads would wait for each other
        for reads in dict.fromkeys(metric.reads for metric in chosen.values()):
            of_groups = _of_groups(reads, labels, scores, index, len(columns), threshold)
            for rows in np.split(whole, range(of_groups.batch, len(whole), of_groups.batch)):
                drawn = of_groups.draw(multiplicities[rows])
                for name, metric in chosen.items():
                    if metric.drawn and metric.reads == reads:
                        values[name][rows] = metric.drawn(drawn)
    return values


def _whole(multiplicities: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Draws with both classes, of which ``holds`` (G, 2) tells which group has them."""
    batches = np.split(multiplicities, range(BATCH, len(multiplicities), BATCH))
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
