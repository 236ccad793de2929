"""What a number is called and how it is computed: metrics as pure functions of labels and scores or decisions."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from cache.errors import choose
from evaluate import drawn_curves
from evaluate.curve import check_scores, roc, roc_area, roc_crossing
from evaluate.decisions import accuracy, balanced_accuracy, f1, precision, recall, specificity
from evaluate.reliability import brier_score, calibration_error, log_loss


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC: the chance that a fake scores above a real one, ties counted half.

    Parameters and errors as in `roc` (one weight a row).

    Examples
    --------
    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    fpr, tpr, _ = roc(labels, scores, weights)
    return float(roc_area(fpr, tpr))


def eer(labels: np.ndarray, scores: np.ndarray, convention: str = "interpolated") -> float:
    """Equal error rate: where as large a share of reals as of fakes is misjudged.

    Three conventions are in use, and on small sets they differ; all are taken on the full ROC here. scikit-learn's
    ``roc_curve`` drops points by default, so "nearest" and "mean" on its output can give other numbers.

    Parameters
    ----------
    labels, scores : ndarray, shape (n,)
        As in `roc`.
    convention : {"interpolated", "nearest", "mean"}
        The crossing of FPR and FNR on the line between the two points around it; the FPR of the point where they
        are nearest; the mean of FPR and FNR of that point.

    Examples
    --------
    >>> labels, scores = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.7, 0.6, 0.9])
    >>> [round(eer(labels, scores, name), 4) for name in ("interpolated", "nearest", "mean")]
    [0.3333, 0.3333, 0.4167]
    """
    fpr, tpr, _ = roc(labels, scores)
    return choose(EER_CONVENTIONS, convention, "EER convention")(fpr, tpr)


def _nearest(fpr: np.ndarray, tpr: np.ndarray) -> int:
    return int(np.argmin(np.abs(fpr + tpr - 1)))


EER_CONVENTIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "interpolated": lambda fpr, tpr: min(1.0, float(roc_crossing(fpr, tpr))),  # rounding goes beyond
    "nearest": lambda fpr, tpr: float(fpr[_nearest(fpr, tpr)]),
    "mean": lambda fpr, tpr: float((fpr + 1 - tpr)[_nearest(fpr, tpr)] / 2),
}


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Precision averaged over the recall gained at each threshold; grows with the share of fakes."""
    check_scores(labels, scores)
    return float(average_precision_score(labels, scores))


def tpr_at_fpr(labels: np.ndarray, scores: np.ndarray, fpr: float) -> float:
    """Highest share of fakes found by a threshold that flags at most the share ``fpr`` of the reals.

    No interpolation: with 30 reals, FPR <= 1 % means none of them.
    """
    false, true, _ = roc(labels, scores)
    return float(true[false <= fpr].max())


def balanced_threshold(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Threshold of highest balanced accuracy, where a row is called fake at or above it.

    It lies midway between two neighbouring scores; of several equally good ones, the middle one is taken.

    Parameters and errors as in `roc` (one weight a row).

    Examples
    --------
    >>> balanced_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.25, 0.75, 0.8]))
    0.5
    """
    fpr, tpr, cuts = roc(labels, scores, weights)
    gain = tpr - fpr
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    at = int(best[len(best) // 2])
    if at == 0:
        return float(np.nextafter(cuts[1], np.inf))
    if at == len(cuts) - 1:
        return float(cuts[at])
    middle = cuts[at + 1] + (cuts[at] - cuts[at + 1]) / 2
    return float(middle if middle > cuts[at + 1] else cuts[at])


def best_balanced_accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Highest balanced accuracy that any threshold reaches: optimistic, as the threshold has seen the answers.

    Examples
    --------
    >>> best_balanced_accuracy(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    fpr, tpr, _ = roc(labels, scores)
    return float((np.max(tpr - fpr) + 1) / 2)


class Metric(NamedTuple):
    """One entry of `METRICS`.

    Attributes
    ----------
    function : callable
        Of labels and scores, or where ``reads`` is "decisions", of labels and decisions (0, 1).
    reads : {"scores", "decisions", "probabilities"}
        Whether the metric ranks, judges at a threshold, or takes scores for probabilities: it has a value only where
        they are meant as such.
    title : str
        What tables call it.
    meaning : str
        One sentence for the reader of a report.
    drawn : callable, optional
        The same number for b draws of the rows' groups at once, shape (b,): of `evaluate.drawn_curves.Curves`,
        `evaluate.decisions.Counts` or `evaluate.reliability.Sums`, by what the metric ``reads``. Without it the metric
        has no interval, for its draws do not lie about it.
    """

    function: Callable[..., float]
    reads: str
    title: str
    meaning: str
    drawn: Callable[[Any], np.ndarray] | None = None


METRICS: dict[str, Metric] = {
    "auc": Metric(auc, "scores", "AUC", "chance that a fake scores above a real; 0.5 is guessing", drawn_curves.area),
    "eer": Metric(eer, "scores", "EER", "error rate where both classes err alike, interpolated", drawn_curves.crossing),
    "average_precision": Metric(
        average_precision,
        "scores",
        "AP",
        "average precision; depends on the share of fakes",
        drawn_curves.precision_average,
    ),
    "tpr_at_fpr_1": Metric(
        partial(tpr_at_fpr, fpr=0.01),
        "scores",
        "TPR@1%",
        "fakes found while at most 1 % of the reals are flagged",
        partial(drawn_curves.caught_at, fpr=0.01),
    ),
    "tpr_at_fpr_5": Metric(
        partial(tpr_at_fpr, fpr=0.05),
        "scores",
        "TPR@5%",
        "fakes found while at most 5 % of the reals are flagged",
        partial(drawn_curves.caught_at, fpr=0.05),
    ),
    "balanced_accuracy": Metric(
        balanced_accuracy,
        "decisions",
        "Bal. acc.",
        "mean of the two classes' accuracy",
        attrgetter("balanced_accuracy"),
    ),
    "accuracy": Metric(
        accuracy,
        "decisions",
        "Accuracy",
        "share judged rightly; compare with the majority class",
        attrgetter("accuracy"),
    ),
    "precision": Metric(
        precision, "decisions", "Precision", "fakes among what was called fake", attrgetter("precision")
    ),
    "recall": Metric(recall, "decisions", "Recall", "fakes that were called fake", attrgetter("recall")),
    "specificity": Metric(
        specificity, "decisions", "Specificity", "reals that were called real", attrgetter("specificity")
    ),
    "f1": Metric(
        f1, "decisions", "F1", "mean of precision and recall; depends on the share of fakes", attrgetter("f1")
    ),
    "log_loss": Metric(
        log_loss,
        "probabilities",
        "Log loss",
        "-ln of the probability of the true class, classes alike; 0.5 has 0.693",
        attrgetter("log_loss"),
    ),
    "brier_score": Metric(
        brier_score,
        "probabilities",
        "Brier",
        "squared distance of probability and label, classes alike; 0.5 has 0.25",
        attrgetter("brier_score"),
    ),
    "ece": Metric(
        calibration_error,
        "probabilities",
        "ECE",
        "expected calibration error: 15 bins, classes alike; few rows raise it; no interval: draws raise it too",
    ),
}
