"""The ROCs of many draws of groups at once, and what is read from them without laying out every point."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from evaluate.curve import falling, roc_crossing

CHUNK = 200_000  # rows of all draws held at once: small enough for a processor's cache
RUN = 16  # rows that are summed at a time


class Points:
    """Where the points of a ROC lie among the rows of each class in falling order of score; the same in every draw.

    Parameters
    ----------
    fakes, reals : ndarray of int, shape (k + 1,)
        How many rows of the class lie at or above each distinct score, after a leading 0.

    Attributes
    ----------
    caught, alarms, above : ndarray of int, shape (s + 1,)
        At each distinct score of a fake, after a leading 0: fakes and reals at or above it, reals above it. The last
        is the second where no fake has the score of a real.
    """

    def __init__(self, fakes: np.ndarray, reals: np.ndarray) -> None:
        self.fakes, self.reals = fakes, reals
        steps = np.flatnonzero(np.diff(fakes)) + 1
        self.caught, self.alarms, above = (np.append(0, at) for at in (fakes[steps], reals[steps], reals[steps - 1]))
        self.above = self.alarms if np.array_equal(self.alarms, above) else above


@dataclass(frozen=True)
class Curves:
    """The ROCs of b draws of the same rows; each draw holds rows of both classes.

    Attributes
    ----------
    fakes, reals : ndarray of float, shape (b, 1 + rows of the class)
        How many fakes, or reals, are in the draw among the first of them in falling order of score.
    points : Points
    """

    fakes: np.ndarray
    reals: np.ndarray
    points: Points

    @property
    def n_fake(self) -> np.ndarray:
        """Fakes in each draw, shape (b, 1)."""
        return self.fakes[:, -1:]

    @property
    def n_real(self) -> np.ndarray:
        """Reals in each draw, shape (b, 1)."""
        return self.reals[:, -1:]

    @cached_property
    def caught(self) -> np.ndarray:
        """Fakes at or above each distinct score of a fake, after a leading 0, shape (b, s + 1)."""
        one_each = len(self.points.caught) == self.fakes.shape[1]  # no two fakes tie: each row is a step
        return self.fakes if one_each else np.take(self.fakes, self.points.caught, axis=1)

    @cached_property
    def alarms(self) -> np.ndarray:
        """Reals at or above each distinct score of a fake, after a leading 0, shape (b, s + 1)."""
        return np.take(self.reals, self.points.alarms, axis=1)

    @cached_property
    def gained(self) -> np.ndarray:
        """Fakes at each distinct score of a fake, shape (b, s)."""
        return self.caught[:, 1:] - self.caught[:, :-1]

    def rates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """FPR and TPR at points (b, m) of the curves, which count from 0 to k."""
        false = np.take_along_axis(self.reals, self.points.reals[points], 1) / self.n_real
        return false, np.take_along_axis(self.fakes, self.points.fakes[points], 1) / self.n_fake

    def first(self, reached: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """First point (b, 1) whose FPR and TPR fulfil what, once fulfilled, stays so; k + 1 where none does.

        The last point of each stretch of points tells the stretch, whose points then tell the one.
        """
        n = len(self.points.fakes)
        length = isqrt(n)
        ends = np.arange(length - 1, n, length)[None]
        start = length * (~reached(*self.rates(ends))).sum(axis=1, keepdims=True)
        inside = start + np.arange(length)
        return start + ((inside < n) & ~reached(*self.rates(np.minimum(inside, n - 1)))).sum(axis=1, keepdims=True)


class GroupRanks:
    """Rows in order of their score, sorted once for all draws of their groups.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    scores : ndarray of float, shape (n,)
    index : ndarray of int, shape (n,)
        Number of each row's group, below ``n_groups``.
    n_groups : int
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, index: np.ndarray, n_groups: int) -> None:
        order, last, _ = falling(labels, scores)
        fake = np.asarray(labels)[order] == 1
        self._fakes, self._reals = index[order[fake]], index[order[~fake]]
        self._points = Points(*(np.append(0, np.cumsum(members)[last]) for members in (fake, ~fake)))
        self.batch = max(1, CHUNK // len(index))  # draws to be made at a time

    def draw(self, multiplicities: np.ndarray) -> Curves:
        """Curves of b draws, of which ``multiplicities`` (b, G) tell how often each group is in them."""
        fakes, reals = (_cumulated(multiplicities, members) for members in (self._fakes, self._reals))
        return Curves(fakes, reals, self._points)


def _cumulated(multiplicities: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How often the first of ``members`` are in each draw, after a leading 0, shape (b, 1 + members).

    A product with a triangle of ones sums RUN counts at a time, the first of which holds what came before: faster than
    one sum over all, which adds number to number. Counts are whole, so it is exact.
    """
    b, n = len(multiplicities), len(members)
    runs = np.zeros((b, -(-n // RUN), RUN))
    runs.reshape(b, -1)[:, :n] = np.take(multiplicities, members, axis=1)
    runs[:, 1:, 0] += np.cumsum(runs[:, :-1] @ np.ones(RUN), axis=1)
    sums = np.empty((b, 1 + runs.shape[1] * RUN))
    sums[:, 0] = 0
    np.matmul(runs, np.triu(np.ones((RUN, RUN))), out=sums[:, 1:].reshape(runs.shape))
    return sums[:, : 1 + n]


def area(curves: Curves) -> np.ndarray:
    """Area under each curve, shape (b,): as `evaluate.metrics.auc`."""
    points, gained = curves.points, curves.gained
    lost = 2 * _product(gained, curves.alarms[:, 1:])
    if points.above is not points.alarms:
        lost = lost / 2 + _product(gained, np.take(curves.reals, points.above[1:], axis=1))
    return 1 - lost / (2 * curves.n_fake * curves.n_real)[:, 0]


def crossing(curves: Curves) -> np.ndarray:
    """Where FPR and FNR cross on each curve, shape (b,): as `evaluate.metrics.eer`."""
    after = curves.first(lambda fpr, tpr: fpr + tpr - 1 >= 0)
    return np.minimum(roc_crossing(*curves.rates(np.concatenate([after - 1, after], axis=1))), 1.0)


def precision_average(curves: Curves) -> np.ndarray:
    """Average precision of each draw, shape (b,): as `evaluate.metrics.average_precision`."""
    caught = curves.caught[:, 1:]
    precision = caught + curves.alarms[:, 1:]
    np.maximum(precision, 1, out=precision)  # nothing called fake yet: 0 of 1
    np.divide(caught, precision, out=precision)
    return _product(curves.gained, precision) / curves.n_fake[:, 0]


def caught_at(curves: Curves, fpr: float) -> np.ndarray:
    """Highest TPR of each curve whose FPR is at most ``fpr``, shape (b,): as `evaluate.metrics.tpr_at_fpr`."""
    beyond = curves.first(lambda false, _: false > fpr)
    return curves.rates(beyond - 1)[1][:, 0]


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", one, other)
