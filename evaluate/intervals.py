"""How far a number could be off: 95 % intervals from draws of whole groups, never of single frames."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

DRAWS = 1000
ENDS = (2.5, 97.5)  # percentiles: 95 % lie between them
BLOCK = 1_000_000  # groups drawn at once: what is held beside the multiplicities stays small
NO_WIDTH = 1e-12  # or less: rounding
FEW_GROUPS = 20  # fewer groups of a class than this: the interval itself cannot be trusted


class GroupDraws(NamedTuple):
    """How often each group was drawn.

    Attributes
    ----------
    multiplicities : ndarray of int16, shape (B, G)
        One row a draw.
    names : ndarray of str, shape (G,)
        The groups, sorted.
    """

    multiplicities: np.ndarray
    names: np.ndarray

    def first(self, n_draws: int) -> "GroupDraws":
        """The first of them: the same as if no more had been drawn."""
        return GroupDraws(self.multiplicities[:n_draws], self.names)

    def columns(self, groups: np.ndarray) -> np.ndarray:
        """Column of each of ``groups`` (n,) in `multiplicities`; every one must have been there to be drawn."""
        columns = np.searchsorted(self.names, groups)
        if (self.names[np.minimum(columns, len(self.names) - 1)] != groups).any():
            raise KeyError("a group that was not among those drawn from")
        return columns


def group_draws(groups: np.ndarray | pd.Series, labels: np.ndarray, n_draws: int = DRAWS, seed: int = 0) -> GroupDraws:
    """Draw whole groups with replacement, as many as there are, within each composition.

    Frames of one video and fakes of one scene are alike: drawing them one by one would make every interval too
    narrow. Groups of only reals, of only fakes, and of both are drawn apart, so that each draw has about the data's
    own share of classes. The draws depend on the set of groups and the seed, not on the order of the rows.

    Parameters
    ----------
    groups : ndarray or Series of str, shape (n,)
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    n_draws : int
        B.
    seed : int

    References
    ----------
    Davison & Hinkley, Bootstrap Methods and their Application (1997), section 3.8 (whole clusters are resampled).
    """
    names, index = sorted_names(groups)
    composition = np.zeros(len(names), int)  # 1: a real is there, 2: a fake, 3: both
    np.bitwise_or.at(composition, index, np.where(np.asarray(labels) == 1, 2, 1))
    multiplicities = np.zeros((n_draws, len(names)), "i2")
    for stratum in (1, 2, 3):
        members = np.flatnonzero(composition == stratum)
        random = np.random.default_rng([seed, stratum])  # so that the first of many draws are those of few
        step = max(1, BLOCK // max(1, len(members)))
        for start in range(0, n_draws if len(members) else 0, step):
            block = slice(start, min(start + step, n_draws))
            multiplicities[block, members] = _drawn(random, len(members), block.stop - start)
    return GroupDraws(multiplicities, names)


def sorted_names(values: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct names (G,), sorted, and the place of each value (n,) among them: as `numpy.unique`, without a sort of n.

    Examples
    --------
    >>> names, index = sorted_names(np.array(["b", "a", "b"]))
    >>> names.tolist(), index.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    codes, found = pd.factorize(values)
    names, place = np.unique(np.asarray(found, dtype=str), return_inverse=True)
    return names, place[codes]


def _drawn(random: np.random.Generator, n: int, n_draws: int) -> np.ndarray:
    """How often each of ``n`` was drawn when n were, shape (n_draws, n)."""
    drawn = random.integers(0, n, (n_draws, n))
    drawn += n * np.arange(n_draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_draws * n).reshape(n_draws, n)


def lost_draws(values: np.ndarray) -> int:
    """How many draws were left with one class, where there is anything to draw."""
    lost = int(np.isnan(values).sum())
    return lost if lost < len(values) else 0


def interval(values: np.ndarray, value: float | None = None) -> dict[str, float | None]:
    """The 95 % interval that drawn values tell, NaN left out: bias-corrected and accelerated (BCa).

    The middle 95 % of the draws alone are too narrow, and lie too high, for a statistic near its bound, such as an AUC
    of 0.97: they cover the truth in about 90 % of cases at 100 groups. BCa takes other percentiles of the draws, by
    how far their median lies from the value and how skewed they are; they are the middle ones where neither is so.
    The acceleration is taken as a sixth of the skewness of the draws, which for a sum over groups is what the
    jackknife would give: it needs no further draws, and serves means of metrics too.

    Parameters
    ----------
    values : ndarray of float, shape (B,)
    value : float, optional
        Of the rows themselves; the interval always holds it. Where it is not given, the middle 95 %: for differences,
        which have no bound near them and whose p-values count the same draws.

    Returns
    -------
    dict
        ``low`` and ``high``; None where more than half of the draws do not count: what is left is no fair sample; and
        where the ends of a value would be one, as of an AUC of 1 in every draw: an interval of no width would pass for
        certainty. A difference may be nought in every draw.

    References
    ----------
    Efron, Better bootstrap confidence intervals (JASA 1987); DiCiccio and Efron, Bootstrap confidence intervals
    (Statistical Science 1996), section 2.
    """
    counted = values[~np.isnan(values)]
    if 2 * len(counted) < len(values):
        return {"low": None, "high": None}
    if value is None:
        low, high = np.percentile(counted, ENDS)
        return {"low": float(low), "high": float(high)}
    low, high = np.percentile(counted, _accelerated(counted, value))
    low, high = float(min(low, value)), float(max(high, value))
    return {"low": low, "high": high} if high - low > NO_WIDTH else {"low": None, "high": None}


def exact_interval(rate: float, n_groups: int) -> dict[str, float]:
    """The 95 % interval of a rate of 0 or 1, which every draw repeats, so that draws tell nothing of it.

    Clopper and Pearson's, by the number of groups that the rate is of: rows of a group are not independent, and count
    as one.

    Examples
    --------
    >>> {end: round(value, 3) for end, value in exact_interval(1.0, 100).items()}
    {'low': 0.964, 'high': 1.0}

    References
    ----------
    Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial (Biometrika
    1934).
    """
    end = (ENDS[0] / 100) ** (1 / n_groups)
    return {"low": end, "high": 1.0} if rate == 1 else {"low": 0.0, "high": 1 - end}


def _accelerated(draws: np.ndarray, value: float) -> np.ndarray:
    """Percentiles of the draws at which BCa puts the ends."""
    spread = draws - draws.mean()
    deviation = np.sqrt(np.mean(spread**2))
    if deviation <= NO_WIDTH:  # rounding alone has no skewness
        return np.array(ENDS)
    rounding = 1e-9 * deviation
    below = (np.mean(draws < value - rounding) + np.mean(draws <= value + rounding)) / 2  # ties count one half
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    acceleration = np.mean((spread / deviation) ** 3) / 6
    shifted = bias + ndtri(np.array(ENDS) / 100)
    return 100 * ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-9))
