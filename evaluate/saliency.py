"""Maps of what a score hangs on, as numbers: how much of it lies in the face, and how far two maps agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cache.schema import FAKE, REAL
from evaluate.compare import holm, p_value
from evaluate.gallery import KINDS
from evaluate.intervals import FEW_GROUPS, group_draws, interval

UNLABELLED = "unlabelled"
COLUMNS = (
    "run", "sample_id", "video_id", "group", "manipulation", "label", "score", "threshold", "kind", "method",
    "concentration", "reference", "box_share", "agreement",
)  # fmt: skip


Figure = dict[str, Any]


@dataclass(frozen=True)
class Explanation:
    """One sample, its score by one model, and the maps of what that hangs on.

    Attributes
    ----------
    sample_id, video_id, group, manipulation : str
    label : int
        0 real, 1 fake, -1 unknown.
    score, threshold : float
        Of the frame, calibrated where the model is.
    square : ndarray of uint8, shape (h, w, 3)
        What the encoder saw.
    box : tuple of float
        Left, top, right, bottom of the face in pixels of the square; NaN where none is known.
    maps : dict of ndarray
        By method, each of shape (g, g), above 0 where it speaks for fake.
    reference : ndarray or None
        A map of how far the embedding moves where a part is blurred: what a head that knows nothing would hang on.
    prompts : list of (str, int, float)
        Text, class and cosine of each prompt.
    note : str
        What is to be said beside it, or "".
    """

    sample_id: str
    video_id: str
    group: str
    manipulation: str
    label: int
    score: float
    threshold: float
    square: np.ndarray
    box: tuple[float, ...]
    maps: dict[str, np.ndarray]
    reference: np.ndarray | None
    prompts: list[tuple[str, int, float]]
    note: str = ""

    @property
    def called(self) -> int:
        """What the score says: 0 real, 1 fake."""
        return FAKE if self.score >= self.threshold else REAL

    @property
    def kind(self) -> str:
        """Which error or which hit it is, a name in `evaluate.gallery.KINDS`; "unlabelled" where nobody knows."""
        return next((name for name, pair in KINDS.items() if pair == (self.label, self.called)), UNLABELLED)


def concentration(values: np.ndarray, box: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """How much denser a map lies inside the face box than over the whole square.

    The share of the map's mass (absolute values: what speaks for fake and what speaks for real) inside the box, divided
    by the box's share of the square; a cell that the box cuts counts in part. 1: spread evenly.

    Parameters
    ----------
    values : ndarray, shape (g, g)
    box : sequence of float
        Left, top, right, bottom in pixels of the square.
    size : (int, int)
        Height and width of the square in pixels.

    Returns
    -------
    (float, float)
        Concentration, and the box's share of the square; NaN where there is no box, or a map without mass.

    Examples
    --------
    >>> corner = np.zeros((14, 14))
    >>> corner[:7, :7] = 1
    >>> concentration(corner, (0, 0, 112, 56), (112, 112)), concentration(corner, (56, 56, 112, 112), (112, 112))
    ((2.0, 0.5), (0.0, 0.25))
    """
    left, top, right, bottom = box
    rows, columns = (
        _overlaps(ends, length, cells)
        for ends, length, cells in zip(((top, bottom), (left, right)), size, values.shape, strict=True)
    )
    mass, covered = np.abs(values), np.outer(rows, columns)
    share = float(covered.mean())
    if not share > 0 or not mass.sum() > 0:
        return float("nan"), share
    return float((mass * covered).sum() / mass.sum() / share), share


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation between the cells of two maps, NaN where one of them is constant.

    References
    ----------
    J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: maps compared by rank correlation
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def saliency_table(explained: Mapping[str, Sequence[Explanation]]) -> pd.DataFrame:
    """Columns `COLUMNS`, one row for each run, sample and method.

    ``reference`` is the concentration of the encoder's own map, ``agreement`` that between the maps of two methods.
    """
    rows = []
    for run, explanations in explained.items():
        for one in explanations:
            stated = {name: getattr(one, name) for name in COLUMNS[1:9]}
            maps = list(one.maps.values())
            agreed = agreement(*maps) if len(maps) == 2 else float("nan")
            size = one.square.shape[:2]
            own = float("nan") if one.reference is None else concentration(one.reference, one.box, size)[0]
            for method, values in one.maps.items():
                inside, share = concentration(values, one.box, size)
                found = {"concentration": inside, "reference": own, "box_share": share, "agreement": agreed}
                rows.append({"run": run, **stated, "method": method, **found})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def mean_concentration(table: pd.DataFrame, run: str, method: str) -> Figure | None:
    """Mean over a run's samples, with the 95 % interval of a bootstrap of whole groups; None where no box is known.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``p`` (of a value of 0), ``few_groups``, ``samples``, ``groups``.
    """
    return _mean(_of(table, run, method), "concentration")


def beyond_reference(table: pd.DataFrame, run: str, method: str) -> Figure | None:
    """The mean of the concentration less that of the encoder's own map, pair by pair; as `mean_concentration`."""
    mine = _of(table, run, method)
    return _mean(mine.assign(beyond=mine["concentration"] - mine["reference"]), "beyond")


def paired_difference(table: pd.DataFrame, run: str, other: str, method: str) -> Figure | None:
    """The mean, over the samples of both runs, of the concentration of one less that of the other.

    As `mean_concentration`; many of them are `paired_differences`.
    """
    both = _of(table, run, method).merge(_of(table, other, method), on=["sample_id", "group"], suffixes=("", "_other"))
    return _mean(both.assign(difference=both["concentration"] - both["concentration_other"]), "difference")


def paired_differences(table: pd.DataFrame) -> list[Figure]:
    """`paired_difference` of every two runs by each method, where they have samples in common.

    Returns
    -------
    list of dict
        As from there, with ``run``, ``other``, ``method`` and ``p_holm``: ``p`` corrected for the number of them.
    """
    found = []
    for run, other in combinations(table["run"].unique(), 2):
        for method in table["method"].unique():
            if (difference := paired_difference(table, run, other, method)) is not None:
                found.append({"run": run, "other": other, "method": method, **difference, "p_holm": None})
    known = [one for one in found if one["p"] is not None]
    for one, p in zip(known, holm([one["p"] for one in known]), strict=True):
        one["p_holm"] = p
    return found


def _of(table: pd.DataFrame, run: str, method: str) -> pd.DataFrame:
    mine = table[(table["run"] == run) & (table["method"] == method)]
    return mine[["sample_id", "group", "concentration", "reference"]]


def _mean(rows: pd.DataFrame, column: str) -> Figure | None:
    rows = rows.dropna(subset=[column])
    if rows.empty:
        return None
    by_group = rows.groupby("group")[column].agg(["sum", "size"])
    groups = by_group.index.to_numpy(str)
    drawn = group_draws(groups, np.zeros(len(groups), int))  # one stratum: of which class a group is does not matter
    order = by_group.loc[drawn.names]
    means = drawn.multiplicities @ order["sum"].to_numpy() / (drawn.multiplicities @ order["size"].to_numpy())
    alone = len(groups) < 2
    ends = {"low": None, "high": None, "p": None} if alone else {**interval(means), "p": p_value(means)}
    counts = {"few_groups": len(groups) < FEW_GROUPS, "samples": len(rows), "groups": len(groups)}
    return {"value": float(rows[column].mean()), **ends, **counts}


def _overlaps(ends: tuple[float, float], length: int, cells: int) -> np.ndarray:
    """The share of each cell along a side that lies between two ends."""
    edges = np.linspace(0, length, cells + 1)
    inside = np.clip(np.minimum(edges[1:], ends[1]) - np.maximum(edges[:-1], ends[0]), 0, None)
    return inside / np.diff(edges)
