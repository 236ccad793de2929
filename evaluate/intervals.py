"""How far a number could be off: 95 % intervals from draws of whole groups, never of single frames."""

from typing import NamedTuple

import numpy as np

DRAWS = 1000
ENDS = (2.5, 97.5)  # percentiles: 95 % lie between them
FEW_GROUPS = 20  # fewer groups of a class than this: the interval itself cannot be trusted


class GroupDraws(NamedTuple):
    """How often each group was drawn.

    Attributes
    ----------
    multiplicities : ndarray of float, shape (B, G)
        One row a draw.
    names : ndarray of str, shape (G,)
        The groups, sorted.
    """

    multiplicities: np.ndarray
    names: np.ndarray

    def columns(self, groups: np.ndarray) -> np.ndarray:
        """Column of each of ``groups`` (n,) in `multiplicities`; every one must have been there to be drawn."""
        columns = np.searchsorted(self.names, groups)
        if (self.names[np.minimum(columns, len(self.names) - 1)] != groups).any():
            raise KeyError("a group that was not among those drawn from")
        return columns


def group_draws(groups: np.ndarray, labels: np.ndarray, n_draws: int = DRAWS, seed: int = 0) -> GroupDraws:
    """Draw whole groups with replacement, as many as there are, within each composition.

    Frames of one video and fakes of one scene are alike: drawing them one by one would make every interval too
    narrow. Groups of only reals, of only fakes, and of both are drawn apart, so that each draw has about the data's
    own share of classes. The draws depend on the set of groups and the seed, not on the order of the rows.

    Parameters
    ----------
    groups : ndarray of str, shape (n,)
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    n_draws : int
        B.
    seed : int

    References
    ----------
    Davison & Hinkley, Bootstrap Methods and their Application (1997), section 3.8 (whole clusters are resampled).
    """
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    composition = np.zeros(len(names), int)  # 1: a real is there, 2: a fake, 3: both
    np.bitwise_or.at(composition, index, np.where(np.asarray(labels) == 1, 2, 1))
    random = np.random.default_rng(seed)
    multiplicities = np.zeros((n_draws, len(names)))
    for stratum in (1, 2, 3):
        members = np.flatnonzero(composition == stratum)
        if len(members):
            drawn = random.integers(0, len(members), (n_draws, len(members)))
            drawn += len(members) * np.arange(n_draws)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=n_draws * len(members))
            multiplicities[:, members] = counts.reshape(n_draws, len(members))
    return GroupDraws(multiplicities, names)


def lost_draws(values: np.ndarray) -> int:
    """How many draws were left with one class, where there is anything to draw."""
    lost = int(np.isnan(values).sum())
    return lost if lost < len(values) else 0


def interval(values: np.ndarray) -> dict[str, float | None]:
    """The middle 95 % of drawn values, NaN left out.

    Returns
    -------
    dict
        ``low`` and ``high``; None where more than half of the draws do not count: what is left is no fair sample.
    """
    counted = values[~np.isnan(values)]
    if 2 * len(counted) < len(values):
        return {"low": None, "high": None}
    low, high = np.percentile(counted, ENDS)
    return {"low": float(low), "high": float(high)}
