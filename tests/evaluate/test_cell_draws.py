"""All cells share their draws: what a cell has in a draw is the AUC of its rows with the groups of that draw."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluate.bootstrap import bootstrap
from evaluate.cell_draws import draw_cells, figure, mean_figure
from evaluate.folders import Run
from evaluate.intervals import group_draws
from evaluate.levels import cells
from evaluate.metrics import auc

Predictions = Callable[..., pd.DataFrame]
LIFT = {"FaceSwap": 0.1, "NeuralTextures": 0.05}


def test_values_are_the_auc_and_its_draws(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    run = Run(Path("a"), {"head": "a", "train": ["FaceSwap"]}, table)
    drawn = draw_cells({"a": [run]}, 30, 80, seed=3)
    draws = group_draws(table["group"].to_numpy(dtype=str), table["label"].to_numpy(), 30, 3)
    np.testing.assert_array_equal(drawn.draws["frame"].multiplicities, draws.multiplicities)
    np.testing.assert_array_equal(drawn.draws["video"].multiplicities[:30], draws.multiplicities)
    assert drawn.shared == [("FaceSwap", name) for name in LIFT] and drawn.apart == 0
    for level in ("frame", "video"):
        for name, cell in cells(run.at_level(table, level)).items():
            found = drawn.cells[level]["a"]["FaceSwap", name]
            labels, scores = cell["label"].to_numpy(), cell["score"].to_numpy()
            assert found.values[0] == auc(labels, scores)
            expected = bootstrap(labels, scores, cell["group"].to_numpy(dtype=str), draws)["auc"]
            np.testing.assert_array_equal(found.values[1:], expected)
            assert len(found.paired) == 1 + {"frame": 30, "video": 80}[level]
            assert (found.seen, found.origin, found.few_groups) == (name == "FaceSwap", "FF++/c23", False)
            assert list(found.rows.index) == list(cell["sample_id" if level == "frame" else "video_id"])
    assert drawn.whole == {"frame": {"a": {}}, "video": {"a": {}}}


def test_places_that_not_every_head_has_are_apart(predictions_table: Predictions) -> None:
    def run(head: str, train: str, names: list[str]) -> Run:
        return Run(Path(head), {"head": head, "train": [train]}, predictions_table(lift=dict.fromkeys(names, 0.1)))

    runs = {"a": [run("a", "A", ["A", "B"]), run("a", "B", ["A", "B"])], "b": [run("b", "A", ["B", "C"])]}
    drawn = draw_cells(runs, 5)
    assert drawn.shared == [("A", "B")] and drawn.apart == 4


def test_all_rows_are_drawn_where_nobody_knows_the_training(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    drawn = draw_cells({"a": [Run(Path("a"), {"head": "a", "train": []}, table)]}, 5)
    whole = drawn.whole["frame"]["a"][""]
    assert whole.values[0] == auc(table["label"].to_numpy(), table["score"].to_numpy()) and whole.seen is None
    one = table[table["manipulation"] != "NeuralTextures"]
    assert draw_cells({"a": [Run(Path("a"), {"head": "a", "train": []}, one)]}, 5).whole["frame"]["a"] == {}


def test_means_are_joint(predictions_table: Predictions) -> None:
    run = Run(Path("a"), {"head": "a", "train": ["FaceSwap"]}, predictions_table(lift=LIFT))
    of = list(draw_cells({"a": [run]}, 50).cells["video"]["a"].values())
    mean = mean_figure(of)
    assert mean == figure((of[0].values + of[1].values) / 2, False)
    assert mean is not None and mean["value"] == pytest.approx(np.mean([cell.values[0] for cell in of]))
    assert mean_figure([]) is None
    assert figure(np.append(0.5, np.full(9, np.nan)), True) == {
        "value": 0.5, "low": None, "high": None, "few_groups": True,
    }  # fmt: skip


def test_groups_with_a_row_in_common_are_one_in_all_runs(predictions_table: Predictions) -> None:
    """A chain over three runs: a and b share frames of a video, b and c other frames of another one."""

    def run(head: str, groups: list[str], frames: list[str]) -> Run:
        table = predictions_table(lift={"FaceSwap": 0.1}, groups=3)
        table = table[table["sample_id"].str.rpartition("/")[2].isin(frames)]
        names = dict(zip(["test000", "test001", "test002"], groups, strict=True))
        return Run(Path(head), {"head": head, "train": []}, table.assign(group=table["group"].map(names)))

    runs = [run("a", ["x0", "x1", "x2"], ["0"]), run("b", ["x1", "x1", "y"], ["0"]), run("c", ["x1", "x1", "z"], ["1"])]
    drawn = draw_cells({one.head: [one] for one in runs}, 5)
    for head in "abc":
        table = drawn.runs[head][0].table
        assert table.groupby(table["video_id"].str[-7:])["group"].unique().map(list).to_dict() == {
            "test000": ["x0"], "test001": ["x0"], "test002": ["x2"],
        }  # fmt: skip
        rows = drawn.cells["video"][head]["", "FaceSwap"].rows
        assert set(rows["group"]) == {"x0", "x2"}
    assert drawn.draws["video"].names.tolist() == ["x0", "x2"]
    renamed = replace(runs[1], table=runs[1].table.assign(video_id="b/" + runs[1].table["video_id"]))
    drawn = draw_cells({"a": runs[:1], "b": [renamed]}, 5)
    assert drawn.draws["frame"].names.tolist() == ["x0", "x2"], "the frames alone are the same"
    alone = {"a": runs[:1]}
    assert draw_cells(alone, 5).runs is alone, "groups that agree stay as they are"
