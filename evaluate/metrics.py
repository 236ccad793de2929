"""What a number is called and how it is computed: metrics as pure functions of labels and scores or decisions."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from cache.errors import choose
from evaluate.curve import check_labels, falling, roc, roc_area, roc_crossing
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
    "interpolated": lambda fpr, tpr: float(roc_crossing(fpr, tpr)),
    "nearest": lambda fpr, tpr: float(fpr[_nearest(fpr, tpr)]),
    "mean": lambda fpr, tpr: float((fpr + 1 - tpr)[_nearest(fpr, tpr)] / 2),
}


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Precision averaged over the recall gained at each threshold; grows with the share of fakes."""
    falling(labels, scores)  # the same refusals as everywhere
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


def confusion(labels: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    """Counts of true and false negatives and positives; positive = fake.

    Examples
    --------
    >>> confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]))
    {'tn': 1, 'fp': 1, 'fn': 1, 'tp': 2}
    """
    check_labels(labels)
    counts = np.bincount(2 * np.asarray(labels, int) + np.asarray(predicted, int), minlength=4)
    return dict(zip(("tn", "fp", "fn", "tp"), counts.tolist(), strict=True))


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows judged rightly; means something only beside `majority_baseline`."""
    counts = confusion(labels, predicted)
    return (counts["tp"] + counts["tn"]) / sum(counts.values())


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of the share of reals and the share of fakes judged rightly; guessing gives 0.5."""
    counts = confusion(labels, predicted)
    return (counts["tp"] / (counts["tp"] + counts["fn"]) + counts["tn"] / (counts["tn"] + counts["fp"])) / 2


def precision(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of fakes among what was called fake; 0 where nothing was."""
    counts = confusion(labels, predicted)
    called = counts["tp"] + counts["fp"]
    return counts["tp"] / called if called else 0.0


def recall(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the fakes that were called fake."""
    counts = confusion(labels, predicted)
    return counts["tp"] / (counts["tp"] + counts["fn"])


def f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Harmonic mean of precision and recall; grows with the share of fakes."""
    counts = confusion(labels, predicted)
    return 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"])


def majority_baseline(labels: np.ndarray) -> float:
    """Accuracy of always naming the larger class."""
    check_labels(labels)
    share = float(np.mean(labels))
    return max(share, 1 - share)


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
    interval : callable, optional
        Of FPR and TPR along the last axis: the same number for many weightings at once, where an interval is wanted.
    """

    function: Callable[..., float]
    reads: str
    title: str
    meaning: str
    interval: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


METRICS: dict[str, Metric] = {
    "auc": Metric(auc, "scores", "AUC", "chance that a fake scores above a real; 0.5 is guessing", roc_area),
    "eer": Metric(eer, "scores", "EER", "error rate where both classes err alike, interpolated", roc_crossing),
    "average_precision": Metric(average_precision, "scores", "AP", "average precision; depends on the share of fakes"),
    "tpr_at_fpr_1": Metric(
        partial(tpr_at_fpr, fpr=0.01), "scores", "TPR@1%", "fakes found while at most 1 % of the reals are flagged"
    ),
    "tpr_at_fpr_5": Metric(
        partial(tpr_at_fpr, fpr=0.05), "scores", "TPR@5%", "fakes found while at most 5 % of the reals are flagged"
    ),
    "balanced_accuracy": Metric(balanced_accuracy, "decisions", "Bal. acc.", "mean of the two classes' accuracy"),
    "accuracy": Metric(accuracy, "decisions", "Accuracy", "share judged rightly; compare with the majority class"),
    "precision": Metric(precision, "decisions", "Precision", "fakes among what was called fake"),
    "recall": Metric(recall, "decisions", "Recall", "fakes that were called fake"),
    "f1": Metric(f1, "decisions", "F1", "mean of precision and recall; depends on the share of fakes"),
    "log_loss": Metric(
        log_loss, "probabilities", "Log loss", "-ln of the probability of the true class, classes alike; 0.5 has 0.693"
    ),
    "brier_score": Metric(
        brier_score, "probabilities", "Brier", "squared distance of probability and label, classes alike; 0.5 has 0.25"
    ),
    "ece": Metric(
        calibration_error,
        "probabilities",
        "ECE",
        "expected calibration error: 15 bins, classes alike; few rows raise it",
    ),
}
