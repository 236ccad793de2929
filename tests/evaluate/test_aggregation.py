"""Another aggregate of frames: threshold and calibration of videos are made anew, on out-of-fold rows alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.predictions import COLUMNS, to_videos
from evaluate import calibration
from evaluate.aggregation import aggregated
from evaluate.decisions import balanced_accuracy
from evaluate.folders import Run
from evaluate.metrics import balanced_threshold

CHOSEN = "balanced accuracy of out-of-fold scores, 5 grouped folds"
OLD = {"method": "platt", "slope": 0.5, "intercept": 2.0}


def predictions(split: str, reals: int, fakes: int, lift: float, seed: int) -> pd.DataFrame:
    """Videos of three frames, each a group of its own; fakes have one frame that stands out."""
    random = np.random.default_rng(seed)
    rows = []
    for at in range(reals + fakes):
        label = int(at >= reals)
        name = f"{split}{at:03d}"
        for frame in range(3):
            score = 0.3 + random.uniform(-0.2, 0.2) + lift * label * (frame == 1)
            home = ["FF++", "c23", ("real", "FaceSwap")[label], name, name, split, label, score, 0]
            rows.append([f"{name}/{frame}", *home])
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def table() -> pd.DataFrame:
    """Ten reals and thirty fakes out of fold, others in test, where scores mean something else."""
    return pd.concat([predictions("val", 10, 30, 0.2, 0), predictions("test", 20, 20, 0.6, 1)], ignore_index=True)


def run(table: pd.DataFrame, method: str | None = None, source: str = CHOSEN, **config: Any) -> Run:
    """A run by the mean, whose threshold of videos is 0.45."""
    made = {"method": method, "frame": OLD, "video": OLD} if method else None
    thresholds = {level: {"value": 0.45, "source": source} for level in ("frame", "video")}
    stated = {"head": "svm", "train": ["FaceSwap"], "thresholds": thresholds, "calibration": made, "caveats": ["x"]}
    return Run(Path("run"), {**stated, **config}, table)


def held_videos(table: pd.DataFrame, aggregate: str) -> tuple[np.ndarray, np.ndarray]:
    videos = to_videos(table[table["split"] == "val"], aggregate)
    return videos["label"].to_numpy(), videos["score"].to_numpy()


def test_the_threshold_is_the_best_of_out_of_fold_videos(table: pd.DataFrame) -> None:
    one = run(table)
    found = aggregated(one, "max")
    labels, scores = held_videos(table, "max")
    source = "balanced accuracy of out-of-fold scores, videos by their max"
    assert found.threshold("video") == {"value": balanced_threshold(labels, scores), "source": source}
    assert found.threshold("frame") == one.threshold("frame") and found.config["caveats"] == ["x"]
    assert found.aggregate == "max" and found.calibration("video") is None
    assert found.at_level(table, "video")["score"].tolist() == to_videos(table, "max")["score"].tolist()
    assert one.aggregate == "mean" and one.threshold("video")["value"] == 0.45, "the run itself stays as it is"


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_the_calibration_is_fitted_to_out_of_fold_videos_of_both_classes_alike(
    table: pd.DataFrame, method: str
) -> None:
    found = aggregated(run(table, method), "max")
    labels, scores = held_videos(table, "max")
    again = calibration.fit(method, scores, labels, np.where(labels == 1, 0.5 / 30, 0.5 / 10))
    assert found.calibration("video") == again != OLD
    assert again != calibration.fit(method, scores, labels), "the classes are of different sizes"
    assert found.calibration("frame") == OLD
    calibrated = calibration.apply(again, scores)
    threshold = found.threshold("video")["value"]
    assert threshold == balanced_threshold(labels, calibrated)
    best = max(balanced_accuracy(labels, calibrated >= cut) for cut in calibrated)
    assert balanced_accuracy(labels, calibrated >= threshold) == best, "no threshold of these scores does better"
    assert found.gives_probabilities("video")


def test_what_is_tested_on_changes_nothing(table: pd.DataFrame) -> None:
    noise = table["score"].where(table["split"] == "val", np.random.default_rng(5).random(len(table)))
    one, other = (aggregated(run(rows, "platt"), "median") for rows in (table, table.assign(score=noise)))
    assert one.config == other.config


@pytest.mark.parametrize("source", ["given", "fixed by the user", "default: too few training groups to choose"])
def test_a_threshold_that_was_not_chosen_stays(table: pd.DataFrame, source: str) -> None:
    one = run(table, source=source)
    assert aggregated(one, "max").threshold("video") == one.threshold("video")
    bare = aggregated(run(table[table["split"] == "test"], source=source), "max")
    assert bare.threshold("video") == one.threshold("video") and bare.config["caveats"] == ["x"]


@pytest.mark.parametrize("rows", ["split == 'test'", "split == 'test' or label == 1"])
def test_without_out_of_fold_rows_of_both_classes_it_is_told_what_is_still_of_the_old(
    table: pd.DataFrame, rows: str
) -> None:
    one = run(table.query(rows), "platt")
    found = aggregated(one, "max")
    assert found.aggregate == "max"
    assert found.threshold("video") == {"value": 0.45, "source": f"{CHOSEN}, of videos by their mean"}
    assert found.calibration("video") == {"made_for": "mean", **OLD} and found.calibration("frame") == OLD
    assert found.config["caveats"] == [
        "x",
        "videos are scored by their max, with the threshold and calibration made for the mean: there are no "
        "out-of-fold rows to make others",
    ]
    assert found.threshold("frame") == one.threshold("frame") and one.config["caveats"] == ["x"]


def test_what_a_run_has_no_need_of_is_left(table: pd.DataFrame) -> None:
    one = run(table)
    assert aggregated(one, "mean") is one
    by_max = replace(one, config={**one.config, "aggregate": "max"})
    assert aggregated(by_max, "mean").threshold("video")["source"].endswith("videos by their mean")
    scores = Run(Path("scores"), {"head": "x", "train": []}, table)
    assert aggregated(scores, "max").config == {"head": "x", "train": [], "aggregate": "max"}
    with pytest.raises(InputError, match="unknown aggregate 'sum'; known: max, mean, median"):
        aggregated(one, "sum")
