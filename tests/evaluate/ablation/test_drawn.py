from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.paired import NO_BASELINE, NO_TEST
from evaluate.compare import differences
from evaluate.intervals import group_draws


def test_cells_share_the_draws_of_their_groups(drawn_crossed: DrawnGrid) -> None:
    drawn = drawn_crossed
    assert [one.cell.key for one in drawn.cells] == ["c0", "c1", "c2"]
    assert drawn.unseen and drawn.subject == "unseen manipulations"
    for one in drawn.cells:
        assert one.counted == ("NeuralTextures",) and one.seen == {"FaceSwap": True, "NeuralTextures": False}
        stated = {name: test["video"]["auc"]["value"] for name, test in one.cell.tests.items()}
        assert {name: found.values[0] for name, found in one.tests.items()} == pytest.approx(stated)
        assert {len(found.values) for found in one.tests.values()} == {201}
        fold = one.cell.out_of_fold("video")
        assert fold and one.out_of_fold and one.out_of_fold.values[0] == pytest.approx(fold["auc"]["value"])
    base, _, mlp = (one.cell.videos for one in drawn.cells)
    assert base is not None and mlp is not None
    rows = [part[part["split"].eq("test") & ~part["manipulation"].eq("FaceSwap")] for part in (base, mlp)]
    labels, groups = rows[0]["label"].to_numpy(), rows[0]["group"].to_numpy(dtype=str)
    draws = group_draws(groups, labels, 600)
    expected = differences(labels, rows[0]["score"].to_numpy(), rows[1]["score"].to_numpy(), groups, draws)
    found = drawn.cells[2].difference
    assert found["value"] == pytest.approx(expected[0]) and found["tests"] == ["NeuralTextures"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.percentile(expected[1:], [2.5, 97.5])))
    assert found["comparisons"] == 4  # failed and pending cells were declared too
    assert found["p_holm"] == pytest.approx(min(1.0, 4 * found["p"]))
    assert drawn.cells[0].difference == {} and drawn.base is drawn.cells[0]
    assert drawn.cells[1].difference["value"] == 0  # its scores of the test are the baseline's


def test_groups_that_one_video_has_in_two_cells_are_one(
    plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    out = make_grid(tmp_path / "grid", [plan({"head": name}) for name in "ab"])

    def draws_of_the_first() -> np.ndarray:
        return draw_grid(read_grid_folder(out), 50, 50).cells[0].tests["FaceSwap"].values

    apart, values = draws_of_the_first(), []
    for key in ("c1", "c0"):  # ten groups become one, in the other cell alone, then in both
        path = out / "cells" / key / "video_predictions.parquet"
        table = pd.read_parquet(path)
        table.assign(group=table["group"].str[:-1]).to_parquet(path, index=False)
        values.append(draws_of_the_first())
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(apart, values[0])


def test_without_the_baseline_nothing_is_compared(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    plans = [plan({"head": "a"}, state="pending"), plan({"head": "b"})]
    for baseline in (0, None):
        drawn = draw_grid(read_grid_folder(make_grid(tmp_path / str(baseline), plans, baseline)), 50, 50)
        assert drawn.base is None
        assert (drawn.cells[0].difference["value"], drawn.cells[0].difference["why"]) == (None, NO_BASELINE)


def test_a_difference_is_over_what_neither_cell_was_trained_on(
    plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    base = {"FaceSwap": 0.5, "NeuralTextures": 1.0, "Deepfakes": 0.5}
    higher = {"FaceSwap": 1.5, "NeuralTextures": 3.0, "Deepfakes": 1.0}
    plans = [
        plan({"train": "FaceSwap"}, base),
        plan({"train": "NeuralTextures"}, higher, train=["NeuralTextures"]),
        plan({"train": "the others"}, higher, train=["NeuralTextures", "Deepfakes"]),
    ]
    first, second, third = draw_grid(read_grid_folder(make_grid(tmp_path, plans)), 50, 50).cells
    assert (first.counted, second.counted) == (("NeuralTextures", "Deepfakes"), ("FaceSwap", "Deepfakes"))
    of_both = [one.tests["Deepfakes"].values[0] for one in (first, second)]
    assert second.difference["tests"] == ["Deepfakes"]
    assert second.difference["value"] == pytest.approx(of_both[1] - of_both[0]) and of_both[1] > of_both[0]
    assert third.counted == ("FaceSwap",)
    assert (third.difference["value"], third.difference["why"]) == (None, NO_TEST)


def test_where_all_was_seen_every_test_counts(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    both = ("FaceSwap", "NeuralTextures")
    drawn = draw_grid(read_grid_folder(make_grid(tmp_path, [plan({"head": "a"}, train=both)])), 50, 50)
    assert not drawn.unseen and drawn.subject == "test manipulations" and drawn.cells[0].counted == both


def test_a_cell_without_out_of_fold_scores_has_none(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    drawn = draw_grid(read_grid_folder(make_grid(tmp_path, [plan({"head": "a"}, fold=None)])), 50, 50)
    assert drawn.cells[0].out_of_fold is None and drawn.cells[0].mean is not None


def test_nothing_done_is_nothing_drawn(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    assert draw_grid(read_grid_folder(make_grid(tmp_path, [plan({"head": "a"}, state="pending")]))).cells == ()
