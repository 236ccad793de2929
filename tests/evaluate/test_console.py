"""The console text holds what was found, in 100 columns."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.console import WIDTH, columns, summarise
from evaluate.runs import evaluate_tree
from evaluate.summary import error_sentences, headline


def fits(text: str) -> bool:
    return max(map(len, text.splitlines())) <= WIDTH and all(line == line.rstrip() for line in text.splitlines())


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here looks at a run's figure: none is drawn."""
    monkeypatch.setattr("evaluate.runs.FIGURES", {})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> list[dict[str, Any]]:
    """Of a run as it is made by default, to look at."""
    return evaluate_tree(make_run(tmp_path_factory.mktemp("console") / "run"))


def test_one_run_at_length(results: list[dict[str, Any]]) -> None:
    text, folder = summarise(results), Path(results[0]["folder"])
    assert fits(text.replace(str(folder), "runs/a"))
    assert text.startswith("logistic, trained on FaceSwap\n")
    video = results[0]["by_manipulation"]["NeuralTextures"]["video"]
    auc = video["auc"]
    row = next(line for line in text.splitlines() if line.startswith("  NeuralTextures "))
    assert "24/24" in row and f"{auc['value']:.3f} ({auc['low']:.2f}-{auc['high']:.2f})" in row
    assert f"{video['accuracy']['value']:.3f}  {video['majority_baseline']:>6.3f}" in row
    assert "  FaceSwap * " in text and ", * seen in training" in text
    counts = results[0]["video"]["confusion"]
    assert f"  real  {counts['tn']:>11}  {counts['fp']:>11}" in text
    assert f"- {counts['fp']} of 24 reals called fake" in text
    for video in results[0]["worst_videos"]:
        assert video["video_id"] in text
    assert "Read with care" in text and "hold the trained model fixed" in text.replace("\n    ", " ")
    assert text.endswith(f"Report: {folder / 'report.html'}")


def test_the_headline_tells_seen_from_unseen(results: list[dict[str, Any]]) -> None:
    result = results[0]
    auc = {name: f"{part['video']['auc']['value']:.3f}" for name, part in result["by_manipulation"].items()}
    first, second, last = headline(result)
    assert re.fullmatch(
        rf"At video level its AUC is {auc['NeuralTextures']} \(.*?\) on NeuralTextures, which it never saw; "
        rf"and {auc['FaceSwap']} \(.*?\) on FaceSwap, which it was trained on\.",
        first,
    )
    assert f"{result['validation']['video']['auc']['value']:.3f}" in second
    assert last == "Guessing gives 0.5."


def test_several_runs_as_a_comparison(evaluated_tree: tuple[Path, list[dict[str, Any]]]) -> None:
    tree, results = evaluated_tree
    text = summarise(results)
    assert fits(text.replace(str(tree), "runs/a"))
    assert text.startswith("4 runs: 2 trainings, 2 heads. mlp ranks first")
    lines = text.splitlines()
    heads = lines[lines.index("Heads by out-of-fold AUC, video level") + 2 :][:2]
    assert [line.split()[0] for line in heads] == ["mlp", "logistic"]
    row = next(line for line in lines if line.startswith("  NeuralTextures "))
    assert row.count("[") == 1 and row.rstrip().endswith("]")
    assert text.endswith(f"Report: {tree / 'report.html'}")


HEADS = ["linear_probe", "svm", "zero_shot", "prompt_fusion", *(f"head_{at:02d}" for at in range(9))]


def compared(head: str, tests: list[str]) -> dict[str, Any]:
    """What `evaluate_tree` gives of one of several runs, as far as the console tells it."""
    figure = {"value": 0.5, "low": 0.25, "high": 0.75, "few_groups": True}
    table = {
        "trains": ["FaceSwap"], "tests": tests, "cells": {"FaceSwap": dict.fromkeys(tests, figure | {"seen": False})},
        "seen": figure, "unseen": figure, "gap": {**figure, "value": -0.5, "low": -0.75, "high": -0.25},
        "mean_rank": {**figure, "value": 2.0}, "mean": figure, "unseen_each": dict.fromkeys(tests, figure),
        "out_of_fold": {"value": 0.75}, "shared": len(tests), "apart": 0, "one_class_draws": 0,
    }  # fmt: skip
    trained = {"trainable_parameters": [36000, 36000], "trainable_share": [0.0001, 0.0001]}
    comparison = {"head": head, "trained": head != "zero_shot", **trained, "report": "runs/report.html", "video": table}
    run = {"head": head, "train": ["FaceSwap"]}
    return {"run": run, "video": {"few_groups": True}, "caveats": [], "comparison": comparison}


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        (list("ABC"), "  svm          " + 3 * "  †0.500 (0.25-0.75)" + "       36,000  0.01 %"),
        (list("ABCD"), "  svm          " + 4 * "  †0.500 (0.25-0.75)"),
        (list("ABCDEFG"), "  svm          " + 7 * "  †0.500" + "       36,000  0.01 %"),
        (list("ABCDEFGHIJ"), "  svm          " + 10 * "  †0.500"),
        ([f"Manipulation{at}" for at in range(9)], "  too many columns for the console: see heads.csv and the report"),
    ],
)
def test_thirteen_heads_fit_the_console(tests: list[str], expected: str) -> None:
    text = summarise([compared(head, tests) for head in HEADS])
    assert fits(text)
    _, table = text.split("Unseen manipulations one by one")
    assert expected in table.splitlines()
    told = [
        line for line in table.splitlines() if line.startswith("  zero_shot ") and line.endswith("no training       -")
    ]
    assert len(told) == 1
    assert "  svm                  0.750  †0.500 (0.25-0.75)  †0.500 (0.25-0.75)  †-0.500 (-0.75 to -0.25)" in text
    assert "svm: AUC at video level" not in text, "a matrix for each of so many heads would be too long"
    assert "svm: AUC at video level" in summarise([compared(head, tests) for head in HEADS[:4]])


def test_a_head_without_training_is_told_so(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = make_run(tmp_path / "run", head="zero_shot")
    text = summarise(evaluate_tree(run)).replace("\n", " ")
    assert text.startswith("zero_shot, not trained, thresholds from FaceSwap")
    assert "It is not trained; on its training side it is" in text
    assert "which it never saw" not in text and "which it was trained on" not in text


def test_probabilities_are_told_where_scores_are_such(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    results = evaluate_tree(make_run(tmp_path / "a", score="probability"))
    told = [f"{results[0]['video'][name]['value']:.3f}" for name in ("log_loss", "brier_score", "ece")]
    assert f"as probabilities: Log loss {told[0]}, Brier {told[1]}, ECE {told[2]}" in summarise(results)
    assert "as probabilities" not in summarise(evaluate_tree(make_run(tmp_path / "b")))


def test_heads_without_a_common_cell_are_not_ranked(tree: Path) -> None:
    shutil.rmtree(tree / "FaceSwap" / "mlp")
    shutil.rmtree(tree / "NeuralTextures" / "logistic")
    text = summarise(evaluate_tree(tree)).replace("\n", " ")
    assert "2 runs: 2 trainings, 2 heads. Without a training and test common to all the heads have no order" in text
    assert "ranks first" not in text and "Heads stand in the order" not in text


def test_one_run_below_a_folder_is_told_at_length(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    make_run(tmp_path / "runs" / "FaceSwap" / "svm", head="svm")
    assert summarise(evaluate_tree(tmp_path / "runs")).startswith("svm, trained on FaceSwap\n")


def test_few_groups_are_marked_beside_the_number(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    for head in ("mlp", "svm"):
        make_run(tmp_path / "runs" / "FaceSwap" / head, head=head, tables=[predictions_table(groups=5)])
    results = evaluate_tree(tmp_path / "runs")
    text = summarise(results)
    assert "[†" in text and "† too few groups" in text and fits(text.replace(str(tmp_path), ""))
    text = summarise(results[:1])
    assert "  FaceSwap * † " in text and ", too few groups) on NeuralTextures" in text.replace("\n", " ")


def test_a_single_group_has_no_interval(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    run = make_run(tmp_path / "runs" / "FaceSwap" / "svm", tables=[predictions_table(groups=1)])
    results = evaluate_tree(tmp_path / "runs")
    assert results[0]["video"]["auc"]["low"] is None
    assert "(no interval, too few groups)" in summarise(results).replace("\n", " ")
    assert "no interval" in (run / "report.html").read_text(encoding="utf-8")


def test_a_perfect_run_has_no_worst_video(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    table = predictions_table(lift={"FaceSwap": 0.2})
    run = make_run(tmp_path / "run", tables=[table.assign(score=0.1 + 0.8 * table["label"])])
    assert "none is misjudged" in summarise(evaluate_tree(run))


def test_a_matrix_that_is_too_wide_points_elsewhere(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    table = predictions_table(lift={f"Manipulation{at:02d}": 0.1 for at in range(9)})
    for head in ("mlp", "svm"):
        make_run(tmp_path / "runs" / "FaceSwap" / head, head=head, tables=[table])
    text = summarise(evaluate_tree(tmp_path / "runs"))
    assert "too many columns for the console" in text
    assert fits(text.replace(str(tmp_path), ""))


def test_errors_in_words() -> None:
    one = {"count": 1, "mean_score": 0.75, "mean_margin": 0.25}
    none = {"count": 0, "mean_score": None, "mean_margin": None}
    figures = {"errors": {"false_positive": one, "false_negative": none}, "n": {"real": 4, "fake": 1}}
    assert error_sentences(figures) == [
        "1 of 4 reals called fake; their mean score is 0.750, 0.250 from the threshold on average",
        "0 of 1 fake called real",
    ]


def test_columns_are_aligned() -> None:
    assert columns([["a", "value"], ["long", "1"]]) == ["  a     value", "  long      1"]
