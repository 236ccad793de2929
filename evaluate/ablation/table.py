"""The tidy table of a grid: one row a cell, declared or done, with all that its numbers have to be read with."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.folder import SECONDS, CellResult, GridFolder, joined, said
from evaluate.ablation.ranking import Ranked, with_few

VIDEO_METRICS = ("auc", "eer", "average_precision", "balanced_accuracy")
COUNTS = ("real", "fake", "groups")
LEVEL_NAMES = {"video": "", "frame": "_frame"}
DIFFERENCE = ("value", "low", "high", "p", "p_holm")
Row = dict[str, Any]


def tidy_table(drawn: DrawnGrid, ranked: Sequence[Ranked]) -> pd.DataFrame:
    """One row for each declared cell, in the order of the grid; what is not there is empty.

    Parameters
    ----------
    drawn : DrawnGrid
    ranked : sequence of Ranked
        All of its finished cells.

    Returns
    -------
    DataFrame
        ``key``, ``rank``, ``state``, ``error``, each axis, ``head``, ``train``, ``test``, ``out_of_fold_auc`` (video;
        ``_frame``), ``unseen_auc`` and ``seen_auc`` (means, video), ``difference`` (to the baseline's mean) with
        ``difference_p`` and ``difference_p_holm``, ``<manipulation>_auc`` and the like of each test manipulation,
        thresholds, seconds, trainable parameters; what has an interval with ``_low`` and ``_high``.
    """
    grid, places = drawn.grid, {one.drawn.cell.key: one for one in ranked}
    rows = [_row(grid, cell, places.get(cell.key)) for cell in grid.cells]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(**{name: _uniform(table[name]) for name in table})


def _row(grid: GridFolder, cell: CellResult, place: Ranked | None) -> Row:
    run = cell.run
    row: Row = {"key": cell.key, "rank": place.rank if place else None, "state": cell.state, "error": cell.error}
    row |= {name: _plain(cell.axes.get(name)) for name in grid.axes}
    row |= {} if "head" in row else {"head": run.get("head")}
    row |= {name: joined(run.get(name)) or None for name in ("train", "test") if name not in row}
    for level, suffix in LEVEL_NAMES.items():
        stated = cell.out_of_fold(level)
        row |= _figure(f"out_of_fold_auc{suffix}", with_few(stated, "auc") if stated else None)
    row |= _figure("unseen_auc", place.mean if place else None) | _figure("seen_auc", place.of_seen if place else None)
    row |= _difference(place.drawn.difference if place else {})
    for name in grid.tests:
        row |= _test(name, cell.tests.get(name) or {})
    for level in LEVEL_NAMES:
        row[f"threshold_{level}"] = ((run.get("thresholds") or {}).get(level) or {}).get("value")
    row |= {f"seconds_{name}": (run.get("timings") or {}).get(name) for name in SECONDS}
    row |= {"seconds": cell.seconds, **{name: run.get(name) for name in ("trainable_parameters", "trainable_share")}}
    row["few_groups"] = place and bool(place.mean and place.mean["few_groups"])
    row["note"] = ", ".join(place.marks) or None if place else None
    return {**row, "leak": "; ".join(cell.leaks) or None, "stale": grid.outdated.get(cell.key)}


def _test(name: str, figures: Mapping[str, Any]) -> Row:
    """Figures of one test manipulation."""
    video, frame = figures.get("video") or {}, figures.get("frame") or {}
    row: Row = {f"{name}_seen": figures.get("seen")}
    for metric in VIDEO_METRICS:
        row |= _figure(f"{name}_{metric}", video.get(metric))
    row |= _figure(f"{name}_auc_frame", frame.get("auc"))
    return row | {f"{name}_n_{count}": (video.get("n") or {}).get(count) for count in COUNTS}


def _figure(name: str, figure: Mapping[str, Any] | None) -> Row:
    figure = figure or {}
    return {name: figure.get("value"), **{f"{name}_{end}": figure.get(end) for end in ("low", "high")}}


def _difference(stated: Mapping[str, Any]) -> Row:
    names = {key: "difference" if key == "value" else f"difference_{key}" for key in DIFFERENCE}
    return {name: stated.get(key) for key, name in names.items()} | {"difference_why": stated.get("why")}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else said(value)


def _uniform(column: pd.Series) -> pd.Series:
    """A column of one type, as Parquet has them: whole numbers and truth with gaps, text where kinds are mixed."""
    known = column.dropna()
    if known.map(lambda value: isinstance(value, bool)).all() and len(known):
        return column.astype("boolean")
    numbers = known.map(lambda value: isinstance(value, int | float) and not isinstance(value, bool))
    if numbers.all():
        whole = len(known) and known.map(lambda value: isinstance(value, int)).all()
        return column.astype("Int64" if whole else "f8")
    return column.map(lambda value: value if pd.isna(value) else said(value)).astype("string")
