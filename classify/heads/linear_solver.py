"""The solver of L2-regularised linear models: all strengths of a grid at once, block by block."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from classify.heads.descent import Descent
from classify.stream import Matrix, blocks_of, take

MAX_PASSES = 500  # passes over the rows; features of unit length take some 10 to 40, badly scaled ones a few hundred
ROWS_PER_COLUMN = 8  # of the sample that curvature is taken from, drawn in proportion to the curvature of each row
FEWEST_ROWS = 4096  # of that sample: so few cost nothing
REFRESH = 8  # passes after which curvature, which falls as rows get a side of their own, is measured anew
FLAT = 1e-6  # curvature that every row has at least, so that the intercept's never vanishes

Loss = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]  # margins -> value, slope, curvature


class Solution(NamedTuple):
    """A linear model: its decision is ``X @ coef + intercept``.

    Attributes
    ----------
    coef : ndarray of float64, shape (D,)
    intercept : float
    converged : bool
        Whether the tolerance was met.
    """

    coef: np.ndarray
    intercept: float
    converged: bool


def log_loss(margins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss of logistic regression, log(1 + exp(-margin)), with its first and second derivative."""
    small = np.exp(-np.abs(margins))
    wrong = np.where(margins > 0, small, 1) / (1 + small)  # probability of the other class
    return np.log1p(small) - np.minimum(margins, 0), -wrong, wrong * (1 - wrong)


def squared_hinge(margins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss of the linear SVM, max(0, 1 - margin)^2, with its first and second derivative."""
    short = np.maximum(1 - margins, 0)
    return short * short, -2 * short, 2.0 * (short > 0)


def solve(
    X: Matrix, codes: np.ndarray, weights: np.ndarray | None, strengths: Sequence[float], loss: Loss
) -> list[Solution]:
    """Minimise ``C * sum(weights * loss(sign * (X @ w + b))) + |w|^2 / 2`` for each C; b costs nothing.

    L-BFGS from Newton steps: the curvature comes from a sample of the rows and is taken anew every few steps. All C
    share every pass over the rows; one that has converged drops out.

    Parameters
    ----------
    X : ndarray of float32 or float64, or Stream, shape (n, D)
        Products are taken in its precision, sums over blocks in float64.
    codes : ndarray of int, shape (n,)
        0 or 1, both present.
    weights : ndarray of float64, shape (n,), optional
    strengths : sequence of float
        The C.
    loss : callable
        `log_loss` or `squared_hinge`.

    Returns
    -------
    list of Solution
        One for each C.

    References
    ----------
    R. Byrd, G. Chin, W. Neveitt, J. Nocedal, On the use of stochastic Hessian information in optimization methods for
    machine learning, SIAM J. Optim. 21, 2011.
    """
    problem = _Problem(X, codes, np.ones(len(codes)) if weights is None else weights, loss)
    start = problem.start()
    curvature = problem.curvatures(start[:, None])[0]  # the same for all, as no feature counts
    descents = [Descent(C, start, curvature, X.dtype) for C in strengths]
    for number in range(1, MAX_PASSES + 1):
        active = [descent for descent in descents if not descent.stopped]
        if not active:
            break
        values, gradients = problem.evaluate(np.stack([descent.trial for descent in active], axis=1))
        for descent, value, gradient in zip(active, values, gradients.T, strict=True):
            descent.learn(value, gradient)
        if number % REFRESH == 0:
            _refresh(problem, [descent for descent in active if not descent.stopped and descent.slow()])
    return [Solution(descent.point[:-1], float(descent.point[-1]), descent.converged) for descent in descents]


def _refresh(problem: "_Problem", descents: list[Descent]) -> None:
    """Measure the curvature where each of them is."""
    if descents:
        curvatures = problem.curvatures(np.stack([descent.point for descent in descents], axis=1))
        for descent, curvature in zip(descents, curvatures, strict=True):
            descent.refresh(curvature)


class _Problem:
    """The rows, their signs and weights, and the loss; a point is ``[*w, b]``."""

    def __init__(self, X: Matrix, codes: np.ndarray, weights: np.ndarray, loss: Loss) -> None:
        self.X = X
        self.signs = np.where(codes == 1, 1, -1).astype(X.dtype)[:, None]
        self.weights = weights
        self.loss = loss

    def start(self) -> np.ndarray:
        """No feature counts, and the intercept is the best then, by Newton's method in one dimension."""
        signs, totals = np.array([-1.0, 1.0]), np.array([self.weights @ (self.signs[:, 0] == s) for s in (-1, 1)])
        point = np.zeros(self.X.shape[1] + 1)
        for _ in range(50):  # from 0 it takes 5 to 10
            _, slope, curvature = self.loss(signs * point[-1])
            point[-1] -= totals @ (signs * slope) / (totals @ curvature)
        return point

    def evaluate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum of the losses at each point, (K,), and its gradients, (D + 1, K); C and the penalty are not in it."""
        totals, gradients = np.zeros(points.shape[1]), np.zeros(points.shape)
        coefs, intercepts = points[:-1].astype(self.X.dtype), points[-1].astype(self.X.dtype)
        for part, block in blocks_of(self.X):
            signs = self.signs[part]
            values, slopes, _ = self.loss(signs * (block @ coefs + intercepts))
            weights = self.weights[part]
            totals += weights @ values
            slopes *= signs * weights.astype(block.dtype)[:, None]
            gradients[:-1] += block.T @ slopes
            gradients[-1] += slopes.sum(axis=0, dtype=float)
        return totals, gradients

    def curvatures(self, points: np.ndarray) -> list[np.ndarray]:
        """Second derivative of the sum of the losses at each point, from samples of the rows; K of (D + 1, D + 1)."""
        found = np.empty((points.shape[1], len(self.weights)))
        coefs, intercepts = points[:-1].astype(self.X.dtype), points[-1].astype(self.X.dtype)
        for part, block in blocks_of(self.X):
            _, _, curvature = self.loss(self.signs[part] * (block @ coefs + intercepts))
            found[:, part] = np.maximum(curvature, FLAT).T * self.weights[part]
        return [self._gram(*_sampled(rows, max(ROWS_PER_COLUMN * self.X.shape[1], FEWEST_ROWS))) for rows in found]

    def _gram(self, rows: np.ndarray, curvature: np.ndarray) -> np.ndarray:
        """Sum of the outer products of some rows, a 1 behind each, times their curvature."""
        sample = take(self.X, rows)
        scaled = np.ones(
            (len(rows), self.X.shape[1] + 1)
        )  # float64: strong C times the rounding of float32 exceed |w|^2
        scaled[:, :-1] = sample
        scaled *= np.sqrt(curvature)[:, None]
        return scaled.T @ scaled


def _sampled(curvature: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn in proportion to their curvature, and the share of the whole that each stands for."""
    if np.count_nonzero(curvature) <= size:
        rows = np.flatnonzero(curvature)
        return rows, curvature[rows]
    reached = np.cumsum(curvature)
    # one draw from each of so many equal shares; by chance, as rows may lie in a rhythm, and always the same
    draws = (np.arange(size) + np.random.default_rng(0).random(size)) * (reached[-1] / size)
    drawn = np.minimum(np.searchsorted(reached, draws), len(curvature) - 1)
    rows, counts = np.unique(drawn, return_counts=True)
    return rows, counts * (reached[-1] / size)
