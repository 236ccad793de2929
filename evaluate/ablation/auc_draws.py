"""The AUC of many cells in the same many draws: wins between groups, counted once, weighed by a matrix product."""

from functools import lru_cache

import numpy as np

from evaluate.bootstrap import bootstrap
from evaluate.intervals import GroupDraws
from evaluate.metrics import auc

MOST_PAIRS = 20_000_000  # of a fake and a real, compared one by one
MOST_GROUP_PAIRS = 200_000  # beyond, sums along the curve are faster than products
BLOCK = 1024  # draws at a time: their products stay in a processor's cache
EXACT = 2**24  # whole numbers below it are exact as float32
KEPT = 8  # sets of groups whose weights are kept


class AucDraws:
    """Computes AUCs in the same draws of whole groups.

    A draw's AUC is a quotient of forms in how often it holds each group: with ``W`` the wins of the fakes of one group
    over the reals of another, ``f' W r / (n_fake n_real)``. ``W`` is counted once for all draws. The values are those
    of `evaluate.bootstrap.bootstrap`, which takes over where there are too many groups.

    Parameters
    ----------
    draws : GroupDraws
    """

    def __init__(self, draws: GroupDraws) -> None:
        self.draws = draws
        self._weights = lru_cache(KEPT)(self._of_columns)

    def __call__(self, labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """The AUC of some rows, then that of each draw.

        Parameters
        ----------
        labels, scores, groups : ndarray, shape (n,)
            Rows of both classes; their groups may be some of those drawn.

        Returns
        -------
        ndarray of float, shape (1 + B,)
            NaN as from `evaluate.bootstrap.bootstrap`.
        """
        value, fake = auc(labels, scores), labels == 1
        fakes, reals = (_by_group(self.draws.columns(groups[rows]), scores[rows]) for rows in (fake, ~fake))
        many = len(fakes[0]) * len(reals[0]) > MOST_PAIRS or len(fakes[1]) * len(reals[1]) > MOST_GROUP_PAIRS
        if many:
            drawn = bootstrap(labels, scores, groups, self.draws, ("auc",))["auc"]
        elif min(len(fakes[1]), len(reals[1])) < 2:
            drawn = np.full(len(self.draws.multiplicities), np.nan)
        else:
            drawn = self._drawn(fakes, reals)
        return np.append(value, drawn)

    def _drawn(self, fakes: "Rows", reals: "Rows") -> np.ndarray:
        of_fake = fakes[0][:, None]
        won = np.add(of_fake > reals[0], of_fake >= reals[0], dtype="f4")  # 2 a win: a tie is a whole number too
        won = np.add.reduceat(np.add.reduceat(won, fakes[2], axis=0), reals[2], axis=1)
        of_fakes, of_reals = (self._weights(rows[1].tobytes()) for rows in (fakes, reals))
        n_fake, n_real = (
            weights @ np.diff(rows[2], append=len(rows[0])).astype("f4")
            for weights, rows in ((of_fakes, fakes), (of_reals, reals))
        )
        pairs = 2.0 * n_fake.astype("f8") * n_real
        if pairs.max() >= EXACT:
            of_fakes, won = of_fakes.astype("f8"), won.astype("f8")
        wins = np.empty(len(pairs))
        for start in range(0, len(pairs), BLOCK):
            rows = slice(start, start + BLOCK)
            wins[rows] = np.einsum("bg,bg->b", of_fakes[rows] @ won, of_reals[rows])
        with np.errstate(invalid="ignore"):
            return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)

    def _of_columns(self, columns: bytes) -> np.ndarray:
        """How often some groups were drawn, shape (B, g)."""
        return np.take(self.draws.multiplicities, np.frombuffer(columns, dtype=np.intp), axis=1).astype("f4")


Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # scores by group, the groups' columns, where each begins


def _by_group(columns: np.ndarray, scores: np.ndarray) -> Rows:
    order = np.argsort(columns, kind="stable")
    names, starts = np.unique(columns[order], return_index=True)
    return scores[order], names.astype(np.intp), starts
