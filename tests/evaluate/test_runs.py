"""What is written into a run and on top of a tree, the same every time; a mistake writes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cache.errors import InputError
from cache.predictions import read, write
from evaluate.console import summarise
from evaluate.levels import at_level
from evaluate.metrics import METRICS, auc
from evaluate.runs import evaluate_run, evaluate_tree

WRITTEN = {"video_predictions.csv", "metrics.json", "report.html", "roc.svg", "scores.svg"}


Evaluated = tuple[Path, list[dict[str, Any]]]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_metrics_json(run_folder: Path) -> None:
    result = evaluate_run(run_folder)
    stored = json.loads((run_folder / "metrics.json").read_text())
    assert {path.name for path in run_folder.iterdir()} == WRITTEN | {"run.json", "predictions.csv"}
    assert stored == {key: value for key, value in result.items() if key not in ("folder", "run", "gallery")}
    assert list(stored["by_manipulation"]) == ["FaceSwap", "NeuralTextures"]
    assert [part["seen"] for part in stored["by_manipulation"].values()] == [True, False]
    for part in (stored, stored["validation"], *stored["by_manipulation"].values()):
        for level in ("frame", "video", "group"):
            assert set(METRICS) | {"majority_baseline", "confusion", "n", "errors", "threshold"} <= set(part[level])
            assert part[level]["auc"]["low"] <= part[level]["auc"]["value"] <= part[level]["auc"]["high"]
    assert stored["video"]["threshold"]["value"] == 0.55
    assert stored["frame"]["n"]["samples"] == 3 * stored["video"]["n"]["samples"] == 3 * 72


def test_a_manipulation_is_measured_against_the_reals(run_folder: Path) -> None:
    table = pd.read_csv(run_folder / "predictions.csv")
    videos = at_level(table[(table["split"] == "test") & table["manipulation"].isin(["real", "FaceSwap"])], "video")
    part = evaluate_run(run_folder)["by_manipulation"]["FaceSwap"]["video"]
    assert part["auc"]["value"] == auc(videos["label"].to_numpy(), videos["score"].to_numpy())
    assert (part["n"]["real"], part["n"]["fake"]) == (24, 24)


def test_one_manipulation_is_the_whole_test_side(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    table = predictions_table(lift={"FaceSwap": 0.2})
    result = evaluate_run(make_run(tmp_path / "run", tables=[table]))
    cell = result["by_manipulation"]["FaceSwap"]
    assert cell == {"seen": True} | {level: result[level] for level in ("frame", "video", "group")}
    other = table[table["label"] == 0].assign(dataset="DFDC")
    for name in ("sample_id", "video_id", "group"):
        other[name] = "DFDC/" + other[name]
    mixed = evaluate_run(make_run(tmp_path / "mixed", tables=[table, other]))
    assert mixed["by_manipulation"]["FaceSwap"]["video"]["n"]["real"] == 24 < mixed["video"]["n"]["real"]


def test_a_run_of_parquet_is_measured_as_one_of_csv(run_folder: Path) -> None:
    from_csv = evaluate_run(run_folder)
    write(run_folder / "predictions.parquet", read(run_folder / "predictions.csv"))
    (run_folder / "predictions.csv").unlink()
    assert evaluate_run(run_folder) == from_csv


def test_the_same_bytes_every_time(tree: Path, tmp_path: Path) -> None:
    evaluate_tree(tree)
    first = contents(tree)
    evaluate_tree(tree)
    assert contents(tree) == first


def test_a_run_without_out_of_fold_rows(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    result = evaluate_run(make_run(tmp_path / "run", tables=[predictions_table()]))
    assert result["validation"] is None


def test_a_calibrated_run_is_calibrated_wherever_videos_are_counted(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    """The same frames with another map of videos: figures of frames stay, those of videos follow the map."""
    fold = predictions_table(lift={"FaceSwap": 0.3}, split="val", seed=1)
    tables = [fold, predictions_table()]
    step = {"method": "isotonic", "x": [0.55, 0.5500001], "y": [0.25, 0.75]}
    none = {"method": "unchanged", "why": "no order"}
    for name, calibration in (("plain", None), ("mapped", {"method": "isotonic", "frame": none, "video": step})):
        settings = {"calibration": calibration, "score": "probability"}
        make_run(tmp_path / name / "FaceSwap" / "svm", head="svm", tables=tables, **settings)
    plain, mapped = sorted(evaluate_tree(tmp_path), key=lambda result: "mapped" in result["folder"])
    assert plain["frame"]["auc"] == mapped["frame"]["auc"]
    # two values are left, on the two sides of the threshold: an AUC of two scores is the balanced accuracy
    for result, name in ((mapped["video"], "test"), (mapped["validation"]["video"], "val")):
        assert result["auc"]["value"] == pytest.approx(result["balanced_accuracy"]["value"]), name
    assert mapped["video"]["confusion"] == plain["video"]["confusion"]
    cell = mapped["comparison"]["video"]["cells"]["FaceSwap"]["NeuralTextures"]
    assert cell["value"] == mapped["by_manipulation"]["NeuralTextures"]["video"]["auc"]["value"]
    folds = mapped["comparison"]["video"]["out_of_fold"]["value"]
    assert folds == mapped["validation"]["video"]["auc"]["value"]
    assert {video["score"] for video in mapped["worst_videos"]} <= {0.25, 0.75}
    assert mapped["video"]["ece"]["value"] is not None and plain["video"]["ece"]["value"] is not None
    assert mapped["validation"]["video"]["ece"]["value"] is None, "it was fitted on these rows"
    assert plain["validation"]["video"]["ece"]["value"] is not None


@pytest.mark.parametrize("score", ["squashed margin", None])
def test_reliability_of_no_probability_is_null(
    tmp_path: Path, make_run: Callable[..., Path], score: str | None
) -> None:
    run = make_run(tmp_path / "run", score=score)
    evaluate_run(run)
    stored = json.loads((run / "metrics.json").read_text())
    for name in ("log_loss", "brier_score", "ece"):
        assert stored["video"][name] == stored["validation"]["frame"][name] == {"value": None}


def test_a_probability_beyond_one_is_named(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    table = predictions_table()
    run = make_run(tmp_path / "run", tables=[table.assign(score=table["score"] + 1)], score="probability")
    with pytest.raises(InputError, match=r"run, test: scores reach from .* a probability lies in 0 to 1"):
        evaluate_run(run)


def test_a_run_without_search_parameters_or_folds(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    bare = {"head": "zero_shot", "trainable_parameters": 0, "trainable_share": 0.0, "parameters": {}}
    for at, search in enumerate(
        (None, {"criterion": "AUC", "results": []}, {"results": [{"params": {}, "auc": None}]})
    ):
        make_run(tmp_path / str(at) / "zero_shot", tables=[predictions_table()], search=search, **bare)
    results = evaluate_tree(tmp_path)
    assert [result["validation"] for result in results] == [None] * 3
    assert "no training" in summarise(results) and "no training" in (tmp_path / "heads.md").read_text()
    assert [result["comparison"]["trainable_parameters"] for result in results] == [[0, 0]] * 3


def test_a_single_run_gets_no_comparison(run_folder: Path) -> None:
    results = evaluate_tree(run_folder)
    assert len(results) == 1 and "comparison" not in results[0]
    assert not (run_folder / "summary.csv").exists()


def test_a_tree_gets_a_table_and_a_report_on_top(evaluated_tree: Evaluated) -> None:
    tree, results = evaluated_tree
    assert [result["run"]["head"] for result in results] == ["mlp", "mlp", "logistic", "logistic"]
    assert json.loads(json.dumps(results)) == results
    written = {path.name for path in tree.iterdir() if path.is_file()}
    tables = {f"{name}.{kind}" for name in ("heads", "matrix", "comparisons") for kind in ("csv", "md", "tex")}
    assert written == {*tables, "summary.csv", "report.html", "matrix_logistic.svg", "matrix_mlp.svg"}
    for result in results:
        assert {path.name for path in Path(result["folder"]).iterdir()} >= WRITTEN
    table = pd.read_csv(tree / "summary.csv")
    assert len(table) == 2 * 2 * 2 * 3
    row = table[(table["train"] == "FaceSwap") & (table["head"] == "mlp") & (table["level"] == "video")]
    row = row.set_index("test").loc["NeuralTextures"]
    metrics = json.loads((tree / "FaceSwap" / "mlp" / "metrics.json").read_text())
    part = metrics["by_manipulation"]["NeuralTextures"]["video"]
    assert (row["auc"], row["auc_low"], row["eer_high"]) == pytest.approx(
        (part["auc"]["value"], part["auc"]["low"], part["eer"]["high"])
    )
    assert row["out_of_fold_auc"] == pytest.approx(metrics["validation"]["video"]["auc"]["value"])
    assert (row["crop"], row["seen"], row["n_real"], row["n_groups"]) == ("given", False, 24, 24)
    assert row["threshold_source"] == "balanced accuracy of out-of-fold scores"


def test_the_table_stamps_every_row_with_its_protocol(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    tables = [predictions_table()]
    plan = {"method": "given", "disjoint": "video", "drop_crossing": False}
    make_run(tmp_path / "FaceSwap" / "svm", head="svm", tables=tables, split=plan, train_groups=["test003"])
    make_run(tmp_path / "FaceSwap" / "mlp", head="mlp", tables=tables, split=None)
    evaluate_tree(tmp_path, allow_leak=True)
    table = pd.read_csv(tmp_path / "summary.csv", keep_default_na=False).groupby("head")
    stamps = table[["split_method", "disjoint", "drop_crossing", "leak"]].agg(set)
    assert list(stamps.loc["mlp"]) == [{""}] * 4
    leak = "LEAK: 1 of 24 test groups were in training: test003"
    assert list(stamps.loc["svm"]) == [{"given"}, {"video"}, {"False"}, {leak}]


def test_cells_of_the_matrix_are_those_of_the_runs(evaluated_tree: Evaluated) -> None:
    for result in evaluated_tree[1]:
        for level in ("frame", "video"):
            cells = result["comparison"][level]["cells"]["+".join(result["run"]["train"])]
            for name, part in result["by_manipulation"].items():
                for key in ("value", "low", "high"):
                    assert cells[name][key] == part[level]["auc"][key]


def test_two_experiments_below_one_folder_stay_apart(tree: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(tree, both / "a")
    shutil.copytree(tree / "FaceSwap", both / "b" / "FaceSwap")
    heads = {result["comparison"]["head"] for result in evaluate_tree(both)}
    assert heads == {"a/logistic", "a/mlp", "b/logistic", "b/mlp"}
    assert (both / "matrix_a_mlp.svg").exists()


def test_one_broken_run_and_nothing_is_written(tree: Path) -> None:
    path = tree / "NeuralTextures" / "mlp" / "predictions.csv"
    table = pd.read_csv(path)
    table[table["label"] == 1].to_csv(path, index=False)
    before = contents(tree)
    with pytest.raises(InputError, match="0 real and"):
        evaluate_tree(tree)
    assert contents(tree) == before


def test_a_manipulation_without_reals_of_its_own_is_named(run_folder: Path, make_run: Callable[..., Path]) -> None:
    path = run_folder / "predictions.csv"
    table = pd.read_csv(path)
    table.loc[table["manipulation"] == "NeuralTextures", "compression"] = "c40"
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match="NeuralTextures: 0 real and 72 fake"):
        evaluate_run(run_folder)
    shutil.copytree(run_folder, run_folder.parent / "runs" / "b" / "svm")
    make_run(run_folder.parent / "runs" / "a" / "svm")
    before = contents(run_folder.parent)
    with pytest.raises(InputError, match="NeuralTextures: 0 real and 72 fake"):
        evaluate_tree(run_folder.parent / "runs")
    assert contents(run_folder.parent) == before
    assert not any(name.endswith("metrics.json") for name in before)


def test_a_leaking_run_needs_leave_and_every_output_says_so(tree: Path) -> None:
    run = tree / "FaceSwap" / "mlp"
    config = json.loads((run / "run.json").read_text())
    config["train_groups"] = ["test003"]
    (run / "run.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"mlp: LEAK: 1 of 24 test groups.*--allow-leak"):
        evaluate_tree(tree)
    assert not (tree / "report.html").exists() and not list(tree.rglob("metrics.json"))
    evaluate_tree(tree, allow_leak=True)
    config["split"]["allow_leak"] = True
    (run / "run.json").write_text(json.dumps(config))
    evaluate_run(run)  # leave was given when it was made
    stamped = [run / "report.html", run / "metrics.json", run / "roc.svg", run / "scores.svg", tree / "report.html",
               tree / "summary.csv", tree / "matrix_mlp.svg", tree / "heads.csv", tree / "heads.md"]  # fmt: skip
    for path in stamped:
        assert "LEAK: 1 of 24 test" in path.read_text(), path.name
    for path in (tree / "FaceSwap" / "logistic" / "roc.svg", tree / "matrix_logistic.svg"):
        assert "LEAK" not in path.read_text(), path.name
