"""The console text holds what was found, in 100 columns."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evaluate.runs import evaluate_tree
from evaluate.summary import WIDTH, columns, error_sentences, headline, summarise


def fits(text: str) -> bool:
    return max(map(len, text.splitlines())) <= WIDTH and all(line == line.rstrip() for line in text.splitlines())


def test_one_run_at_length(run_folder: Path) -> None:
    results = evaluate_tree(run_folder)
    text = summarise(results)
    assert fits(text.replace(str(run_folder), "runs/a"))
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
    assert text.endswith(f"Report: {run_folder / 'report.html'}")


def test_the_headline_tells_seen_from_unseen(run_folder: Path) -> None:
    result = evaluate_tree(run_folder)[0]
    auc = {name: f"{part['video']['auc']['value']:.3f}" for name, part in result["by_manipulation"].items()}
    first, second, last = headline(result)
    assert re.fullmatch(
        rf"At video level its AUC is {auc['NeuralTextures']} \(.*?\) on NeuralTextures, which it never saw; "
        rf"and {auc['FaceSwap']} \(.*?\) on FaceSwap, which it was trained on\.",
        first,
    )
    assert f"{result['validation']['video']['auc']['value']:.3f}" in second
    assert last == "Guessing gives 0.5."


def test_several_runs_as_a_comparison(tree: Path) -> None:
    text = summarise(evaluate_tree(tree))
    assert fits(text.replace(str(tree), "runs/a"))
    assert text.startswith("4 runs: 2 trainings, 2 heads. mlp ranks first")
    lines = text.splitlines()
    heads = lines[lines.index("Heads by out-of-fold AUC, video level") + 2 :][:2]
    assert [line.split()[0] for line in heads] == ["mlp", "logistic"]
    row = next(line for line in lines if line.startswith("  NeuralTextures "))
    assert row.count("[") == 1 and row.rstrip().endswith("]")
    assert text.endswith(f"Report: {tree / 'report.html'}")


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
