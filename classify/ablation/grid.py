"""A grid file read: its cells, each with all that a run of it needs to be told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from cache.errors import InputError, choose
from classify.ablation.axes import OPTIONS, check_cell, parameters_of, shown, without_effect, worded
from classify.ablation.sections import CacheFiles, Dimension, Row, Sections, placed, read_sections
from classify.protocol import FFPP, SplitPlan

MOST = 2000  # cells; more are probably a slip, and are asked about


@dataclass(frozen=True)
class GridCell:
    """One run of a grid.

    Attributes
    ----------
    axes : dict
        Value of each axis as tables show it, a list as "A+B"; None where a cell does not set it or it does nothing.
    options : dict
        ``cache`` (its name) and ``head``; ``parameters`` of that head, where some are fixed; every other option of
        `classify.runs.classify` that the grid sets, in one spelling. What the grid does not set is not here.
    """

    axes: dict[str, Any]
    options: dict[str, Any]

    def title(self) -> str:
        """What tells this cell from the others, in one line."""
        return worded(self.axes) or "all defaults"


@dataclass(frozen=True)
class Grid:
    """The cells of a grid file.

    Attributes
    ----------
    path : Path
    caches : dict of CacheFiles
        By the names that cells use.
    axes : tuple of str
        What [product], [zip] and [[cells]] set, in the order of the file.
    cells : list of GridCell
        Each once.
    baseline : int
        Place of the cell that the others are compared with.
    """

    path: Path
    caches: dict[str, CacheFiles]
    axes: tuple[str, ...]
    cells: list[GridCell]
    baseline: int


def read_grid(path: Path | str, caches: Mapping[str, Path] | Sequence[str] = (), most: int | None = MOST) -> Grid:
    """Read a grid, and refuse what can be refused before a cache is opened.

    Parameters
    ----------
    path : path of a TOML file
        Sections ``[caches]``, ``[options]``, ``[product]``, ``[zip]``, ``[[cells]]`` and ``[baseline]``
        (docs/ablations.md). Paths in it are relative to its folder.
    caches : mapping of name to path, or sequence of str
        Given beside the file: they join its caches, or take their places. A text is ``NAME=PATH``, or a path alone.
    most : int, optional
        The most cells; any number where it is None.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        No TOML; a section, option, head, parameter or cache that is not known; a value that is refused; nothing to do;
        more than ``most`` cells; a baseline that is not one cell. The message names file and place.
    """
    sections = read_sections(Path(path), caches)
    _refuse_parameters_of_no_head(sections)
    total = sum(_count(block, sections.head) for block in sections.blocks)
    if most is not None and total > most:
        raise InputError(f"{path}: {total:,} cells; more than {most:,} need --yes")
    axes = tuple(dict.fromkeys(name for block in sections.blocks for one in block for name in one.names))
    made = [[_cell(sections, row, axes) for row in _cross(block, sections.head)] for block in sections.blocks]
    _refuse_prompts_of_no_head(sections, made)
    unique: dict[str, GridCell] = {}
    for cell in (one for block in made for one in block):
        unique.setdefault(json.dumps(cell.options, sort_keys=True), cell)
    cells = list(unique.values())
    for cell in cells:
        with placed(path, "cell", cell.title()):
            check_cell(cell.options)
    return Grid(Path(path), sections.caches, axes, cells, _baseline(sections, axes, cells))


def _count(block: Sequence[Dimension], head: str) -> int:
    """The number of combinations, found without making them."""
    return sum(prod(map(len, taken)) for taken in _taken(block, head))


def _cross(block: Sequence[Dimension], head: str) -> list[Row]:
    """All combinations in the order of the file, the last axis fastest."""
    found: list[tuple[list[int], Row]] = []
    for taken in _taken(block, head):
        for combination in product(*taken):
            row = {name: value for _, one in combination for name, value in one.items()}
            found.append(([place for place, _ in combination], row))
    return [row for _, row in sorted(found, key=lambda one: one[0])]


def _taken(block: Sequence[Dimension], head: str) -> Iterator[list[list[tuple[int, Row]]]]:
    """For each head: of each dimension the rows that its combinations take, and their places.

    Parameters of other heads do not multiply.
    """
    for one in _heads(block, head):
        yield [
            [(0, {})]
            if dimension.names and all(_of_another(name, one) for name in dimension.names)
            else [(place, row) for place, row in enumerate(dimension.rows) if row.get("head", one) == one]
            for dimension in block
        ]


def _heads(block: Sequence[Dimension], head: str) -> list[str]:
    """Heads of the combinations; ``head`` where no axis names any."""
    return list(dict.fromkeys(row["head"] for one in block if "head" in one.names for row in one.rows)) or [head]


def _of_another(name: str, head: str) -> bool:
    return "." in name and not name.startswith(f"{head}.")


def _cell(sections: Sections, row: Row, axes: Sequence[str]) -> GridCell:
    values = {"head": sections.head, **sections.options, **row}
    if len(sections.caches) == 1:
        values.setdefault("cache", next(iter(sections.caches)))
    idle = without_effect(values)
    set_ = {name: value for name, value in values.items() if name not in idle}
    told = {name: shown(set_.get(name)) for name in axes}
    with placed(sections.path, "cell", GridCell(told, {}).title()):
        if "cache" not in set_:
            raise InputError(f"it names no cache; there are {', '.join(sections.caches)}: name one under cache")
        if "split" in set_:
            set_["split"] = _placed_split(sections.path.parent, set_["split"])
    if set_.get("test_cache") == set_["cache"]:
        del set_["test_cache"]  # its own test side
    options = {name: set_[name] for name in OPTIONS if set_.get(name, []) != []}
    parameters = parameters_of(set_, set_["head"])
    return GridCell(told, {**options, "parameters": parameters} if parameters else options)


def _placed_split(folder: Path, split: str) -> str:
    """A split from a file or folder, found from where the grid lies."""
    plan = SplitPlan(split)
    if plan.path is None:
        return split
    path = folder / plan.path
    if not path.exists():
        raise InputError(f"split is grouped, manipulation, column, ffpp:FOLDER, or a CSV file, and {path} is not there")
    return f"{FFPP if plan.kind == 'ffpp' else ''}{path}"


def _refuse_parameters_of_no_head(sections: Sections) -> None:
    """Refuse parameters that are given where no cell has their head."""
    everywhere = dict.fromkeys(head for block in sections.blocks for head in _heads(block, sections.head))
    said = [("[options]", name, everywhere) for name in sections.options]
    for block in sections.blocks:
        heads = dict.fromkeys(_heads(block, sections.head))
        said += [(one.place, name, heads) for one in block for name in one.names]
    for place, name, heads in said:
        if "." in name and name.partition(".")[0] not in heads:
            raise InputError(f"{sections.path}: {place} {name}: no cell takes it; the heads are {', '.join(heads)}")


def _refuse_prompts_of_no_head(sections: Sections, made: Sequence[Sequence[GridCell]]) -> None:
    """Refuse prompts that are named where no cell takes any."""
    said = [("[options]", sections.options, [cell for block in made for cell in block])]
    for block, cells in zip(sections.blocks, made, strict=True):
        said += [(one.place, dict.fromkeys(one.names), list(cells)) for one in block]
    for place, names, cells in said:
        if "prompt_set" in names and not any("prompt_set" in cell.options for cell in cells):
            raise InputError(
                f"{sections.path}: {place} prompt_set: no cell takes prompts: they are for the features prompts, and "
                "for heads that compare with prompts"
            )


def _baseline(sections: Sections, axes: Sequence[str], cells: Sequence[GridCell]) -> int:
    """Place of the cell that [baseline] picks out; the first one where it says nothing."""
    wanted = {name: shown(value) for name, value in sections.baseline.items()}
    if not wanted:
        return 0
    with placed(sections.path, "[baseline]"):
        for name in wanted:
            choose(dict.fromkeys(axes), name, "axis of this grid")
        found = [place for place, cell in enumerate(cells) if wanted.items() <= cell.axes.items()]
        if not found:
            there = "; ".join(f"{name}: {_values(cells, name)}" for name in wanted)
            raise InputError(f"no cell has {worded(wanted)}; there is {there}")
        if len(found) > 1:
            first = "; ".join(cells[place].title() for place in found[:3])
            raise InputError(f"{len(found)} cells have {worded(wanted)}, and one is needed: {first} ...")
    return found[0]


def _values(cells: Sequence[GridCell], name: str) -> str:
    """Values of an axis as the file may have them."""
    return ", ".join(dict.fromkeys(worded({name: cell.axes[name]}).removeprefix(f"{name}=") for cell in cells))
