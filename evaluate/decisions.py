"""Metrics of decisions, from counts of right and wrong ones: of one set of rows, or of every draw of its groups."""

from typing import NamedTuple

import numpy as np

from evaluate.curve import check_labels

BATCH = 100  # draws to be made at a time: few enough that a hundred thousand groups fit in memory


class Counts(NamedTuple):
    """Right and wrong decisions, fake being positive; each a number, or an array with one a draw.

    Attributes
    ----------
    tn, fp, fn, tp : ndarray, shape () or (b,)
    """

    tn: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tp: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """As the function `accuracy`; so are the other properties."""
        return (self.tp + self.tn) / (self.tn + self.fp + self.fn + self.tp)

    @property
    def balanced_accuracy(self) -> np.ndarray:
        return (self.recall + self.specificity) / 2

    @property
    def precision(self) -> np.ndarray:
        return self.tp / np.maximum(self.tp + self.fp, 1)  # nothing called fake: 0 of 1

    @property
    def recall(self) -> np.ndarray:
        return self.tp / (self.tp + self.fn)

    @property
    def specificity(self) -> np.ndarray:
        return self.tn / (self.tn + self.fp)

    @property
    def f1(self) -> np.ndarray:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn)


class GroupCounts:
    """Right and wrong decisions of each group, from which follow those of every draw of groups.

    Parameters
    ----------
    labels, predicted : ndarray of int, shape (n,)
    index : ndarray of int, shape (n,)
        Number of each row's group, below ``n_groups``.
    n_groups : int
    """

    def __init__(self, labels: np.ndarray, predicted: np.ndarray, index: np.ndarray, n_groups: int) -> None:
        kind = 2 * np.asarray(labels, int) + np.asarray(predicted, int)
        self._counts = np.bincount(4 * index + kind, minlength=4 * n_groups).reshape(n_groups, 4)
        self.batch = BATCH

    def draw(self, multiplicities: np.ndarray) -> Counts:
        """Counts of b draws, of which ``multiplicities`` (b, G) tell how often each group is in them."""
        return Counts(*(multiplicities @ self._counts.astype(float)).T)


def confusion(labels: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    """Counts of true and false negatives and positives; positive = fake.

    Examples
    --------
    >>> confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]))
    {'tn': 1, 'fp': 1, 'fn': 1, 'tp': 2}
    """
    return {kind: int(count) for kind, count in _counts(labels, predicted)._asdict().items()}


def _counts(labels: np.ndarray, predicted: np.ndarray) -> Counts:
    check_labels(labels)
    return Counts(*np.bincount(2 * np.asarray(labels, int) + np.asarray(predicted, int), minlength=4))


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows judged rightly; means something only beside `majority_baseline`."""
    return float(_counts(labels, predicted).accuracy)


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of the share of reals and the share of fakes judged rightly; guessing gives 0.5."""
    return float(_counts(labels, predicted).balanced_accuracy)


def precision(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of fakes among what was called fake; 0 where nothing was."""
    return float(_counts(labels, predicted).precision)


def recall(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the fakes that were called fake: 1 - FNR."""
    return float(_counts(labels, predicted).recall)


def specificity(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the reals that were called real: 1 - FPR.

    Examples
    --------
    >>> specificity(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 1, 0]))
    0.75
    """
    return float(_counts(labels, predicted).specificity)


def f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Harmonic mean of precision and recall; grows with the share of fakes."""
    return float(_counts(labels, predicted).f1)


def majority_baseline(labels: np.ndarray) -> float:
    """Accuracy of always naming the larger class."""
    check_labels(labels)
    share = float(np.mean(labels))
    return max(share, 1 - share)
