"""Every finished cell of a grid in the same draws of whole groups, so that means and differences are paired."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache.identity import connected_groups
from evaluate.ablation.auc_draws import AucDraws
from evaluate.ablation.folder import CellResult, GridFolder
from evaluate.ablation.paired import NO_BASELINE, Measured, Part, correct, difference, nothing
from evaluate.cell_draws import MANY_VIDEOS, MOST_DRAWS, figure
from evaluate.intervals import DRAWS, group_draws
from evaluate.levels import cells as by_manipulation

Figure = dict[str, Any]


class Drawn(NamedTuple):
    """A value and its draws (1 + B,), and whether too few groups stand behind them."""

    values: np.ndarray
    few: bool

    @property
    def figure(self) -> Figure:
        """Value and interval."""
        return figure(self.values, self.few)


@dataclass(frozen=True)
class DrawnCell:
    """One finished cell.

    Attributes
    ----------
    cell : CellResult
    tests : dict of Drawn
        Video AUC of each test manipulation.
    seen : dict of bool or None
        Whether the cell was trained on it; None: unknown.
    counted : tuple of str
        The manipulations whose mean the cell is judged by.
    out_of_fold : Drawn or None
        Video AUC of the training side.
    difference : dict
        To the baseline, as `evaluate.ablation.paired.difference` has it, with ``p_holm`` and ``comparisons``; empty
        for the baseline itself.
    """

    cell: CellResult
    tests: dict[str, Drawn]
    seen: dict[str, bool | None]
    counted: tuple[str, ...]
    out_of_fold: Drawn | None
    difference: Figure

    @property
    def mean(self) -> Drawn | None:
        """Mean over the manipulations that it is judged by."""
        return mean([self.tests[name] for name in self.counted])

    @property
    def of_seen(self) -> Drawn | None:
        """Mean over the manipulations that it was trained on."""
        return mean([one for name, one in self.tests.items() if self.seen[name]])


@dataclass(frozen=True)
class DrawnGrid:
    """All finished cells in the order of the grid, and whether they are judged by what they were not trained on.

    Where no cell was tested on anything unseen, they are judged by every test manipulation.
    """

    grid: GridFolder
    cells: tuple[DrawnCell, ...]
    unseen: bool

    @property
    def subject(self) -> str:
        """What the means of cells are over."""
        return "unseen manipulations" if self.unseen else "test manipulations"

    @property
    def base(self) -> DrawnCell | None:
        """The baseline; None where it has no figures."""
        return next((one for one in self.cells if one.cell.key == self.grid.baseline), None)


def mean(of: Sequence[Drawn]) -> Drawn | None:
    """Mean of several, joint in every draw; None of none."""
    if not of:
        return None
    return Drawn(np.mean([one.values for one in of], axis=0), any(one.few for one in of))


def draw_grid(grid: GridFolder, n_draws: int = DRAWS, most: int = MOST_DRAWS, seed: int = 0) -> DrawnGrid:
    """Measure each finished cell in draws that all cells share.

    Parameters
    ----------
    grid : GridFolder
    n_draws, seed : int
        So many draws of the same groups are behind intervals.
    most : int
        So many behind p-values, where the videos of all cells leave room for them.

    Returns
    -------
    DrawnGrid
        Groups that one video has in several cells count as one group in all of them.
    """
    unseen = any(test["seen"] is False for cell in grid.done for test in cell.tests.values())
    test, fold = (
        _Side(grid.done, "test", max(n_draws, most), n_draws, seed),
        _Side(grid.done, "val", n_draws, n_draws, seed),
    )
    base = next((_measured(cell, test) for cell in grid.done if cell.key == grid.baseline), None)
    base_counted = [_counted(cell, unseen) for cell in grid.done if cell.key == grid.baseline]
    found = []
    for cell in grid.done:
        counted, against = _counted(cell, unseen), {}
        measured = base if base and cell.key == grid.baseline else _measured(cell, test)
        if base is None:
            against = nothing(NO_BASELINE)
        elif cell.key != grid.baseline:
            shared = [name for name in counted if name in base_counted[0] and name in base.parts]
            against = difference(base, measured, [name for name in shared if name in measured.parts], test.draws)
        found.append(_drawn_cell(cell, measured, counted, _fold(cell, fold), against, n_draws))
    correct([one.difference for one in found if one.difference], len(grid.cells) - 1)
    return DrawnGrid(grid, tuple(found), unseen)


class _Side:
    """The videos of one side of all cells, under groups that agree, and the draws of these groups."""

    def __init__(self, cells: Sequence[CellResult], split: str, most: int, least: int, seed: int) -> None:
        self.tables = {cell.key: _rows(cell, split) for cell in cells}
        columns = [table[["video_id", "group", "label"]] for table in self.tables.values()]
        rows = pd.concat(columns).drop_duplicates() if columns else pd.DataFrame(columns=["video_id", "group", "label"])
        self.names = _united(rows)
        groups = rows["group"].map(self.named).to_numpy(dtype=str)
        many = most if len(rows) <= MANY_VIDEOS else least
        self.draws = AucDraws(group_draws(groups, rows["label"].to_numpy(dtype=int), many, seed))

    def named(self, group: str) -> str:
        """The group as all cells call it."""
        return self.names.get(group, group)

    def part(self, table: pd.DataFrame) -> Part:
        """Rows as arrays."""
        names, labels, scores = (table[name].to_numpy() for name in ("video_id", "label", "score"))
        groups = table["group"].map(self.named) if self.names else table["group"]
        return Part(names.astype(str), labels.astype(int), scores.astype(float), groups.to_numpy(dtype=str))


def _rows(cell: CellResult, split: str) -> pd.DataFrame:
    assert cell.videos is not None  # it is done
    return cell.videos[cell.videos["split"] == split].sort_values("video_id", kind="stable")


def _united(rows: pd.DataFrame) -> dict[str, str]:
    """New names of the groups that one video has in several cells, which are one group then; else none."""
    of_video = rows[["video_id", "group"]].drop_duplicates()
    several = of_video[of_video["video_id"].duplicated(keep=False)]
    shared = several.groupby("video_id")["group"].agg(tuple).drop_duplicates().tolist()
    named = zip(shared, connected_groups(shared), strict=True)
    return {group: name for groups, name in named for group in groups}


def _measured(cell: CellResult, side: _Side) -> Measured:
    tables = by_manipulation(side.tables[cell.key])
    parts = {name: side.part(table) for name, table in tables.items() if table["label"].nunique() == 2}
    return Measured(parts, {name: side.draws(part.labels, part.scores, part.groups) for name, part in parts.items()})


def _counted(cell: CellResult, unseen: bool) -> list[str]:
    return [name for name, test in cell.tests.items() if not unseen or test["seen"] is False]


def _fold(cell: CellResult, side: _Side) -> Drawn | None:
    """AUC of the out-of-fold scores, where the run tells one."""
    stated, table = cell.out_of_fold("video"), side.tables[cell.key]
    if not stated or table["label"].nunique() < 2:
        return None
    part = side.part(table)
    return Drawn(side.draws(part.labels, part.scores, part.groups), bool(stated["few_groups"]))


def _drawn_cell(
    cell: CellResult,
    measured: Measured,
    counted: Sequence[str],
    fold: Drawn | None,
    against: Figure,
    n_draws: int,
) -> DrawnCell:
    few = {name: bool(cell.tests[name]["video"]["few_groups"]) for name in measured.parts if name in cell.tests}
    tests = {name: Drawn(measured.values[name][: 1 + n_draws], few[name]) for name in few}
    seen = {name: cell.tests[name]["seen"] for name in tests}
    return DrawnCell(cell, tests, seen, tuple(name for name in counted if name in tests), fold, against)
