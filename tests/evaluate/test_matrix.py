"""Seen and unseen cells are told apart, gaps are paired over cells, and heads rank by the training side alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluate.cell_draws import CellDraws, DrawnCell, draw_cells
from evaluate.folders import Run, find_runs, read_run
from evaluate.levels import LEVELS, at_level, cells
from evaluate.matrix import matrices, out_of_fold
from evaluate.metrics import auc


def compare(runs: Mapping[str, Sequence[Run]], n_draws: int) -> dict[str, dict[str, Any]]:
    """The tables of runs, by level and head."""
    return matrices(draw_cells(runs, n_draws))


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
    assert any(cell["low"] is not None for cell in table["cells"]["FaceSwap"].values())


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
        assert table["mean"] is table["mean_rank"] is None


def in_memory(head: str, table: pd.DataFrame, train: Sequence[str] = ("FaceSwap",), **config: Any) -> Run:
    return Run(Path(head), {"head": head, "train": list(train), **config}, table)


def test_ranks_of_three_heads_by_hand() -> None:
    """Cell A: 1, 0.5, 0.5; cell B: 0.5, 1, 0.5. Ranks: 1 and 2.5; 2.5 and 1; 2.5 and 2.5, in every draw."""
    rows = []
    for group in range(6):
        for manipulation in ("real", "A", "B"):
            video = f"{manipulation}{group}"
            home = ["FF++", "c23", manipulation, video, f"g{group}", "test", int(manipulation != "real")]
            rows.append([video, *home, 0.5])
    columns = ["sample_id", "dataset", "compression", "manipulation", "video_id", "group", "split", "label", "score"]
    table = pd.DataFrame(rows, columns=columns)
    better = {"a": "A", "b": "B", "c": "none"}
    runs = {
        head: [in_memory(head, table.assign(score=np.where(table["manipulation"] == name, 0.9, 0.5)))]
        for head, name in better.items()
    }
    found = compare(runs, n_draws=20)["video"]
    ranks = {head: [one["mean_rank"][key] for key in ("value", "low", "high")] for head, one in found.items()}
    assert ranks == {"a": [1.75, None, None], "b": [1.75, None, None], "c": [2.5, None, None]}
    assert [found[head]["mean"]["value"] for head in "abc"] == [0.75, 0.75, 0.5]
    assert compare({"a": runs["a"]}, n_draws=5)["video"]["a"]["mean_rank"] is None


def test_ranks_add_up_and_are_uncertain(predictions_table: Callable[..., pd.DataFrame]) -> None:
    runs = {head: [in_memory(head, predictions_table(seed=seed))] for seed, head in enumerate("abc")}
    for tables in compare(runs, n_draws=100).values():
        ranks = [table["mean_rank"] for table in tables.values()]
        assert sum(rank["value"] for rank in ranks) == pytest.approx(6)  # 1 + 2 + 3 in every cell
        assert all(1 <= rank["low"] <= rank["value"] <= rank["high"] <= 3 for rank in ranks)
        assert all(rank["low"] < rank["high"] and not rank["few_groups"] for rank in ranks)
        for table in tables.values():
            assert table["mean"]["value"] == pytest.approx((table["seen"]["value"] + table["unseen"]["value"]) / 2)


def test_of_unknown_training_there_is_a_mean_alone(predictions_table: Callable[..., pd.DataFrame]) -> None:
    run = in_memory("a", predictions_table(), train=())
    table = compare({"a": [run]}, n_draws=50)["video"]["a"]
    values = {name: cell["value"] for name, cell in table["cells"][""].items()}
    assert table["seen"] is table["unseen"] is table["gap"] is None and table["unseen_each"] == {}
    assert {name: each["value"] for name, each in table["each"].items()} == values
    assert table["mean"]["value"] == pytest.approx(np.mean(list(values.values())))
    assert table["mean"]["low"] < table["mean"]["value"] < table["mean"]["high"]


def test_means_by_data_set(predictions_table: Callable[..., pd.DataFrame]) -> None:
    """A training on FF++ against FF++ in two compressions: means over the manipulations of each."""
    known = predictions_table(lift={"A": 0.2, "B": 0.1})
    other = predictions_table(lift={"A": 0.1}, seed=1)
    names = {name: "c40" + other[name] for name in ("sample_id", "video_id", "group")}
    table = pd.concat([known, other.assign(compression="c40", **names)])
    run = in_memory("svm", table, train=("A",), trained_on=["FF++/A"])
    found = compare({"svm": [run]}, n_draws=50)["video"]["svm"]
    cells_ = found["cells"]["A"]
    assert sorted(cells_) == ["A (FF++/c23)", "A (FF++/c40)", "B"]
    first, second = found["datasets"]
    assert (first["dataset"], second["dataset"]) == ("FF++/c23", "FF++/c40")
    mean = (cells_["A (FF++/c23)"]["value"] + cells_["B"]["value"]) / 2
    assert first["value"] == pytest.approx(mean) and first["low"] < mean < first["high"]
    assert (first["manipulations"], first["seen"]) == (2, 1)
    assert second["value"] == cells_["A (FF++/c40)"]["value"] and second["trained_on"] == ["FF++/A"]
    assert compare({"svm": [in_memory("svm", known)]}, n_draws=5)["video"]["svm"]["datasets"] == []
    unnamed = table.replace({"manipulation": {"A": "fake"}})
    for unknown in (in_memory("svm", table, ()), in_memory("svm", unnamed, ("C",))):
        counts = [one["seen"] for one in compare({"svm": [unknown]}, n_draws=5)["video"]["svm"]["datasets"]]
        assert counts == [None, None], "nobody knows of the fakes, or of some"


def test_ranks_do_not_go_by_rounding() -> None:
    """Two AUCs that differ in their last bit are equal: 0.1 + 0.2 and 0.3."""
    empty = pd.DataFrame({"label": [], "score": [], "group": [], "split": []})
    values = {"a": 0.1 + 0.2, "b": 0.3, "c": 0.2}
    cells_ = {
        head: {("A", "A"): DrawnCell(True, "FF++", empty, np.full(4, value), 3, False)}
        for head, value in values.items()
    }
    runs = {head: [in_memory(head, empty, ("A",))] for head in values}
    drawn = CellDraws(runs, {}, dict.fromkeys(LEVELS, cells_), {}, [("A", "A")], 0)
    for tables in matrices(drawn).values():
        assert {head: table["mean_rank"]["value"] for head, table in tables.items()} == {"a": 1.5, "b": 1.5, "c": 3.0}
