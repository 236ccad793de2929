"""The commands that measure: others' scores and `explain`, as a user meets them, and a sentence for every mistake."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classify.runs import classify as make_runs

Cli = Callable[..., tuple[int, str, str]]


def scores(shift: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """Scores of others: 30 real and 30 fake videos, two frames each, in the folders of coursework."""
    rng = np.random.default_rng(seed)
    rows = []
    for scene in range(30):
        for folder, video, label in (("Real", f"{scene:03d}", 0), ("FaceSwap", f"{scene:03d}_{scene ^ 1:03d}", 1)):
            middle = 0.4 + shift * label + rng.normal(scale=0.1)
            rows += [(f"{folder}/{video}/{frame}.png", label, np.clip(middle, 0.01, 0.99)) for frame in range(2)]
    return pd.DataFrame(rows, columns=["filepath", "is_fake", "prob"])


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.csv"
    scores().to_csv(path, index=False)
    return path


def test_a_file_of_others(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    words = ["evaluate", theirs, "--out", tmp_path / "out", "--aggregate", "max"]
    code, printed, errors = cli(*words)
    assert code == 0, errors
    assert printed.startswith("theirs, training unknown\n") and "never saw" not in printed and "seen in" not in printed
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["by_manipulation"]["FaceSwap"]["seen"] is None and metrics["aggregate"] == "max"
    assert metrics["video"]["n"]["groups"] == 15 and metrics["video"]["auc"]["low"] < metrics["video"]["auc"]["value"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "a leak from training into test cannot be" in page and "unseen" not in page
    assert cli(*words)[0] == 0, "the same line again is no mistake"
    assert cli("evaluate", tmp_path / "out", "--json")[0] == 0


def test_a_training_list_shows_the_leak(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    scores().iloc[:8].to_csv(tmp_path / "list.csv", index=False)
    words = ["--training", tmp_path / "list.csv", "--trained-on", "fs", "--out", tmp_path / "out"]
    code, printed, errors = cli("evaluate", theirs, *words)
    assert code == 0, errors
    assert "LEAK: 1 of 15 test groups were in training" in printed.replace("\n    ", " ")
    assert "on FaceSwap, which it was trained on" in printed.replace("\n", " ")


def test_two_files_are_compared(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    scores(0.05).to_csv(theirs, index=False)
    scores(0.5, seed=1).to_json(tmp_path / "better.json", orient="records")
    code, printed, errors = cli("evaluate", theirs, tmp_path / "better.json", "--out", tmp_path / "out", "--pdf")
    assert code == 0, errors
    told = printed.replace("\n    ", " ")
    assert "theirs vs better: +" in told and "significant (p < 0.001)" in told
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"theirs", "better", "report.html", "comparisons.csv", "comparisons.tex"} <= names
    assert (tmp_path / "out" / "better" / "roc.pdf").read_bytes().startswith(b"%PDF")


def test_another_aggregate_has_its_own_threshold(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    (run,) = make_runs(cache_file, tmp_path / "runs", train=["FaceSwap"], heads=["logistic"], calibrate="platt")
    assert cli("evaluate", run)[0] == 0
    mean = json.loads((run / "metrics.json").read_text())
    assert cli("evaluate", run, "--aggregate", "max")[0] == 0
    most = json.loads((run / "metrics.json").read_text())
    assert "videos by their max" in most["video"]["threshold"]["source"]
    assert most["frame"] == mean["frame"] and most["video"]["threshold"] != mean["video"]["threshold"]
    called = pd.read_csv(run / "video_predictions.csv")
    assert (called["predicted"] == (called["score"] >= most["video"]["threshold"]["value"])).all()
    assert cli("evaluate", run)[0] == 0
    assert json.loads((run / "metrics.json").read_text()) == mean


def test_explain(cli: Cli, cache_file: Path, tmp_path: Path) -> None:
    (run,) = make_runs(cache_file, tmp_path / "runs", train=["FaceSwap"], heads=["logistic"])
    code, printed, errors = cli("explain", run, "--count", 1, "--method", "gradient")
    assert code == 0, errors
    assert "explain.html written" in printed
    table = pd.read_csv(run / "explain" / "explanations.csv")
    assert set(table["method"]) == {"gradient"} and 2 <= table["sample_id"].nunique() <= 4
    assert (run / "explain" / "explain.html").stat().st_size < 5_000_000
    test = pd.read_csv(run / "predictions.csv").query("split == 'test'")["sample_id"].iloc[0]
    code, printed, errors = cli("explain", run, test, "--method", "gradient", "--out", tmp_path / "one")
    assert code == 0, errors
    assert pd.read_csv(tmp_path / "one" / "explanations.csv")["sample_id"].tolist() == [test]


def mistakes() -> dict[str, tuple[list[str], str]]:
    """Name -> (command line, what the sentence must say)."""
    out = ["--out", "{tmp}/out"]
    return {
        "no out": (["evaluate", "{theirs}"], "files of scores become runs in a folder: name it, --out DIR"),
        "nothing there": (["evaluate", "{tmp}/none.csv", *out], "none.csv does not exist"),
        "file and folder": (["evaluate", "{theirs}", "{tmp}/empty", *out], "not both"),
        "out for runs": (["evaluate", "{tmp}/empty", *out], "is measured where it lies"),
        "threshold for runs": (["evaluate", "{tmp}/empty", "--threshold", "0.4"], "the options of files"),
        "no score": (["evaluate", "{tmp}/no_score.csv", *out], "no column for the score: it has path, label"),
        "two scores": (["evaluate", "{tmp}/two.csv", *out], "say which with --column score=NAME"),
        "no number": (["evaluate", "{tmp}/nan.csv", *out], "line 3: the score 'nan' is no finite number"),
        "text for a score": (["evaluate", "{tmp}/text.csv", *out], "'high' is no finite number"),
        "label": (["evaluate", "{tmp}/label.csv", *out], "line 2: label '2' means nothing"),
        "one class": (["evaluate", "{tmp}/reals.csv", *out], "2 reals and 0 fakes"),
        "a path twice": (["evaluate", "{tmp}/twice.csv", *out], "Real/1/0.png"),
        "column": (["evaluate", "{theirs}", "--column", "x=y", *out], "--column x=y: write OURS=THEIRS"),
        "aggregate": (["evaluate", "{theirs}", "--aggregate", "sum", *out], "unknown aggregate 'sum'"),
        "other files": (["evaluate", "{theirs}", "--out", "{tmp}"], "holds other files and no run"),
        "binary": (["evaluate", "{tmp}/picture.csv", *out], "is binary and no Parquet file"),
        "five gigabytes": (["evaluate", "{tmp}/huge.csv", *out], "huge.csv"),
        "explain nothing": (["explain", "{tmp}/none"], "is no run folder"),
        "explain scores": (["explain", "{tmp}/empty"], "empty"),
    }


@pytest.mark.parametrize("name", mistakes())
def test_a_mistake_gets_a_sentence(cli: Cli, theirs: Path, tmp_path: Path, name: str) -> None:
    tables = {
        "no_score": "path,label\na,0\n",
        "two": "path,label,prob,logit\na,0,.5,1\n",
        "nan": "path,label,score\nReal/1/0.png,0,.5\nReal/1/1.png,0,nan\n",
        "text": "path,label,score\nReal/1/0.png,0,high\n",
        "label": "path,label,score\nx/1/0.png,2,.5\n",
        "reals": "path,label,score\nReal/1/0.png,0,.5\nReal/2/0.png,0,.5\n",
        "twice": "path,label,score\nReal/1/0.png,0,.5\nReal/1/0.png,0,.4\nFaceSwap/1_2/0.png,1,.5\n",
    }
    for stem, text in tables.items():
        (tmp_path / f"{stem}.csv").write_text(text)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(5_000_000_000)
    (tmp_path / "empty").mkdir()
    command, said = mistakes()[name]
    code, printed, errors = cli(*(word.format(theirs=theirs, tmp=tmp_path) for word in command))
    assert code == 2, errors
    assert said in errors and errors.startswith("error: ") and errors.count("\n") == 1
    assert not (tmp_path / "out").exists() and "Traceback" not in errors + printed
