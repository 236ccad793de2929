"""The folder of a grid, read: what was declared, and of each finished cell its run, its figures and its videos."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError
from cache.predictions import VIDEO_COLUMNS
from evaluate.caveats import LEAK

STATES = ("done", "pending", "failed")
READ = [name for name in VIDEO_COLUMNS if name not in ("predicted", "frames")]
SECONDS = ("read", "fit", "score")
Figures = dict[str, Any]


@dataclass(frozen=True)
class CellResult:
    """One cell of a grid.

    Attributes
    ----------
    key : str
    axes : dict
        Value of each axis; None where the cell has none.
    state : {"done", "pending", "failed"}
    error : str or None
        Why it failed.
    run, metrics : dict
        ``run.json`` and ``cell_metrics.json``; empty unless done.
    videos : DataFrame or None
        Predictions, one row a video (`READ`); None unless done.
    """

    key: str
    axes: Mapping[str, Any]
    state: str
    error: str | None
    run: Figures
    metrics: Figures
    videos: pd.DataFrame | None

    @property
    def is_done(self) -> bool:
        """Whether there are figures."""
        return self.state == "done"

    @property
    def label(self) -> str:
        """The cell in words: every axis that it has with its value."""
        return ", ".join(f"{name} {said(value)}" for name, value in self.axes.items() if value is not None) or self.key

    @property
    def short(self) -> str:
        """The same where room is short: words as they are, numbers with the last part of their axis."""
        parts = {name: said(value) for name, value in self.axes.items() if value is not None}
        marks = {name: "" if isinstance(self.axes[name], str) else f"{name.split('.')[-1]} " for name in parts}
        return ", ".join(f"{marks[name]}{text}" for name, text in parts.items()) or self.key

    @property
    def leaks(self) -> list[str]:
        """What stood in training and in test at once."""
        return [line for line in self.run.get("caveats") or [] if line.startswith(LEAK)]

    @property
    def seconds(self) -> float | None:
        """How long reading, fitting and scoring took; None where the run does not tell."""
        stated = self.run.get("timings") or {}
        known = [stated[name] for name in SECONDS if stated.get(name) is not None]
        return float(sum(known)) if known else None

    def out_of_fold(self, level: str) -> Figures | None:
        """Figures of the training side at a level; None where it has none."""
        return (self.metrics.get("out_of_fold") or {}).get(level)

    @property
    def tests(self) -> Mapping[str, Figures]:
        """Figures of each test manipulation: ``seen``, ``frame``, ``video``."""
        return self.metrics.get("tests") or {}


@dataclass(frozen=True)
class GridFolder:
    """All of a grid.

    Attributes
    ----------
    folder : Path
    name, command : str
    axes : tuple of str
        In the order of the grid's file.
    baseline : str or None
        Key of the cell that the others are compared with.
    cells : tuple of CellResult
        As declared.
    stale : tuple of dict
        ``key`` and ``why`` of results that other settings, caches or code made.
    """

    folder: Path
    name: str
    command: str
    axes: tuple[str, ...]
    baseline: str | None
    cells: tuple[CellResult, ...]
    stale: tuple[Mapping[str, str], ...]

    @property
    def done(self) -> list[CellResult]:
        """The cells with figures."""
        return [cell for cell in self.cells if cell.is_done]

    @property
    def missing(self) -> list[CellResult]:
        """The cells without."""
        return [cell for cell in self.cells if not cell.is_done]

    @property
    def base(self) -> CellResult | None:
        """The baseline; None where the grid names none."""
        return next((cell for cell in self.cells if cell.key == self.baseline), None)

    @property
    def outdated(self) -> dict[str, str]:
        """Why finished cells are stale, by key: their figures are shown, and marked."""
        keys = {cell.key for cell in self.done}
        return {one["key"]: one["why"] for one in self.stale if one["key"] in keys}

    @property
    def left_over(self) -> list[Mapping[str, str]]:
        """Stale results that the grid does not count any more."""
        keys = {cell.key for cell in self.cells}
        return [one for one in self.stale if one["key"] not in keys]

    @property
    def tests(self) -> list[str]:
        """Every test manipulation of any cell, in order of first appearance."""
        return list(dict.fromkeys(name for cell in self.done for name in cell.tests))

    def values(self, axis: str) -> dict[str, Any]:
        """Values of an axis by their text, in the order of the cells; None is no value."""
        of_cells = (cell.axes.get(axis) for cell in self.cells)
        return {said(value): value for value in of_cells if value is not None}


def said(value: Any) -> str:
    """Value of an axis as text; "-" where a cell has none.

    Examples
    --------
    >>> said(0.10), said(8), said("l2"), said(None), said(["A", "B"])
    ('0.1', '8', 'l2', '-', 'A+B')
    """
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return "+".join(map(said, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_grid_folder(out: Path) -> GridFolder:
    """Read what a grid has found so far.

    Parameters
    ----------
    out : Path
        With ``grid.json`` and ``cells/<key>/``.

    Returns
    -------
    GridFolder
        A finished cell whose files cannot be read counts as failed, with the reason.

    Raises
    ------
    InputError
        There is no grid, or its description is broken.
    """
    path = out / "grid.json"
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple(_read_cell(out / "cells", one) for one in stated["cells"])
        axes = tuple(stated["axes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {path}: {error!r}; a grid's folder is what `ablate GRID.toml --out DIR` writes"
        ) from error
    if not cells:
        raise InputError(f"{path} lists no cells; run `ablate` on the grid anew")
    name = stated.get("name") or out.name
    stale = tuple(stated.get("stale") or ())
    return GridFolder(out, name, stated.get("command") or "", axes, stated.get("baseline"), cells, stale)


def _read_cell(folder: Path, stated: Mapping[str, Any]) -> CellResult:
    state = stated["state"]
    if state not in STATES:
        raise ValueError(f"cell {stated['key']} is {state!r}, which is none of {', '.join(STATES)}")
    cell = CellResult(str(stated["key"]), dict(stated["axes"]), state, stated.get("error"), {}, {}, None)
    if not cell.is_done:
        return cell
    home = folder / cell.key
    try:
        run, metrics = (_json(home / name) for name in ("run.json", "cell_metrics.json"))
        videos = pd.read_parquet(home / "video_predictions.parquet", columns=READ)
    except (OSError, ValueError, KeyError) as error:
        return replace(cell, state="failed", error=f"its results cannot be read: {error}")
    return replace(cell, run=run, metrics=metrics, videos=videos)


def _json(path: Path) -> Figures:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no object")
    return value


def joined(names: Sequence[str] | str | None) -> str:
    """Names that a run lists, as one word.

    Examples
    --------
    >>> joined(["FaceSwap", "Deepfakes"]), joined(None)
    ('FaceSwap+Deepfakes', '')
    """
    return names if isinstance(names, str) else "+".join(names or ())
