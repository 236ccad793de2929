"""The tables of a grid as text: its cells in their order, and the effects of its axes, for Markdown and LaTeX."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluate.ablation.drawn import DrawnGrid
from evaluate.ablation.effects import SEED, Effect
from evaluate.ablation.folder import said
from evaluate.ablation.ranking import BEST, WHY_OPTIMISTIC, Ranked, shown
from evaluate.compare import signed
from evaluate.markup import Cell, Interval, TextTable
from evaluate.tables import auc_cell, with_marks
from evaluate.wording import FEW, number, p_text

FIXED = "Intervals hold the trained model fixed: another training sample or seed can move a figure further"


def ranking_text(drawn: DrawnGrid, ranked: Sequence[Ranked]) -> TextTable:
    """The cells that are shown at once, in their order."""
    axes, some = drawn.grid.axes, shown(ranked)
    seen = any(one.of_seen for one in some)
    head = ["rank", *axes, "note", "out of fold", drawn.subject, *(["seen"] if seen else []), "to baseline", "p (Holm)"]
    rows: list[list[Cell]] = [[*head]]
    for one in some:
        against = one.drawn.difference
        rows.append(
            [
                said(one.rank),
                *(said(one.drawn.cell.axes.get(axis)) for axis in axes),
                ", ".join(one.marks) or "-",
                *map(auc_cell, (one.out_of_fold, one.mean, *([one.of_seen] if seen else []))),
                difference_cell(against),
                p_text(against.get("p_holm")),
            ]
        )
    note = (
        f"AUC at video level with the 95 % interval; {drawn.subject}: the mean over them. Cells stand in the order of "
        "their out-of-fold AUC, within the training side. To baseline: paired difference of the means over what both "
        f"are judged by; Holm: corrected over the {max(0, len(drawn.grid.cells) - 1):,} comparisons that the grid "
        f"declares. {FIXED}."
    )
    if len(some) < len(ranked):
        note += f" {len(some)} of {len(ranked):,} cells are shown; table.csv has all."
    leaks = list(dict.fromkeys(line for one in ranked for line in one.drawn.cell.leaks))
    told = [f"{WHY_OPTIMISTIC}."] if any(BEST in one.marks for one in some) else []
    return with_marks(TextTable(rows, 2 + len(axes), note, [*leaks, *told]))


def effects_text(found: Sequence[Effect], subject: str) -> TextTable:
    """Every value of every axis."""
    rows: list[list[Cell]] = [["axis", "value", "cells", subject, "less the reference", "out of fold"]]
    rows += [
        [
            effect.axis,
            name,
            str(effect.marginals.cells[name]),
            _drawn_cell(effect.marginals.means[name]),
            "reference" if name == effect.reference else difference_cell(less or {}),
            _drawn_cell(effect.marginals.out_of_fold[name]),
        ]
        for effect in found
        for name, less in effect.differences.items()
    ]
    note = (
        "Mean AUC at video level of each value, with the 95 % interval, over the combinations of the other axes that "
        "all values of the axis have, in draws that all cells share."
    )
    return with_marks(TextTable(rows, 2, " ".join([note, *map(basis, found), f"{FIXED}."])))


def is_plain(effect: Effect) -> bool:
    """Whether the means of an axis can be compared as they stand, and nothing is to be added."""
    of = effect.marginals
    return of.combinations > 0 and of.same_tests and effect.axis != SEED


def basis(effect: Effect) -> str:
    """What the means of an axis are over, in a sentence."""
    of = effect.marginals
    if not of.combinations:
        text = f"{effect.axis}: not balanced, over all cells of a value; other axes differ too"
    else:
        others = "combination" if of.combinations == 1 else "combinations"
        text = f"{effect.axis}: over {of.combinations:,} {others} of the other axes"
    if not of.same_tests:
        text += (
            "; the means are over different manipulations and not to be compared, the differences are over those that "
            "count for both"
        )
    if effect.axis == SEED and of.deviation is not None:
        text += (
            f"; standard deviation over the seeds {number(of.deviation)}, which the intervals do not hold: they hold "
            "the trained model fixed"
        )
    return f"{text}."


def effects_table(found: Sequence[Effect]) -> pd.DataFrame:
    """One row for each value of each axis."""
    rows = []
    for effect in found:
        of = effect.marginals
        for name, less in effect.differences.items():
            row = {"axis": effect.axis, "value": name, "reference": name == effect.reference, "cells": of.cells[name]}
            row |= {"combinations": of.combinations, "balanced": of.combinations > 0, "same_tests": of.same_tests}
            figures = {"mean_auc": of.means[name], "out_of_fold_auc": of.out_of_fold[name]}
            parts = {key: one.figure if one else None for key, one in figures.items()} | {"difference": less}
            for key, figure in parts.items():
                row |= {key: _of(figure, "value"), **{f"{key}_{end}": _of(figure, end) for end in ("low", "high")}}
            rows.append({**row, "deviation": of.deviation if effect.axis == SEED else None})
    return pd.DataFrame(rows)


def _of(figure: Mapping[str, Any] | None, key: str) -> Any:
    return figure[key] if figure else None


def _drawn_cell(one: Any) -> Cell:
    return auc_cell(one.figure if one else None)


def difference_cell(stated: Mapping[str, Any]) -> Cell:
    """A difference with three digits, its interval with two; "-" where there is none."""
    if stated.get("value") is None:
        return "-"
    low, high = (None if stated[end] is None else signed(stated[end], 2) for end in ("low", "high"))
    return Interval(signed(stated["value"], 3), low, high, FEW if stated["few_groups"] else "")
