"""The order of a grid's cells: by their out-of-fold score on the training side, never by a test figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluate.ablation.drawn import DrawnCell, DrawnGrid
from evaluate.matrix import DIGITS

BEST, ALSO_BEST, BASELINE = "best on test: optimistic", "best on test too", "baseline"
LEAKS, STALE = "LEAK", "stale"
OPEN, MOST_OPEN = 20, 50  # of more cells than the second, the first so many are shown at once
WHY_OPTIMISTIC = (
    f'"{BEST}" marks the cell with the highest mean on test. It is no recommendation: chosen by the test, its figure '
    "holds the luck of the choice, the more so the more cells there are, and its interval does not"
)
NO_SCORE = -1.0  # below every AUC
Figure = dict[str, Any]


@dataclass(frozen=True)
class Ranked:
    """One finished cell in the order.

    Attributes
    ----------
    rank : int or None
        1 is the highest out-of-fold AUC, ties share a rank; None without out-of-fold scores.
    drawn : DrawnCell
    out_of_fold, mean, of_seen : dict or None
        Video AUC with its interval; the means over what the cell is judged by, and over what it was trained on.
    marks : tuple of str
        What must be read beside it.
    """

    rank: int | None
    drawn: DrawnCell
    out_of_fold: Figure | None
    mean: Figure | None
    of_seen: Figure | None
    marks: tuple[str, ...]


def ranking(drawn: DrawnGrid) -> list[Ranked]:
    """Finished cells by out-of-fold video AUC, the highest first; those without one last, in the order of the grid.

    Parameters
    ----------
    drawn : DrawnGrid
    """
    scores = {one.cell.key: _score(one) for one in drawn.cells}
    order = sorted(drawn.cells, key=lambda one: -scores[one.cell.key])
    means = {one.cell.key: of.figure for one in order if (of := one.mean)}
    best = max((figure["value"] for figure in means.values()), default=None)
    ranked = []
    for one in order:
        key, score = one.cell.key, scores[one.cell.key]
        rank = None if score == NO_SCORE else 1 + sum(other > score for other in scores.values())
        is_best = len(order) > 1 and key in means and means[key]["value"] == best
        stated = {
            BASELINE: key == drawn.grid.baseline,
            ALSO_BEST if rank == 1 else BEST: is_best,
            LEAKS: bool(one.cell.leaks),
            STALE: key in drawn.grid.outdated,
        }
        marks = tuple(mark for mark, holds in stated.items() if holds)
        of_seen = one.of_seen.figure if one.of_seen else None
        ranked.append(Ranked(rank, one, _fold(one), means.get(key), of_seen, marks))
    return ranked


def shown(ranked: Sequence[Ranked]) -> list[Ranked]:
    """What of the order is shown at once: all of few cells; of many the first, the best on test and the baseline."""
    if len(ranked) <= MOST_OPEN:
        return list(ranked)
    return [one for at, one in enumerate(ranked) if at < OPEN or {BASELINE, BEST} & set(one.marks)]


def _score(one: DrawnCell) -> float:
    stated = one.cell.out_of_fold("video")
    return round(float(stated["auc"]["value"]), DIGITS) if stated else NO_SCORE


def _fold(one: DrawnCell) -> Figure | None:
    """The figure that the run itself tells."""
    stated = one.cell.out_of_fold("video")
    return with_few(stated, "auc") if stated else None


def with_few(figures: Mapping[str, Any], metric: str) -> Figure:
    """A metric of a level's figures, with whether too few groups stand behind it."""
    figure = {"low": None, "high": None, **figures[metric]}
    return {**figure, "few_groups": bool(figures.get("few_groups"))}
