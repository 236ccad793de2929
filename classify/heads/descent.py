"""One descent by L-BFGS that is told value and gradient, so that many can share what these cost."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

# Newton's estimate of what is left to gain, as a share of that at the start, where no feature counts, or of the
# objective where that is less. Decisions are off by about the root of it, relative to their spread.
TOLERANCE = {np.dtype(np.float32): 1e-8, np.dtype(np.float64): 1e-15}
NOISE = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 1e-15}  # relative error of an objective's value
PAIRS = 10  # steps that L-BFGS remembers
SUFFICIENT = 1e-4  # share of the decrease promised that a step must bring
SLOW = 1e-4  # share of what was left to gain that may still be left after some passes
STALLED = 10  # passes without a gain above the noise, after which there is nothing more to find


class Descent:
    """``C * sum of losses + |w|^2 / 2`` for one C: a point ``[*w, b]``, and the one that is to be tried next.

    Parameters
    ----------
    C : float
    start : ndarray of float64, shape (D + 1,)
    curvature : ndarray of float64, shape (D + 1, D + 1)
        Second derivative of the sum of losses at the start, or about that.
    dtype : dtype
        In which losses are computed.

    Attributes
    ----------
    point, trial : ndarray of float64, shape (D + 1,)
    stopped, converged : bool

    References
    ----------
    J. Nocedal, S. Wright, Numerical Optimization, 2006, algorithm 7.4.
    """

    def __init__(self, C: float, start: np.ndarray, curvature: np.ndarray, dtype: np.dtype) -> None:
        self.C = C
        self.point = self.trial = start
        self.stopped = self.converged = False
        self._dtype, self._tolerance, self._noise = dtype, TOLERANCE[dtype], NOISE[dtype]
        self._value = self._lowest = self._first = self._before = self._left = np.inf
        self._idle = 0  # passes since the lowest value
        self._gradient = self._direction = np.zeros_like(start)
        self._slope, self._length = 0.0, 1.0
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._bend(curvature)

    def slow(self) -> bool:
        """Whether L-BFGS alone has done little since it was last asked."""
        before, self._before = self._before, self._left
        return self._left > SLOW * before or self._idle > 0

    def refresh(self, curvature: np.ndarray) -> None:
        """Take the curvature at the point in the place of what the last steps showed."""
        self._bend(curvature)
        self._aim()

    def learn(self, total: float, slopes: np.ndarray) -> None:
        """Take the sum of the losses at the trial and its gradient: go there, or try a shorter step."""
        coef = self.trial[:-1]
        value = self.C * total + coef @ coef / 2
        gradient = self.C * slopes
        gradient[:-1] += coef
        allowed = self._value + SUFFICIENT * self._length * self._slope + self._noise * abs(self._value)
        if value <= allowed:
            self._remember(self.trial - self.point, gradient - self._gradient)
            self.point, self._value, self._gradient = self.trial, value, gradient
            self._aim()
        else:
            self._shorten(value)
        self._judge(value)

    def _aim(self) -> None:
        """The next step: the gradient through the inverse of the curvature, as L-BFGS corrects it."""
        self._direction = -self._through_inverse(self._gradient)
        self._slope = float(self._direction @ self._gradient)
        self._go(1.0)

    def _go(self, length: float) -> None:
        """Try a point on the way that the products can tell from its neighbours."""
        self._length = length
        self.trial = (self.point + length * self._direction).astype(self._dtype).astype(float)

    def _judge(self, value: float) -> None:
        """Stop where the tolerance is met, or where rounding hides what is left to gain."""
        noise = self._noise * abs(self._value)
        self._idle = 0 if value < self._lowest - noise else self._idle + 1
        self._lowest = min(value, self._lowest)
        self._left = -self._slope / 2
        if np.isinf(self._first):
            self._first = self._before = self._left
        share = self._left / max(min(self._first, self._value), np.finfo(float).tiny)
        met, stalled = share <= self._tolerance, self._idle == STALLED
        self.stopped = bool(met or stalled)
        enough = self._left <= noise or share <= np.sqrt(self._tolerance)  # half of the digits
        self.converged = bool(met or (stalled and enough))

    def _shorten(self, value: float) -> None:
        """Step to where the parabola through both values and the slope is lowest, within bounds."""
        excess = value - self._value - self._length * self._slope
        best = -self._length * self._slope / (2 * excess) if np.isfinite(excess) else 0.0
        self._go(self._length * min(max(best, 0.1), 0.5))

    def _remember(self, step: np.ndarray, change: np.ndarray) -> None:
        curved = step @ change
        if curved > 0 and curved >= step[:-1] @ step[:-1]:  # less than the penalty alone would give is noise
            self._pairs = [*self._pairs, (step, change)][-PAIRS:]

    def _through_inverse(self, gradient: np.ndarray) -> np.ndarray:
        """The two loops of L-BFGS around the inverse of the curvature that was measured."""
        found = gradient.copy()
        shares = []
        for step, change in reversed(self._pairs):
            shares.append(step @ found / (step @ change))
            found -= shares[-1] * change
        found = cho_solve(self._factor, found, check_finite=False)
        for (step, change), share in zip(self._pairs, reversed(shares), strict=True):
            found += (share - change @ found / (step @ change)) * step
        return found

    def _bend(self, curvature: np.ndarray) -> None:
        """Factor the second derivative of the whole objective, and forget the steps."""
        whole = self.C * curvature
        diagonal = np.einsum("ii->i", whole)
        diagonal[:-1] += 1.0
        diagonal *= 1 + 1e-10  # features that repeat each other leave it singular but for rounding
        self._factor = cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
        self._pairs = []
