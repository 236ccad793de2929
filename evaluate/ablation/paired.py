"""One cell of a grid less the baseline: the mean AUC over what both are judged by, on the videos that both have."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluate.ablation.auc_draws import AucDraws
from evaluate.compare import holm, judged
from evaluate.intervals import FEW_GROUPS

NO_BASELINE = "the baseline has no figures"
NO_TEST = "no test manipulation counts for both"
NO_VIDEOS = "they share no videos of both classes"
OTHER_LABELS = "a video is real in one and fake in the other"


class Part(NamedTuple):
    """The videos of one test manipulation, or of the training side, in order of their names."""

    names: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    groups: np.ndarray

    def at(self, rows: np.ndarray) -> "Part":
        """Some of them."""
        return Part(*(values[rows] for values in self))

    @property
    def has_few_groups(self) -> bool:
        """Whether a class has so few groups that its intervals cannot be trusted."""
        return any(len(np.unique(self.groups[self.labels == label])) < FEW_GROUPS for label in (0, 1))


class Measured(NamedTuple):
    """The test manipulations of one cell: their videos, and the AUC of each with its draws (1 + B,)."""

    parts: Mapping[str, Part]
    values: Mapping[str, np.ndarray]


class Pair(NamedTuple):
    """One test manipulation of two cells on the videos that both have."""

    values: np.ndarray  # (1 + B,), the second minus the first
    n_common: int
    left_out: tuple[int, int]
    few: bool


def nothing(why: str, tests: Sequence[str] = ()) -> dict[str, Any]:
    """A difference that cannot be told, as `difference` has it."""
    found: dict[str, Any] = dict.fromkeys(("value", "low", "high", "p"))
    counts = {"lost_draws": 0, "draws": 0, "few_groups": False, "n_common": 0, "left_out": (0, 0)}
    return {**found, **counts, "tests": list(tests), "why": why}


def difference(first: Measured, second: Measured, tests: Sequence[str], draws: AucDraws) -> dict[str, Any]:
    """How much higher the mean AUC of the second is, in the data and in draws that both share.

    Parameters
    ----------
    first, second : Measured
    tests : sequence of str
        Manipulations to average over, which both have.
    draws : AucDraws

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``p`` (None where there is none, and ``why``), ``lost_draws``, ``draws`` (that
        counted), ``few_groups``, ``n_common`` (rows over all manipulations), ``left_out`` (rows that only the first
        has, only the second), ``tests``, ``why``.
    """
    if not tests:
        return nothing(NO_TEST)
    pairs = []
    for name in tests:
        found = _pair(first, second, name, draws)
        if isinstance(found, str):
            return nothing(f"{name}: {found}", tests)
        pairs.append(found)
    mean = np.mean([one.values for one in pairs], axis=0)
    return {
        **judged(mean),
        "draws": int(np.isfinite(mean[1:]).sum()),
        "few_groups": any(one.few for one in pairs),
        "n_common": sum(one.n_common for one in pairs),
        "left_out": tuple(sum(one.left_out[side] for one in pairs) for side in (0, 1)),
        "tests": list(tests),
        "why": None,
    }


def _pair(first: Measured, second: Measured, name: str, draws: AucDraws) -> Pair | str:
    """The pair; or why there is none."""
    mine, other = first.parts[name], second.parts[name]
    if np.array_equal(mine.names, other.names):
        if (mine.labels != other.labels).any():
            return OTHER_LABELS
        return Pair(second.values[name] - first.values[name], len(mine.names), (0, 0), mine.has_few_groups)
    _, of_mine, of_other = np.intersect1d(mine.names, other.names, assume_unique=True, return_indices=True)
    left_out = len(mine.names) - len(of_mine), len(other.names) - len(of_other)
    mine, other = mine.at(of_mine), other.at(of_other)
    if (mine.labels != other.labels).any():
        return OTHER_LABELS
    if len(np.unique(mine.labels)) < 2:
        return NO_VIDEOS
    one, two = (draws(part.labels, part.scores, part.groups) for part in (mine, other))
    return Pair(two - one, len(mine.names), left_out, mine.has_few_groups)


def correct(differences: Sequence[dict[str, Any]], declared: int) -> None:
    """Add ``p_holm`` and ``comparisons`` to each difference, corrected over all that were declared.

    What was declared and has no p-value, yet or at all, counts as p = 1: a grid is not corrected for less because some
    of its cells are missing.

    Parameters
    ----------
    differences : sequence of dict
        As `difference` gives them.
    declared : int
        How many comparisons there are; not fewer than ``differences``.
    """
    known = [one for one in differences if one["p"] is not None]
    corrected = holm([*(one["p"] for one in known), *[1.0] * (declared - len(known))])
    for one in differences:
        one |= {"p_holm": None, "comparisons": declared}
    for one, p in zip(known, corrected, strict=False):
        one["p_holm"] = p
