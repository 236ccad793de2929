"""Figures draw what they are given, as the same SVG every time, with text that stays text."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from evaluate.figures import FIGURES, matrix_figure, roc_figure, scores_figure, svg
from evaluate.folders import find_runs, read_run
from evaluate.levels import at_level
from evaluate.matrix import compare


@pytest.fixture
def videos(predictions_table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return at_level(predictions_table(), "video")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_the_same_bytes_and_leave_no_trace(name: str, videos: pd.DataFrame) -> None:
    before = dict(mpl.rcParams)
    first, second = (svg(FIGURES[name].draw(videos, ["FaceSwap"], 0.5)) for _ in range(2))
    assert first == second
    assert dict(mpl.rcParams) == before
    assert "dc:date" not in first
    ET.fromstring(first)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("manipulation", ["<b>&", "a$b$c", r"$\frac{$"])
def test_names_are_names(name: str, manipulation: str, videos: pd.DataFrame) -> None:
    renamed = videos.replace({"manipulation": {"FaceSwap": manipulation}})
    tree = ET.fromstring(svg(FIGURES[name].draw(renamed, [], 0.5)))
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


def test_matrix_writes_every_cell(tree: Path) -> None:
    runs = [run for path in find_runs(tree) if (run := read_run(path)).head == "mlp"]
    table = compare({"mlp": runs}, n_draws=50)["video"]["mlp"]
    axes = matrix_figure(table, "mlp").axes[0]
    written = [text.get_text() for text in axes.texts]
    for row in table["cells"].values():
        for cell in row.values():
            assert f"{cell['value']:.2f}" in written
    assert len(written) == 8
    frames = [patch for patch in axes.patches if not patch.get_fill()]
    assert [patch.get_xy() for patch in frames] == [(0.04, 0.04), (1.04, 1.04)]
    assert f"gap {table['gap']['value']:.2f}" in axes.get_xlabel()
    assert axes.get_xticklabels()[0].get_rotation() == 0


def test_long_names_and_many_of_them_find_room(predictions_table: Callable[..., pd.DataFrame]) -> None:
    names = [f"LongManipulation{at}" for at in range(9)]
    videos = at_level(predictions_table(groups=3, lift=dict.fromkeys(names, 0.2)), "video")
    legend = roc_figure(videos, [], 0.5).axes[0].get_legend()
    assert [text.get_text().split()[0] for text in legend.get_texts()] == names
    assert legend.get_bbox_to_anchor().y1 < roc_figure(videos, [], 0.5).axes[0].bbox.y0
    cell = {"value": 0.5, "low": None, "high": None, "seen": False, "few_groups": True}
    table = {"trains": ["A"], "tests": names, "cells": {"A": dict.fromkeys(names, cell)}}
    axes = matrix_figure(table | dict.fromkeys(("seen", "unseen", "gap")), "svm").axes[0]
    assert axes.get_xticklabels()[0].get_rotation() == 30
    assert "no interval†" in [text.get_text() for text in axes.texts]
