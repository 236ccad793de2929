"""The heatmap writes every cell with its interval, frames what was seen, and finds room for long names."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evaluate.cell_draws import draw_cells
from evaluate.folders import Run, find_runs, read_run
from evaluate.matrix import matrices
from evaluate.matrix_figure import matrix_figure


def test_matrix_writes_every_cell(tree: Path) -> None:
    runs = [run for path in find_runs(tree) if (run := read_run(path)).head == "mlp"]
    table = matrices(draw_cells({"mlp": runs}, 50))["video"]["mlp"]
    axes = matrix_figure(table, "mlp").axes[0]
    written = [text.get_text() for text in axes.texts]
    for row in table["cells"].values():
        for cell in row.values():
            assert f"{cell['value']:.2f}" in written
    assert len(written) == 8
    frames = [patch for patch in axes.patches if not patch.get_fill()]
    assert [patch.get_xy() for patch in frames] == [(0.04, 0.04), (1.04, 1.04)]
    assert axes.get_xlabel().startswith("tested on (framed: seen in training)\nseen ")
    assert f"gap {table['gap']['value']:.2f}" in axes.get_xlabel()
    assert axes.get_xticklabels()[0].get_rotation() == 0


def test_long_names_are_slanted_and_a_missing_interval_is_said() -> None:
    names = [f"LongManipulation{at}" for at in range(9)]
    cell = {"value": 0.5, "low": None, "high": None, "seen": False, "few_groups": True}
    table = {"trains": ["A"], "tests": names, "cells": {"A": dict.fromkeys(names, cell)}}
    axes = matrix_figure(table | dict.fromkeys(("seen", "unseen", "gap")), "svm").axes[0]
    assert axes.get_xticklabels()[0].get_rotation() == 30
    assert "no interval†" in [text.get_text() for text in axes.texts]


def test_of_unknown_training_nothing_is_framed(predictions_table: Callable[..., pd.DataFrame]) -> None:
    run = Run(Path("a"), {"head": "a", "train": []}, predictions_table())
    table = matrices(draw_cells({"a": [run]}, 20))["video"]["a"]
    axes = matrix_figure(table, "a").axes[0]
    assert all(patch.get_fill() for patch in axes.patches)
    assert axes.get_xlabel().startswith("tested on\nmean 0.") and "seen" not in axes.get_xlabel()
    assert axes.get_yticklabels()[0].get_text() == "unknown"
