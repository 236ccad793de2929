"""Robustness: what a perturbation of the pictures does to a run's numbers on the very same test rows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evaluate.bootstrap import bootstrap
from evaluate.cell_draws import difference, figure
from evaluate.compare import signed
from evaluate.folders import Run
from evaluate.intervals import GroupDraws
from evaluate.levels import LEVELS, cells, has_few_groups
from evaluate.metrics import METRICS
from evaluate.wording import FEW, ends, listed, plural

MEASURED = {
    "auc": "change",
    "balanced_accuracy": "balanced_accuracy_change",
}  # metrics, and what their change is called
NUMBERED = re.compile(r"(?P<family>.+)-(?P<number>[0-9]+)")
MOST = 4  # manipulations in one sentence


class Family(NamedTuple):
    """Views that differ in how severe they are.

    Attributes
    ----------
    axis : str
        What their number is.
    rises : bool
        Whether a larger number is the more severe one.
    """

    axis: str
    rises: bool


FAMILIES: dict[str, Family] = {
    "jpeg": Family("JPEG quality", rises=False),
    "blur": Family("blur, sigma in pixels", rises=True),
    "resize": Family("resized to, pixels", rises=False),
}
OTHERS = ""  # views without an order: mirrored, or of no family


class Judged(NamedTuple):
    """One set of rows at one level.

    Attributes
    ----------
    values : dict of ndarray of float, shape (1 + B,)
        Each metric of `MEASURED`, then that of each draw.
    n : int
        Rows at this level.
    few_groups : bool
    """

    values: dict[str, np.ndarray]
    n: int
    few_groups: bool


def severity(view: str) -> float:
    """The number in the name of a view, negative where a smaller one is more severe; -inf where there is none.

    Examples
    --------
    >>> severity("blur-2"), severity("jpeg-50"), severity("clean")
    (2.0, -50.0, -inf)
    """
    family, match = family_of(view), NUMBERED.fullmatch(view)
    if match is None or family == OTHERS:
        return -np.inf
    return float(match["number"]) * (1 if FAMILIES[family].rises else -1)


def family_of(view: str) -> str:
    """The name in `FAMILIES` that a view belongs to, or `OTHERS`.

    Examples
    --------
    >>> family_of("jpeg-50"), family_of("flip")
    ('jpeg', '')
    """
    match = NUMBERED.fullmatch(view)
    return match["family"] if match and match["family"] in FAMILIES else OTHERS


def by_family(views: Sequence[str]) -> dict[str, list[str]]:
    """Views by their family, in the order of `FAMILIES`, `OTHERS` last; each from the mildest to the most severe.

    Examples
    --------
    >>> by_family(["flip", "jpeg-30", "blur-2", "jpeg-70"])
    {'jpeg': ['jpeg-70', 'jpeg-30'], 'blur': ['blur-2'], '': ['flip']}
    """
    found = {
        family: sorted((view for view in views if family_of(view) == family), key=lambda view: (severity(view), view))
        for family in (*FAMILIES, OTHERS)
    }
    return {family: names for family, names in found.items() if names}


def robustness(run: Run, draws: GroupDraws, levels: Sequence[str] = LEVELS) -> dict[str, Any] | None:
    """A run in the other views of its test rows, each against the same rows in the view that it was tested on.

    The head, its calibration and its thresholds stay as they are: a view is one more test, and nothing is fitted on it.
    All views share the draws, so that ``change`` is paired: its interval can leave out 0 where those of the two AUCs
    overlap.

    Parameters
    ----------
    run : Run
    draws : GroupDraws
        Made over all test rows.
    levels : sequence of {"frame", "video"}

    Returns
    -------
    dict or None
        None where the run has no other view. ``base``: the view tested on; ``views``: the others, by family and
        severity; ``cells``: ``[manipulation][level][view]``, the base among the views, each with ``auc`` and
        its ``change``, ``balanced_accuracy`` at the run's threshold and its ``balanced_accuracy_change`` (value, low,
        high, few_groups; the changes of the base are None) and ``n`` (rows at this level); ``told``: sentences on what
        could not be compared. A view in which a class of a cell has no score is left out of it.
    """
    if run.views is None:
        return None
    test, base = run.rows("test"), base_view(run)
    tables = dict(iter(run.views.set_index("sample_id").groupby("view")["score"]))
    views = [view for names in by_family(list(tables)).values() for view in names]
    scores = {view: test["sample_id"].map(tables[view]) for view in views}
    measured = {
        name: {level: _views_of(run, level, cell, scores, draws, base) for level in levels}
        for name, cell in cells(test).items()
    }
    return {"base": base, "views": views, "cells": measured, "told": _told(scores, measured)}


def base_view(run: Run) -> str:
    """The view that a run was tested on."""
    made = (run.config.get("test_cache") or run.config.get("cache") or {}).get("provenance") or {}
    return str(made.get("view") or "clean")


def robustness_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """What `robustness` found, one row for each test manipulation, level and view, the view tested on first."""
    rows = []
    for name, by_level in found["cells"].items():
        for level, by_view in by_level.items():
            for view, figures in by_view.items():
                row = {"test": name, "level": level, "view": view, "n": figures["n"]}
                for key in (key for pair in MEASURED.items() for key in pair):
                    one = figures[key] or dict.fromkeys(("value", "low", "high"))
                    row |= {key: one["value"], f"{key}_low": one["low"], f"{key}_high": one["high"]}
                rows.append({**row, "few_groups": figures["auc"]["few_groups"]})
    return pd.DataFrame(rows)


def robustness_lines(found: Mapping[str, Any]) -> list[str]:
    """How the video AUC changes in the most severe view of each family, and in those without an order; a line each."""
    lines = []
    for family, names in by_family(found["views"]).items():
        for view in names if family == OTHERS else names[-1:]:
            told = [
                f"{_change_text(by_level['video'][view]['change'])} on {name}"
                for name, by_level in found["cells"].items()
                if view in by_level["video"]
            ]
            if told:
                lines.append(f"{view}: {listed(told, MOST)}")
    return lines


def _change_text(change: dict[str, Any]) -> str:
    """A change with its sign, and its interval."""
    return f"{FEW if change['few_groups'] else ''}{signed(change['value'], 3)} ({ends(change)})"


def _views_of(
    run: Run, level: str, cell: pd.DataFrame, scores: Mapping[str, pd.Series], draws: GroupDraws, base: str
) -> dict[str, Any]:
    whole = _judged(run, level, cell, draws)
    found = {base: _figures(whole, None)}
    for view, in_view in scores.items():
        score = in_view.loc[cell.index]
        rows = cell[score.notna()]
        if rows["label"].nunique() == 2:
            before = whole if len(rows) == len(cell) else _judged(run, level, rows, draws)
            after = _judged(run, level, rows.assign(score=score.dropna()), draws)
            found[view] = _figures(after, before)
    return found


def _judged(run: Run, level: str, frames: pd.DataFrame, draws: GroupDraws) -> Judged:
    table = run.at_level(frames, level)
    labels, scores, groups = (table[name].to_numpy() for name in ("label", "score", "group"))
    threshold = run.threshold(level)["value"]
    read = {"scores": scores, "decisions": (scores >= threshold).astype(int)}
    drawn = bootstrap(labels, scores, groups, draws, list(MEASURED), threshold)
    values = {name: np.append(METRICS[name].function(labels, read[METRICS[name].reads]), drawn[name]) for name in drawn}
    return Judged(values, len(table), has_few_groups(table))


def _figures(after: Judged, before: Judged | None) -> dict[str, Any]:
    found: dict[str, Any] = {"n": after.n}
    for name, change in MEASURED.items():
        found[name] = figure(after.values[name], after.few_groups)
        moved = None if before is None else after.values[name] - before.values[name]
        found[change] = None if moved is None else difference(moved, after.few_groups)
    return found


def _told(scores: Mapping[str, pd.Series], measured: Mapping[str, Any]) -> list[str]:
    told = []
    for view, of_rows in scores.items():
        if lacking := int(of_rows.isna().sum()):
            told.append(
                f"view {view}: {lacking:,} of {plural(len(of_rows), 'test row')} have no score in it and are left "
                "out of the comparison"
            )
        without = [name for name, by_level in measured.items() if any(view not in one for one in by_level.values())]
        if without:
            told.append(f"view {view}: a class of {listed(without)} has no score in it, so that nothing is compared")
    return told
