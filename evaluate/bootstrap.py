"""The bootstrap: metrics of the same rows in every draw of their groups."""

from collections.abc import Sequence

import numpy as np

from evaluate.curve import roc
from evaluate.intervals import GroupDraws
from evaluate.metrics import METRICS

CHUNK = 500_000  # weights held at once: small enough for a processor's cache


def bootstrap(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    draws: GroupDraws,
    metrics: Sequence[str] = ("auc",),
    threshold: float | None = None,
) -> dict[str, np.ndarray]:
    """Metrics of some rows in every draw.

    Parameters
    ----------
    labels, scores, groups : ndarray, shape (n,)
        The rows of one cell; their groups may be some of those drawn, so that several cells share the same draws.
    draws : GroupDraws
    metrics : sequence of str
        Names in `evaluate.metrics.METRICS`.
    threshold : float, optional
        A score at or above it means fake: needed by metrics that read decisions.

    Returns
    -------
    dict of ndarray of float, shape (B,)
        NaN where a draw left the cell with one class: to be left out and counted. All are NaN where a class has a
        single group: nothing varies then, and an interval of no width would pass for certainty.
    """
    labels, index = np.asarray(labels), draws.columns(np.asarray(groups, dtype=str))
    values = {name: np.full(len(draws.multiplicities), np.nan) for name in metrics}
    of_class = [np.unique(index[labels == label]) for label in (0, 1)]
    if min(map(len, of_class)) < 2:
        return values
    whole = np.all([draws.multiplicities[:, columns].any(axis=1) for columns in of_class], axis=0)
    step = max(1, CHUNK // max(1, len(labels)))
    for start in range(0, len(whole), step):
        rows = start + np.flatnonzero(whole[start : start + step])
        if len(rows):
            fpr, tpr, _ = roc(labels, scores, draws.multiplicities[rows][:, index])
            for name in metrics:
                statistic = METRICS[name].interval
                assert statistic is not None
                values[name][rows] = statistic(fpr, tpr)
    return values
