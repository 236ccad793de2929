"""How far a score can be taken at its word as a probability, both classes weighed alike."""

from typing import NamedTuple

import numpy as np

from cache.errors import InputError
from evaluate.curve import check_scores
from evaluate.decisions import BATCH

BINS = 15
EDGE = float(np.finfo(float).eps)  # as near to 0 or 1 as a probability counts in the log loss


class Sums(NamedTuple):
    """Sums over the rows of each class (reals, then fakes), of one set or of b draws; shape (..., 2).

    Attributes
    ----------
    rows, losses, squares : ndarray of float
        Number of rows, sum of -ln(probability of the true class), and of (probability - label)^2.
    """

    rows: np.ndarray
    losses: np.ndarray
    squares: np.ndarray

    @property
    def log_loss(self) -> np.ndarray:
        """As the function `log_loss`; so is the other property."""
        return (self.losses / self.rows).mean(axis=-1)

    @property
    def brier_score(self) -> np.ndarray:
        return (self.squares / self.rows).mean(axis=-1)


class GroupSums:
    """The sums of each group, from which follow those of every draw of groups.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    scores : ndarray of float, shape (n,)
        Probabilities of fake.
    index : ndarray of int, shape (n,)
        Number of each row's group, below ``n_groups``.
    n_groups : int
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, index: np.ndarray, n_groups: int) -> None:
        check_probabilities(labels, scores)
        labels, scores = np.asarray(labels, int), np.asarray(scores, "f8")
        true = np.where(labels == 1, scores, 1 - scores)
        losses = -np.log(np.clip(true, EDGE, 1 - EDGE))
        sums = [np.bincount(2 * index + labels, values, 2 * n_groups) for values in (None, losses, (1 - true) ** 2)]
        self._sums = np.concatenate([of_class.reshape(n_groups, 2) for of_class in sums], axis=1)
        self.batch = BATCH

    def draw(self, multiplicities: np.ndarray) -> Sums:
        """Sums of b draws, of which ``multiplicities`` (b, G) tell how often each group is in them."""
        return Sums(*np.split(multiplicities @ self._sums, 3, axis=1))


def _sums(labels: np.ndarray, scores: np.ndarray) -> Sums:
    """Sums of one set of rows, drawn once; arrays have a leading axis of length 1."""
    return GroupSums(labels, scores, np.zeros(np.shape(labels), int), 1).draw(np.ones((1, 1)))


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean of -ln(the probability given to the true class), both classes alike; always answering 0.5 has 0.693.

    Probabilities of 0 and 1 count as the nearest number that has a finite logarithm.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    scores : ndarray of float, shape (n,)
        Probability of fake.

    Raises
    ------
    InputError
        One class is missing, or a score is no probability.
    """
    return float(_sums(labels, scores).log_loss[0])


def brier_score(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean of (probability - label)^2, both classes alike; always answering 0.5 has 0.25. As `log_loss` else."""
    return float(_sums(labels, scores).brier_score[0])


def calibration_error(labels: np.ndarray, scores: np.ndarray) -> float:
    """Expected calibration error: the mean distance of a bin's score from its share of fakes, both classes alike.

    Fifteen bins of equal width, as in the literature. Few rows leave few in a bin, which raises it: of 100 rows it is
    about 0.1 where every probability is right. As `log_loss` else.

    Examples
    --------
    >>> round(calibration_error(np.array([0, 0, 1, 1]), np.array([0.25, 0.25, 0.25, 0.75])), 6)
    0.125

    References
    ----------
    Guo et al., On calibration of modern neural networks (ICML 2017).
    """
    bins = reliability_bins(labels, scores)
    return float(bins.weight @ np.abs(bins.score - bins.fakes))


class Bins(NamedTuple):
    """Bins that hold a row, in rising order of score; each array has the shape (k,).

    Attributes
    ----------
    weight : ndarray of float
        Share of all rows, both classes alike; their sum is 1.
    score : ndarray of float
        Mean score.
    fakes : ndarray of float
        Share of fakes, both classes alike.
    """

    weight: np.ndarray
    score: np.ndarray
    fakes: np.ndarray


def reliability_bins(labels: np.ndarray, scores: np.ndarray) -> Bins:
    """Rows by score, in `BINS` bins of equal width; parameters and errors as in `log_loss`."""
    check_probabilities(labels, scores)
    labels, scores = np.asarray(labels, int), np.asarray(scores, "f8")
    weights = 0.5 / np.bincount(labels)[labels]
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    weight, score, fakes = (np.bincount(bins, weights * of, BINS) for of in (1.0, scores, labels))
    held = weight > 0
    return Bins(weight[held], score[held] / weight[held], fakes[held] / weight[held])


def check_probabilities(labels: np.ndarray, scores: np.ndarray) -> None:
    """Refuse what `log_loss` refuses."""
    check_scores(labels, scores)
    scores = np.asarray(scores)
    if scores.min() < 0 or scores.max() > 1:
        raise InputError(f"scores reach from {scores.min():g} to {scores.max():g}; a probability lies in 0 to 1")
