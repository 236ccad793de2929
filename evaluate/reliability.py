"""How far a score can be taken at its word as a probability, both classes weighed alike."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as weighted_log_loss

from cache.errors import InputError
from evaluate.curve import falling

BINS = 15


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
    weights = class_weights(labels, scores)
    return float(weighted_log_loss(labels, scores, sample_weight=weights, labels=[0, 1]))


def brier_score(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean of (probability - label)^2, both classes alike; always answering 0.5 has 0.25. As `log_loss` else."""
    weights = class_weights(labels, scores)
    return float(brier_score_loss(labels, scores, sample_weight=weights, pos_label=1))


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
    return float(np.sum(bins.weight * np.abs(bins.score - bins.fakes)))


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
    weights = class_weights(labels, scores)
    place = np.minimum((np.asarray(scores) * BINS).astype(int), BINS - 1)
    sums = [np.bincount(place, weights * values, BINS) for values in (1.0, scores, labels)]
    held = sums[0] > 0
    weight, score, fakes = (values[held] for values in sums)
    return Bins(weight, score / weight, fakes / weight)


def class_weights(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Weight of each row such that each class has one half, shape (n,); refuses as `log_loss` does."""
    falling(labels, scores)  # the same refusals as everywhere
    scores = np.asarray(scores)
    if scores.min() < 0 or scores.max() > 1:
        raise InputError(f"scores reach from {scores.min():g} to {scores.max():g}; a probability lies in 0 to 1")
    labels = np.asarray(labels, int)
    return 0.5 / np.bincount(labels)[labels]
