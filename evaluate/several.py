"""Several runs against each other: each head's matrix over its trainings, and every head against the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evaluate.cell_draws import draw_cells
from evaluate.folders import Run
from evaluate.levels import LEVELS
from evaluate.matrix import matrices
from evaluate.matrix_figure import matrix_figure
from evaluate.pairs import comparisons
from evaluate.wording import is_trained

TRAINABLE = ("trainable_parameters", "trainable_share")


class Several:
    """Several runs against each other: everything that could be refused is worked out before anything is written."""

    def __init__(self, folder: Path, runs: Sequence[Run]) -> None:
        self._folder, self._runs = folder, runs
        self._by_head = _by_head(runs, folder)
        drawn = draw_cells({head: [runs[at] for at in rows] for head, rows in self._by_head.items()})
        self._tables = matrices(drawn)
        self._pairs = comparisons(drawn, list(self._tables["video"]))

    def join(self, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results with the comparison of their head, in the order of the heads; the first with all pairs."""
        ranked = [
            {**results[at], "comparison": self._comparison(head)}
            for head in self._tables["video"]
            for at in self._by_head[head]
        ]
        ranked[0]["pairs"] = self._pairs
        return ranked

    def figures(self) -> dict[str, Figure]:
        """The matrix of each head, in the order of the heads; none where nobody knows what they were trained on."""
        if all(run.trained_on is None for run in self._runs):
            return {}
        return {head: matrix_figure(table, head) for head, table in self._tables["video"].items()}

    def _comparison(self, head: str) -> dict[str, Any]:
        rows = [self._runs[at] for at in self._by_head[head]]
        return {
            "head": head,
            "trained": is_trained(rows[0].head),
            **{key: _ends([run.config.get(key) for run in rows]) for key in TRAINABLE},
            "report": str(self._folder / "report.html"),
            **{level: self._tables[level][head] for level in LEVELS},
        }


def _by_head(runs: Sequence[Run], folder: Path) -> dict[str, list[int]]:
    """Places of the runs of each head; heads are named with their folder where several experiments lie below."""
    places = [run.folder.relative_to(folder) for run in runs]
    namings = (
        [run.head for run in runs],
        [f"{place.parent.parent.as_posix()}/{run.head}" for run, place in zip(runs, places, strict=True)],
        [place.as_posix() for place in places],
    )
    trains = [run.train for run in runs]
    names = next(names for names in namings if len(set(zip(names, trains, strict=True))) == len(runs))
    return {name: [at for at, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}


def _ends(values: Sequence[float | None]) -> list[float] | None:
    """Least and most, of a head that was trained several times; None where a run does not tell."""
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known and len(known) == len(values) else None
