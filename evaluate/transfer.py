"""What a threshold that was chosen elsewhere costs on a set of rows, against the best that these rows allow."""

from typing import Any

import numpy as np

from evaluate.decisions import balanced_accuracy, recall, specificity
from evaluate.metrics import balanced_threshold, best_balanced_accuracy


def transfer(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    """Error rates at a threshold that came from elsewhere, and how much a threshold of these rows' own would gain.

    The best threshold has seen the answers: what it reaches is optimistic, a bound for comparison and no result.

    Parameters
    ----------
    labels, scores : ndarray, shape (n,)
        As in `evaluate.curve.roc`.
    threshold : float
        A score at or above it means fake.

    Returns
    -------
    dict
        ``fpr`` and ``fnr`` at the threshold; ``best_threshold`` and its ``best_balanced_accuracy``; ``cost``
        ``{"value"}``, the balanced accuracy lost against it, 0 or more.

    Examples
    --------
    >>> found = transfer(np.array([0, 0, 1, 1]), np.array([0.125, 0.25, 0.375, 0.75]), 0.5)
    >>> found["fpr"], found["fnr"], found["best_threshold"], found["best_balanced_accuracy"], found["cost"]
    (0.0, 0.5, 0.3125, 1.0, {'value': 0.25})
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    predicted = (scores >= threshold).astype(int)
    best = best_balanced_accuracy(labels, scores)
    return {
        "fpr": 1 - specificity(labels, predicted),
        "fnr": 1 - recall(labels, predicted),
        "best_threshold": balanced_threshold(labels, scores),
        "best_balanced_accuracy": best,
        "cost": {"value": max(0.0, best - balanced_accuracy(labels, predicted))},
    }
