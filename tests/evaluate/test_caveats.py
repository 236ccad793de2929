"""Each reason to doubt is told where it holds, and is silent where it does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.caveats import LEAK, leaks
from evaluate.comparison_caveats import RANKING, comparison_caveats
from evaluate.folders import read_run
from evaluate.runs import evaluate_run, evaluate_tree

Make = Callable[..., Path]
Table = Callable[..., pd.DataFrame]


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here looks at a figure: none is drawn."""
    monkeypatch.setattr("evaluate.runs.FIGURES", {})


def told(folder: Path) -> str:
    return "\n".join(evaluate_run(folder)["caveats"])


@pytest.fixture
def fair(tmp_path: Path, make_run: Make, predictions_table: Table) -> Path:
    """A run of 110 groups that leaves nothing to complain of but what always holds."""
    tables = [
        predictions_table(groups=30, lift={"FaceSwap": 0.3}, split="val"),
        predictions_table(groups=110, lift={"NeuralTextures": 0.2}),
    ]
    return make_run(tmp_path / "fair", tables=tables, score="probability")


def test_what_always_holds_is_always_told(fair: Path) -> None:
    lines = evaluate_run(fair)["caveats"]
    starts = (
        "A video's score is the mean over its frames (3 each)", "Pictures: crop given, view clean",
        "Log loss, Brier score and ECE (frame and video level) weigh both classes alike", "Decisions",
    )  # fmt: skip
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=False)] == [True] * 4
    assert "0.500 at frame level and 0.550 at video level" in lines[3] and "out-of-fold scores" in lines[3]
    assert lines[4].startswith("AP and F1 depend on the share of fakes (50 %")
    assert "hold the trained model fixed" in lines[5]
    assert len(lines) == 6


def test_a_leak_is_counted_from_the_rows_themselves(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    fold = predictions_table(lift={"FaceSwap": 0.3}, split="val")
    fold["group"] = fold["group"].replace({f"val{at:03d}": f"test{at:03d}" for at in range(5)})
    run = make_run(tmp_path / "run", tables=[fold, predictions_table()], train_groups=[], caveats=["too warm"])
    lines = evaluate_run(run, allow_leak=True)["caveats"]
    assert lines[0] == f"{LEAK} 5 of 24 test groups were in training: test000, test001, test002 and 2 more"
    assert "Too warm" in lines


def test_a_leak_by_the_listed_groups_alone(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    run = make_run(tmp_path / "run", tables=[predictions_table()], train_groups=["test003", "other"])
    assert leaks(read_run(run)) == [f"{LEAK} 1 of 24 test groups were in training: test003"]


def test_a_leak_that_the_run_tells_is_told_once(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    stated = f"{LEAK} 1 of 24 test groups were in training"
    run = make_run(tmp_path / "run", tables=[predictions_table()], train_groups=["test003"], caveats=[stated])
    lines = evaluate_run(run)["caveats"]
    assert [line for line in lines if line.startswith(LEAK)] == [stated] == lines[:1]


def test_no_leak_is_no_sentence(fair: Path) -> None:
    assert leaks(read_run(fair)) == []


def test_too_few_groups(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    run = make_run(tmp_path / "run", tables=[predictions_table(groups=3, lift={"NeuralTextures": 0.1})])
    assert "Too few groups: 3 real and 3 fake in NeuralTextures, where at least 20" in told(run)


@pytest.mark.parametrize(("lift", "expected"), [(-0.3, True), (0.3, False)])
def test_worse_than_guessing(
    tmp_path: Path, make_run: Make, predictions_table: Table, lift: float, expected: bool
) -> None:
    run = make_run(tmp_path / "run", tables=[predictions_table(lift={"NeuralTextures": lift})])
    assert ("Worse than guessing: the AUC of NeuralTextures (frame)" in told(run)) is expected
    assert ("Accuracy below that of always naming the larger class" in told(run)) is expected


def test_seen_and_unseen(tmp_path: Path, make_run: Make) -> None:
    mixed = make_run(tmp_path / "mixed")
    assert "TPR at 1 % FPR rests on 72 reals at frame level and 24 reals at video level" in told(mixed)
    assert "Trained on FaceSwap: how far the head reaches beyond shows on NeuralTextures alone" in told(mixed)
    only_seen = make_run(tmp_path / "seen", train=("FaceSwap", "NeuralTextures"))
    assert "Every test manipulation was trained on (FaceSwap and NeuralTextures)" in told(only_seen)


def test_a_head_without_training_says_so_instead_of_seen_and_unseen(tmp_path: Path, make_run: Make) -> None:
    lines = told(make_run(tmp_path / "run", head="zero_shot", trainable_parameters=0))
    assert "zero_shot is not trained: it takes no more than thresholds and calibration from its training side" in lines
    assert "how far the head reaches beyond" not in lines


def test_scores_that_are_no_probabilities(tmp_path: Path, make_run: Make) -> None:
    lines = told(make_run(tmp_path / "svm"))
    assert "no log loss, Brier score or ECE is reported; calibration (`classify --calibrate`)" in lines
    assert "weigh both classes alike" not in lines
    lines = told(make_run(tmp_path / "few", calibrate="platt"))
    assert "Calibration (platt) could not be made without out-of-fold scores" in lines
    assert "ECE is reported" in lines and "--calibrate" not in lines
    lines = told(make_run(tmp_path / "few_logistic", score="probability: logistic", calibrate="platt"))
    assert "Calibration (platt) could not be made" in lines and "weigh both classes alike" in lines
    platt = {"method": "platt", "slope": 1.0, "intercept": 0.0}
    left = {"method": "unchanged", "why": "fakes score no higher than reals"}
    calibration = {"method": "platt", "frame": platt, "video": left}
    lines = told(make_run(tmp_path / "calibrated", calibration=calibration))
    assert "could not be made" not in lines
    assert "Scores of a video were not calibrated: fakes score no higher than reals" in lines
    assert "Log loss, Brier score and ECE (frame level) weigh both classes alike" in lines


def test_prompts_against_their_own_words(tmp_path: Path, make_run: Make) -> None:
    texts = ["an authentic face", "a forged face", "a face"]
    good, bad = ({"texts": texts, "labels": labels} for labels in ([0, 1, 1], [1, 0, 1]))
    assert "their own words" not in told(make_run(tmp_path / "good", prompts=good))
    assert (
        "2 of 3 prompts are declared against their own words: 'an authentic face' stands for fake and 'a forged face' "
        "stands for real"
    ) in told(make_run(tmp_path / "bad", prompts=bad))


def test_the_demo_and_an_unknown_crop(tmp_path: Path, make_run: Make) -> None:
    demo = {"path": "x.h5", "fingerprint": "abc", "provenance": {"model": "demo", "crop": "given"}}
    assert "demo's miniature" in told(make_run(tmp_path / "demo", cache=demo))
    assert "does not say how its pictures were cropped" in told(make_run(tmp_path / "unknown", cache=None))


def test_two_data_sets_are_not_pooled_in_silence(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    there = predictions_table(lift={"Deepfakes": 0.2}, seed=5)
    there = there.assign(dataset="Celeb-DF", sample_id="there/" + there["sample_id"])
    there = there.assign(video_id="there/" + there["video_id"], group="there/" + there["group"])
    run = make_run(tmp_path / "run", tables=[predictions_table(), there])
    assert "mixes FF++/c23 and Celeb-DF/c23" in told(run)


def test_lost_draws(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    test = predictions_table(groups=6)
    rare = (test["manipulation"] != "NeuralTextures") | test["group"].isin(["test000", "test001"])
    run = make_run(tmp_path / "run", tables=[test[rare]])
    assert "left with one class and do not count in the interval: NeuralTextures (frame) " in told(run)


def compared(head: str, *caveats: str, lost: int = 0, shared: int = 4, apart: int = 0) -> dict[str, Any]:
    comparison = {"head": head, "video": {"one_class_draws": lost, "shared": shared, "apart": apart}}
    return {"run": {"train": ["FS"], "head": head}, "caveats": list(caveats), "comparison": comparison}


def test_what_all_runs_say_is_said_once_and_what_is_grave_with_its_runs() -> None:
    leaking = [compared(head, "same", f"{LEAK} 1 of 2") for head in "bc"]
    results = [compared("a", "same", "own", "Too few groups: 3"), *leaking]
    assert comparison_caveats(results) == [
        f"{LEAK} 1 of 2 (in 2 of 3 runs: FS / b and FS / c)",
        "same",
        "Too few groups: 3 (in 1 of 3 runs: FS / a)",
        RANKING,
    ]
    assert comparison_caveats([compared("a", "same")]) == ["same"]
    assert "intervals of means: 7 for a" in comparison_caveats([compared("a", lost=7)])[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "Split by scene: the same person can stand on both sides",
        "Split by identity, crossing fakes dropped: 3 of 9 fake videos join",
        "1 of 70 videos are not in the split and were left out",
        "Pictures: crop none, view clean",
        "The run does not say how its pictures were cropped",
        "zero_shot is not trained: it takes no more",
    ],
)
def test_the_protocol_of_some_runs_is_told_with_these(sentence: str) -> None:
    results = [compared("a/svm", sentence, "own"), compared("b/svm"), compared("c/svm", sentence), compared("d/svm")]
    assert comparison_caveats(results) == [f"{sentence} (in 2 of 4 runs: FS / a/svm and FS / c/svm)", RANKING]


def test_a_tree_of_two_protocols_tells_both(tmp_path: Path, make_run: Make, predictions_table: Table) -> None:
    crops = {"a": "given", "b": "none"}
    for name, crop in crops.items():
        stated = [] if name == "a" else ["split by video: the same person and scene can stand on both sides"]
        made = {"provenance": {"model": "ViT-B-32", "crop": crop}}
        tables = [predictions_table()]
        make_run(tmp_path / "out" / name / "FaceSwap" / "svm", tables=tables, cache=made, caveats=stated)
    told = comparison_caveats(evaluate_tree(tmp_path / "out"))
    for start, run in (("Split by video", "b"), ("Pictures: crop given", "a"), ("Pictures: crop none", "b")):
        sentence = next(line for line in told if line.startswith(start))
        assert sentence.endswith(f"(in 1 of 2 runs: FaceSwap / {run}/logistic)")


def test_heads_of_unlike_cells_are_told_to_be_so() -> None:
    partly, apart = ([compared(head, shared=shared, apart=5) for head in "ab"] for shared in (3, 0))
    said = "are over the 3 cells (one training, one test) that all heads share; 5 more are in the tables alone"
    assert comparison_caveats(partly) == [f"Means and order of heads {said}", RANKING]
    assert comparison_caveats(apart) == [
        "No cell (one training, one test) is shared by all heads: the 5 cells stand in the tables alone, "
        "without means and order"
    ]
