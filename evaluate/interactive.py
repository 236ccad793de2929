"""What a page needs to move the threshold of a run: counts at a few hundred thresholds, however many rows there are."""

from typing import Any

import numpy as np
import pandas as pd

from evaluate.caveats import ALL
from evaluate.curve import check_labels
from evaluate.drawing import evenly
from evaluate.folders import Run
from evaluate.levels import LEVELS, cells

THRESHOLDS = 400  # more than a slider has pixels on a phone
BINS = 50


def movable(run: Run) -> list[dict[str, Any]]:
    """Each test manipulation, and all test rows where there are several, at each level.

    Returns
    -------
    list of dict
        ``name`` and for each level what `operating_points` and `histogram` give of its test rows, at the run's own
        threshold; plain numbers, ready for JSON.
    """
    found: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        table = run.at_level(run.rows("test"), level)
        parts = cells(table)
        for name, rows in (parts | {ALL: table} if len(parts) > 1 else parts).items():
            found.setdefault(name, {"name": name})[level] = _counted(rows, run.threshold(level)["value"])
    return list(found.values())


def _counted(rows: pd.DataFrame, threshold: float) -> dict[str, Any]:
    labels, scores = rows["label"].to_numpy(), rows["score"].to_numpy()
    return operating_points(labels, scores, threshold) | histogram(labels, scores, threshold)


def operating_points(
    labels: np.ndarray, scores: np.ndarray, threshold: float, most: int = THRESHOLDS
) -> dict[str, Any]:
    """How many reals and fakes are called fake, at thresholds that lie evenly along the ROC and the scores.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    scores : ndarray of float, shape (n,)
        A row is called fake where its score is at or above a threshold.
    threshold : float
        Stands among the thresholds exactly.
    most : int
        So many thresholds beside it.

    Returns
    -------
    dict
        ``real``, ``fake`` (rows of each class), ``threshold``; ``cuts`` (rising, from "all fake" to "all real", at most
        ``most`` + 1), ``fp`` and ``tp`` (reals and fakes at or above each, exact counts).

    Raises
    ------
    InputError
        One class is missing.

    Examples
    --------
    >>> found = operating_points(np.array([0, 0, 1]), np.array([0.25, 0.5, 0.75]), 0.4)
    >>> found["cuts"][:4], found["fp"], found["tp"]
    ([0.25, 0.4, 0.5, 0.75], [2, 1, 1, 0, 0], [1, 1, 1, 1, 0])
    """
    check_labels(labels)
    classes = [np.sort(scores[labels == label]) for label in (0, 1)]
    cuts = np.unique(scores)
    cuts = np.append(cuts, np.nextafter(cuts[-1], np.inf))  # above all: nothing is called fake
    shares = [_at_or_above(ranked, cuts) / len(ranked) for ranked in classes]
    kept = np.union1d(cuts[evenly(most, cuts, *shares)], threshold)
    counts = [_at_or_above(ranked, kept).tolist() for ranked in classes]
    sizes = {"real": len(classes[0]), "fake": len(classes[1]), "threshold": float(threshold)}
    return sizes | {"cuts": kept.tolist(), "fp": counts[0], "tp": counts[1]}


def _at_or_above(ranked: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    return len(ranked) - np.searchsorted(ranked, cuts)


def histogram(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    """Rows of each class in bins of equal width that hold every score and the threshold: ``low``, ``high``, ``bins``.

    Not from 0 to 1: the scores of some heads differ in their third digit alone.

    Examples
    --------
    >>> found = histogram(np.array([0, 1]), np.array([0.25, 0.5]), 0.75)
    >>> found["low"], found["high"], sum(found["bins"]["real"])
    (0.25, 0.75, 1)
    """
    low, high = min(threshold, float(scores.min())), max(threshold, float(scores.max()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = [np.histogram(scores[labels == label], BINS, (low, high))[0].tolist() for label in (0, 1)]
    return {"low": low, "high": high, "bins": {"real": counts[0], "fake": counts[1]}}
