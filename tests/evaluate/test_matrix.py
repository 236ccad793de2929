"""Seen and unseen cells are told apart, gaps are paired over cells, and heads rank by the training side alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluate.folders import Run, find_runs, read_run
from evaluate.levels import at_level, cells
from evaluate.matrix import compare, out_of_fold
from evaluate.metrics import auc
from evaluate.runs import evaluate_tree


def by_head(folder: Path) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for path in find_runs(folder):
        run = read_run(path)
        found.setdefault(run.head, []).append(run)
    return found


def test_seen_unseen_and_gap_are_means_over_cells(tree: Path) -> None:
    runs = by_head(tree)
    table = compare(runs, n_draws=200)["video"]["logistic"]
    assert table["trains"] == ["FaceSwap", "NeuralTextures"] == table["tests"]
    values = {}
    for run in runs["logistic"]:
        for name, cell in cells(at_level(run.rows("test"), "video")).items():
            values[run.train, name] = auc(cell["label"].to_numpy(), cell["score"].to_numpy())
            shown = table["cells"][run.train][name]
            assert shown["value"] == values[run.train, name]
            assert shown["seen"] is (run.train == name)
            assert shown["low"] <= shown["value"] <= shown["high"]
    seen = np.mean([value for (train, test), value in values.items() if train == test])
    unseen = np.mean([value for (train, test), value in values.items() if train != test])
    assert table["seen"]["value"] == pytest.approx(seen)
    assert table["unseen"]["value"] == pytest.approx(unseen)
    assert table["gap"]["value"] == pytest.approx(seen - unseen)
    assert table["gap"]["low"] < table["gap"]["value"] < table["gap"]["high"]


def test_an_unseen_manipulation_is_averaged_over_the_trainings_that_did_not_see_it(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    """Two of three trainings did not see C, one A, one B; means resample the same groups jointly."""
    names = {"A": 0.1, "B": 0.15, "C": 0.2}
    runs = []
    for seed, train in enumerate((("A",), ("B",), ("A", "C"))):
        fold = predictions_table(lift={train[0]: 0.2}, split="val")
        tables = [fold, predictions_table(lift=names, seed=seed)]
        runs.append(read_run(make_run(tmp_path / "+".join(train), train=train, tables=tables)))
    table = compare({"svm": runs}, n_draws=100)["video"]["svm"]
    cells_ = table["cells"]
    expected = {"A": ["B"], "B": ["A", "A+C"], "C": ["A", "B"]}
    assert list(table["unseen_each"]) == table["tests"] == ["A", "B", "C"]
    for test, trains in expected.items():
        mean = table["unseen_each"][test]
        assert mean["value"] == pytest.approx(np.mean([cells_[train][test]["value"] for train in trains]))
        assert mean["trainings"] == len(trains) and mean["low"] < mean["value"] < mean["high"]
    assert table["unseen_each"]["A"]["low"] == cells_["B"]["A"]["low"]
    assert table["unseen_each"]["C"]["high"] < max(cells_[train]["C"]["high"] for train in ("A", "B"))


def test_heads_rank_by_their_out_of_fold_auc_and_not_by_test(tree: Path) -> None:
    found = compare(by_head(tree), n_draws=50)["video"]
    assert list(found) == ["mlp", "logistic"]
    assert found["mlp"]["out_of_fold"]["value"] > found["logistic"]["out_of_fold"]["value"]
    assert found["mlp"]["seen"]["value"] < found["logistic"]["seen"]["value"]


def test_a_head_without_out_of_fold_scores_comes_last(tree: Path) -> None:
    runs = by_head(tree)
    first = runs["mlp"][0]
    runs["mlp"][0] = Run(first.folder, first.config, first.rows("test"))
    found = compare(runs, n_draws=50)["video"]
    assert list(found) == ["logistic", "mlp"]
    assert found["mlp"]["out_of_fold"]["value"] is None
    assert found["mlp"]["out_of_fold"]["by_train"]["FaceSwap"] is None
    assert out_of_fold(runs["mlp"][0], "frame") is None


def test_joint_draws_make_the_gap_of_equal_cells_certain(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    """Two manipulations with the same scores: each AUC is uncertain, their difference is not."""
    test = predictions_table(lift={"FaceSwap": 0.1})
    twin = test[test["label"] == 1].replace({"manipulation": {"FaceSwap": "Twin"}})
    twin = twin.assign(video_id=twin["video_id"] + "twin", sample_id=twin["sample_id"] + "twin")
    run = read_run(make_run(tmp_path / "run", tables=[pd.concat([test, twin])]))
    table = compare({"logistic": [run]}, n_draws=100)["video"]["logistic"]
    assert table["seen"]["high"] - table["seen"]["low"] > 0.05
    assert table["gap"] == {"value": 0.0, "low": 0.0, "high": 0.0, "few_groups": False}


def test_without_a_seen_cell_there_is_no_gap(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    run = read_run(make_run(tmp_path / "run", tables=[predictions_table(lift={"NeuralTextures": 0.1})]))
    table = compare({"logistic": [run]}, n_draws=50)["frame"]["logistic"]
    assert table["seen"] is None and table["gap"] is None
    assert table["unseen"]["value"] == table["cells"]["FaceSwap"]["NeuralTextures"]["value"]


def test_draws_that_leave_a_cell_with_one_class_are_counted(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    test = predictions_table(groups=6)
    rare = (test["manipulation"] != "NeuralTextures") | test["group"].isin(["test000", "test001"])
    run = read_run(make_run(tmp_path / "run", tables=[test[rare]]))
    table = compare({"logistic": [run]}, n_draws=400)["video"]["logistic"]
    assert 15 < table["one_class_draws"] < 65  # (4/6)^6 = 0.09 of the draws miss both groups
    assert np.isfinite(list(table["gap"].values())).all()


def test_many_rare_manipulations_leave_means_without_an_interval(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    """Each of 12 manipulations has two groups: the lesser part of the draws holds them all."""
    names = [f"M{at:02d}" for at in range(12)]
    test = predictions_table(groups=12, lift=dict.fromkeys(names, 0.1))
    groups = sorted(test["group"].unique())
    own = {name: (groups[at], groups[at - 1]) for at, name in enumerate(names)}
    rows = zip(test["manipulation"], test["group"], strict=True)
    rare = test[[name == "real" or group in own[name] for name, group in rows]]
    run = read_run(make_run(tmp_path / "run", tables=[rare]))
    table = compare({"logistic": [run]}, n_draws=200)["video"]["logistic"]
    assert table["unseen"]["low"] is None and 0 < table["unseen"]["value"] < 1
    assert table["cells"]["FaceSwap"]["M03"]["low"] is not None
    assert evaluate_tree(tmp_path) and (tmp_path / "report.html").exists()


def test_heads_are_averaged_and_ordered_over_the_cells_that_all_have(tree: Path) -> None:
    """A second training of one head alone changes neither means nor order; in out-of-fold AUC it would win by it."""
    runs = by_head(tree)
    late = runs["logistic"].pop()
    both = compare(runs | {"mlp": runs["mlp"][:1]}, n_draws=50)["video"]
    best = late.table.assign(score=late.table["label"].astype(float))
    runs = {"mlp": runs["mlp"][:1], "logistic": [*runs["logistic"], Run(late.folder, late.config, best)]}
    found = compare(runs, n_draws=50)["video"]
    assert list(found) == list(both) == ["mlp", "logistic"]
    for head, table in found.items():
        assert (table["shared"], table["apart"]) == (2, 2)
        assert table["out_of_fold"]["value"] == both[head]["out_of_fold"]["value"]
        assert [table[kind] for kind in ("seen", "unseen", "gap")] == [
            both[head][kind] for kind in ("seen", "unseen", "gap")
        ]
    assert found["logistic"]["cells"]["NeuralTextures"]["NeuralTextures"]["value"] == 1.0
    assert found["logistic"]["out_of_fold"]["by_train"]["NeuralTextures"] == 1.0


def test_heads_that_share_no_cell_have_neither_means_nor_order(tree: Path) -> None:
    runs = by_head(tree)
    runs = {"mlp": runs["mlp"][:1], "logistic": runs["logistic"][1:]}
    for table in compare(runs, n_draws=50)["video"].values():
        assert (table["shared"], table["apart"], table["one_class_draws"]) == (0, 4, 0)
        assert table["seen"] is table["unseen"] is table["gap"] is table["out_of_fold"]["value"] is None
