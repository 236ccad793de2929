"""Figures draw what they are given, as the same SVG every time, with text that stays text."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from evaluate.drawing import svg
from evaluate.figures import FIGURES, history_figure, reliability_figure, roc_figure, scores_figure
from evaluate.folders import Run
from evaluate.intervals import group_draws
from evaluate.levels import at_level
from evaluate.reliability import calibration_error, reliability_bins
from evaluate.robustness import robustness

HISTORY = pd.DataFrame(
    {"epoch": [1, 2, 3], "lr": 0.1, "train_loss": [0.7, 0.5, 0.4], "validation_loss": [0.6, 0.5, 0.55],
     "validation_auc": [0.6, 0.7, 0.72]}
)  # fmt: skip
CONFIG = {"head": "mlp", "train": ["FaceSwap"], "score": "probability", "parameters": {"epochs": 2}}


@pytest.fixture
def videos(predictions_table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return at_level(predictions_table(), "video")


@pytest.fixture
def run(predictions_table: Callable[..., pd.DataFrame]) -> Run:
    table = predictions_table(frames=4)
    views = [table[["sample_id", "score"]].assign(view=view) for view in ("jpeg-30", "flip")]
    return Run(Path("mlp"), CONFIG, table, HISTORY, pd.concat(views))


def measured(run: Run) -> dict[str, Any]:
    """As much of what is measured as figures read."""
    test = run.rows("test")
    draws = group_draws(test["group"].to_numpy(dtype=str), test["label"].to_numpy(), 50)
    return {"robustness": robustness(run, draws, ("video",))}


def drawn(name: str, run: Run) -> str:
    figure = FIGURES[name].draw(run, measured(run))
    assert figure is not None
    return svg(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_the_same_bytes_and_leave_no_trace(name: str, run: Run) -> None:
    before = dict(mpl.rcParams)
    first = drawn(name, run)
    assert first == drawn(name, run)
    assert dict(mpl.rcParams) == before
    assert "dc:date" not in first
    ET.fromstring(first)


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("history", "timeline")])
@pytest.mark.parametrize("manipulation", ["<b>&", "a$b$c", r"$\frac{$"])
def test_names_are_names(name: str, manipulation: str, run: Run) -> None:
    renamed = run.table.replace({"manipulation": {"FaceSwap": manipulation}})
    tree = ET.fromstring(drawn(name, replace(run, table=renamed)))
    texts = [element.text or "" for element in tree.iter() if element.tag.endswith("text")]
    assert any(manipulation in text for text in texts)


def test_the_dot_stands_at_the_threshold(videos: pd.DataFrame) -> None:
    videos = videos[videos["manipulation"] != "NeuralTextures"]
    for threshold in (0.5, float(videos["score"].iloc[0]), 2.0):
        axes = roc_figure(videos, ["FaceSwap"], threshold).axes[0]
        dot = next(line for line in axes.lines if line.get_marker() == "o")
        called = videos["score"] >= threshold
        assert dot.get_xdata()[0] == pytest.approx(called[videos["label"] == 0].mean())
        assert dot.get_ydata()[0] == pytest.approx(called[videos["label"] == 1].mean())


def test_seen_is_solid_and_unseen_dashed(videos: pd.DataFrame) -> None:
    axes = roc_figure(videos, ["FaceSwap"], 0.5).axes[0]
    styles = {line.get_label().split()[0].strip(","): line.get_linestyle() for line in axes.lines}
    assert (styles["FaceSwap"], styles["NeuralTextures"]) == ("-", "--")


def test_scores_show_each_class_and_what_is_called_fake(videos: pd.DataFrame) -> None:
    axes = scores_figure(videos, ["FaceSwap"], 0.5).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["real", "FaceSwap, seen", "NeuralTextures"]
    reals = videos.loc[videos["label"] == 0, "score"]
    assert f"{np.mean(reals >= 0.5):.0%}" in [text.get_text() for text in axes.texts]


def test_long_names_and_many_of_them_find_room(predictions_table: Callable[..., pd.DataFrame]) -> None:
    names = [f"LongManipulation{at}" for at in range(9)]
    videos = at_level(predictions_table(groups=3, lift=dict.fromkeys(names, 0.2)), "video")
    legend = roc_figure(videos, [], 0.5).axes[0].get_legend()
    assert [text.get_text().split()[0] for text in legend.get_texts()] == names
    assert legend.get_bbox_to_anchor().y1 < roc_figure(videos, [], 0.5).axes[0].bbox.y0


def test_a_run_draws_only_what_it_has(run: Run) -> None:
    short = run.table[run.table["sample_id"].str[-1] < "3"]
    bare = replace(run, config={**CONFIG, "score": "squashed margin"}, table=short, history=None, views=None)
    lacking = {"reliability", "history", "robustness", "timeline"}
    assert {name for name, figure in FIGURES.items() if figure.draw(bare, measured(bare)) is None} == lacking
    assert all(figure.draw(run, measured(run)) is not None for figure in FIGURES.values())


def test_reliability_draws_the_bins_of_each_manipulation(videos: pd.DataFrame) -> None:
    axes = reliability_figure(videos, ["FaceSwap"]).axes[0]
    lines = {line.get_label().split()[0].strip(","): line for line in axes.lines[1:]}
    for name, line in lines.items():
        cell = videos[videos["manipulation"].isin(["real", name])]
        bins = reliability_bins(cell["label"].to_numpy(), cell["score"].to_numpy())
        assert (line.get_xdata() == bins.score).all() and (line.get_ydata() == bins.fakes).all()
        area = calibration_error(cell["label"].to_numpy(), cell["score"].to_numpy())
        assert line.get_label().endswith(f"  {area:.2f}")
    assert [line.get_linestyle() for line in lines.values()] == ["-", "--"]


def test_history_marks_the_epoch_that_was_chosen() -> None:
    losses, areas = history_figure(HISTORY, 2).axes
    assert [line.get_label() for line in losses.lines] == ["training", "held-out groups", "chosen: 2"]
    assert list(losses.lines[1].get_ydata()) == [0.6, 0.5, 0.55] and list(areas.lines[0].get_ydata()) == [
        0.6,
        0.7,
        0.72,
    ]
    assert [list(axes.lines[-1].get_xdata()) for axes in (losses, areas)] == [[2, 2], [2, 2]]


def test_a_history_without_validation_is_one_curve() -> None:
    fixed = HISTORY[["epoch", "train_loss"]]
    (axes,) = history_figure(fixed).axes
    assert [line.get_label() for line in axes.lines] == ["training"]
    (axes,) = history_figure(fixed, 2).axes
    assert axes.lines[-1].get_label() == "kept: 2 (fixed)"


def test_a_caption_speaks_of_held_out_groups_where_there_are_any(run: Run) -> None:
    fixed = replace(run, history=HISTORY[["epoch", "train_loss"]])
    assert ["held out" in FIGURES["history"].caption(one) for one in (run, fixed)] == [True, False]


@pytest.mark.parametrize("figure", [history_figure(HISTORY[["epoch", "train_loss"]], 2), history_figure(HISTORY, 2)])
def test_a_stamp_stands_below_what_was_drawn(figure: Figure) -> None:
    drawn = figure.get_tightbbox().y0
    svg(figure, "LEAK: 16 of 16 test groups were in training")
    (stamp,) = figure.texts
    assert stamp.get_window_extent().y1 / figure.dpi < drawn


def test_the_legend_of_reliability_covers_no_curve(videos: pd.DataFrame) -> None:
    figure = reliability_figure(videos, ["FaceSwap"])
    svg(figure)
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None and legend.get_window_extent().y1 < axes.bbox.y0
