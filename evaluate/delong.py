"""DeLong's test: two AUCs of the same rows, where the rows are independent of each other."""

import numpy as np
from scipy.stats import norm, rankdata

from evaluate.curve import check_labels

NOTHING = 1e-12  # a variance or difference below it is rounding


def delong(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float | None:
    """Two-sided p-value for equal AUCs of two scores on the same independent rows, ties counted half.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    first, second : ndarray of float, shape (n,)

    Returns
    -------
    float or None
        1 where the AUCs are equal and nothing varies; None where there is no variance to judge a difference by, as
        with a class of one row or two perfect separations of opposite sign.

    Raises
    ------
    InputError
        A class is missing.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves, Biometrics 44 (1988) 837-845; by midranks: Sun & Xu, Fast Implementation of DeLong's
    Algorithm, IEEE Signal Processing Letters 21 (2014) 1389-1393.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> delong(labels, np.array([1, 2, 3, 4, 5, 6]), np.array([1, 2, 3, 4, 5, 6]))
    1.0
    """
    check_labels(labels)
    fakes, reals = (_placements(np.asarray(labels) == label, (first, second)) for label in (1, 0))
    difference = float(np.diff(fakes.mean(axis=1))[0])
    if min(fakes.shape[1], reals.shape[1]) < 2:
        return None
    variance = sum(float(np.diff(of, axis=0).var(ddof=1)) / of.shape[1] for of in (fakes, reals))
    if variance < NOTHING:
        return 1.0 if abs(difference) < NOTHING else None
    return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def _placements(members: np.ndarray, scores: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """For each row of a class, which share of the other class's scores lies below its own, ties half; shape (2, m)."""
    others = int((~members).sum())
    return np.array([(rankdata(of)[members] - rankdata(np.asarray(of)[members])) / others for of in scores])
