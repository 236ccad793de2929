"""What the linear heads share: one solver for all strengths, and matrices that are read block by block."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from classify.heads.base import Head
from classify.heads.linear_solver import Solution, solve
from classify.stream import blocks_of


class LinearHead(Head):
    """A head whose decision is ``X @ coef_ + intercept_``; a subclass gives ``loss``.

    Attributes
    ----------
    loss : callable
        As `classify.heads.linear_solver.solve` takes it.
    coef_ : ndarray of float64, shape (D,)
    intercept_ : float
    """

    fits_streams: ClassVar[bool] = True
    loss: ClassVar[Callable[..., Any]]

    C: float

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the head; arguments and errors as of `Head.fit`."""
        matrix, codes, weights = self._validated(X, y, sample_weight)
        self._take(solve(matrix, codes, weights, [self._strength()], type(self).loss)[0])
        return self

    @classmethod
    def fit_each(
        cls,
        candidates: Sequence[Mapping[str, Any]],
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **options: Any,
    ) -> list[Self]:
        """Fit one head for each candidate on the same rows; they share every pass over them."""
        heads, matrix, codes, weights = cls._validated_once(candidates, X, y, sample_weight, **options)
        solutions = solve(matrix, codes, weights, [head._strength() for head in heads], cls.loss)
        for head, solution in zip(heads, solutions, strict=True):
            head._take(solution)
        return heads

    def _decide(self, X: np.ndarray) -> np.ndarray:
        decisions, coef = np.empty(len(X)), self.coef_.astype(X.dtype)
        for part, block in blocks_of(X):
            decisions[part] = block @ coef
        return decisions + self.intercept_

    def _strength(self) -> float:
        if not (isinstance(self.C, Real) and 0 < self.C < np.inf):
            raise ValueError(f"C is a positive number, not {self.C!r}")
        return float(self.C)

    def _take(self, solution: Solution) -> None:
        self.coef_, self.intercept_, self.converged_ = solution
        self.n_parameters_ = len(self.coef_) + 1
