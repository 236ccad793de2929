"""The drawing of robustness: families in panels, the severest at the right, lines that can be told apart."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from evaluate.drawing import COLOURS, svg
from evaluate.folders import Run
from evaluate.intervals import group_draws
from evaluate.robustness import robustness
from evaluate.robustness_figure import draw_robustness, robustness_figure

VIEWS = ("flip", "jpeg-30", "jpeg-90", "blur-2")


def entry(auc: float, change: float | None) -> dict[str, Any]:
    found = {"value": auc, "low": auc - 0.05, "high": auc + 0.05, "few_groups": False}
    moved = None if change is None else {**found, "value": change}
    return {"auc": found, "change": moved, "balanced_accuracy": found, "n": 20}


def found_of(names: list[str], views: tuple[str, ...] = VIEWS, base: str = "clean") -> dict[str, Any]:
    """AUC .9 in the base, .1 less in each further view."""
    by_view = {base: entry(0.9, None)} | {view: entry(0.8 - 0.1 * at, -0.1) for at, view in enumerate(views)}
    return {"base": base, "views": list(views), "cells": {name: {"video": by_view} for name in names}, "told": []}


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def ticks(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def lines(axes: Axes) -> list[Any]:
    return [line for line in axes.lines if not str(line.get_label()).startswith("_")]


@pytest.fixture
def run(predictions_table: Callable[..., pd.DataFrame]) -> Run:
    table = predictions_table()
    views = pd.concat([table[["sample_id"]].assign(view=view, score=table["score"] ** 2) for view in VIEWS])
    config = {"head": "mlp", "train": ["FaceSwap"], "cache": {"provenance": {"view": "clean"}}}
    return Run(Path("mlp"), config, table, None, views)


def test_a_run_is_drawn_as_the_same_bytes_and_leaves_no_trace(run: Run) -> None:
    before = dict(mpl.rcParams)
    test = run.rows("test")
    draws = group_draws(test["group"].to_numpy(dtype=str), test["label"].to_numpy(), 50)
    measured = {"robustness": robustness(run, draws, ("video",))}
    first, second = draw_robustness(run, measured), draw_robustness(run, measured)
    assert first is not None and second is not None
    drawn = svg(first)
    assert drawn == svg(second) and dict(mpl.rcParams) == before and "dc:date" not in drawn
    texts = [element.text for element in ET.fromstring(drawn).iter() if element.tag.endswith("text")]
    assert {"FaceSwap, seen", "NeuralTextures", "JPEG quality", "flip", "AUC"} <= set(texts)


def test_a_run_without_other_views_is_not_drawn(run: Run) -> None:
    assert draw_robustness(Run(run.folder, run.config, run.table), {"robustness": None}) is None


def test_each_family_has_a_panel_that_grows_more_severe_to_the_right() -> None:
    found = found_of(["FaceSwap"])
    jpeg, blur, flip = panels(robustness_figure(found, {"FaceSwap": True}))
    assert [ticks(axes) for axes in (jpeg, blur, flip)] == [["clean", "90", "30"], ["clean", "2"], ["clean", "flip"]]
    by_view = found["cells"]["FaceSwap"]["video"]
    (line,) = lines(jpeg)
    assert line.get_ydata().tolist() == [by_view[view]["auc"]["value"] for view in ("clean", "jpeg-90", "jpeg-30")]
    (band,) = jpeg.collections
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    ends = [by_view[view]["auc"][end] for view in ("clean", "jpeg-90", "jpeg-30") for end in ("low", "high")]
    assert (heights.min(), heights.max()) == (min(ends), max(ends))
    assert lines(flip)[0].get_linestyle() == "None", "views without an order are no curve"


def test_the_view_tested_on_stands_in_its_place_among_its_own_family() -> None:
    figure = robustness_figure(
        found_of(["FaceSwap"], ("jpeg-90", "jpeg-30", "blur-1"), base="jpeg-70"), {"FaceSwap": None}
    )
    assert [ticks(axes) for axes in panels(figure)] == [["90", "70", "30"], ["jpeg-70", "1"]]


def test_lines_tell_seen_from_unseen_and_manipulations_apart() -> None:
    seen: dict[str, bool | None] = {"FaceSwap": True, "NeuralTextures": False, "Foreign": None}
    jpeg, *_, flip = panels(robustness_figure(found_of(list(seen)), seen))
    assert [line.get_linestyle() for line in lines(jpeg)] == ["-", "--", "-"]
    assert [line.get_label() for line in lines(jpeg)] == ["FaceSwap, seen", "NeuralTextures", "Foreign"]
    assert [line.get_fillstyle() for line in lines(flip)] == ["full", "none", "full"]
    assert len({tuple(line.get_xdata()) for line in lines(flip)}) == 3, "points do not hide each other"
    many = {f"method {at}": False for at in range(2 * len(COLOURS))}
    first = lines(panels(robustness_figure(found_of(list(many)), many))[0])
    assert len({(to_hex(line.get_color()), line.get_marker()) for line in first}) == len(many)


def test_what_was_not_compared_leaves_a_gap_and_no_interval_draws_no_band() -> None:
    found = found_of(["FaceSwap", "NeuralTextures"])
    del found["cells"]["FaceSwap"]["video"]
    found["cells"]["FaceSwap"]["video"] = {"clean": entry(0.9, None), "jpeg-30": entry(0.6, -0.3)}
    found["cells"]["FaceSwap"]["video"]["jpeg-30"]["auc"] |= {"low": None, "high": None}
    figure = robustness_figure(found, {"FaceSwap": True, "NeuralTextures": False})
    assert lines(panels(figure)[0])[0].get_xdata().tolist() == [0, 2]
    assert svg(figure)


def test_one_family_takes_the_whole_width() -> None:
    figure = robustness_figure(found_of(["FaceSwap"], ("blur-1", "blur-2")), {"FaceSwap": False})
    assert len(figure.axes) == 1 and ticks(figure.axes[0]) == ["clean", "1", "2"]
