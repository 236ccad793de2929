"""Figures of a table are counted at the level they name, on the rows they name."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from evaluate.levels import at_level, cells, errors, is_seen, measure, worst_videos
from evaluate.metrics import METRICS, auc, eer

HALF = {"value": 0.5, "source": "by hand"}
Maker = Callable[..., pd.DataFrame]


def five_videos() -> pd.DataFrame:
    """The five videos of the metrics' hand-worked example, two frames each, every video a group of its own."""
    scores = {"r0": (0.0, 0.2), "r1": (0.1, 0.3), "r2": (0.4, 1.0), "f0": (0.3, 0.9), "f1": (0.8, 1.0)}
    rows = [
        {
            "sample_id": f"{video}/{frame}",
            "dataset": "d",
            "compression": "c23",
            "manipulation": "real" if video[0] == "r" else "FaceSwap",
            "video_id": video,
            "group": f"group of {video}",
            "split": "test",
            "label": int(video[0] == "f"),
            "score": score,
        }
        for video, pair in scores.items()
        for frame, score in enumerate(pair)
    ]
    return pd.DataFrame(rows)


def test_hand_worked_at_video_level() -> None:
    found = measure(at_level(five_videos(), "video"), HALF)
    assert found["auc"]["value"] == pytest.approx(5 / 6)
    assert found["eer"]["value"] == pytest.approx(1 / 3)
    assert found["f1"]["value"] == pytest.approx(0.8)
    assert found["majority_baseline"] == 0.6
    assert found["confusion"] == {"tn": 2, "fp": 1, "fn": 0, "tp": 2}
    assert found["threshold"] == HALF
    assert found["errors"]["false_negative"] == {"count": 0, "mean_score": None, "mean_margin": None}
    assert found["errors"]["false_positive"] == {
        "count": 1,
        "mean_score": pytest.approx(0.7),
        "mean_margin": pytest.approx(0.2),
    }
    assert found["n"] == {
        "samples": 5,
        "frames": 10,
        "videos": 5,
        "frames_per_video": [2, 2],
        "real": 3,
        "fake": 2,
        "groups": 5,
        "groups_real": 3,
        "groups_fake": 2,
    }
    assert found["few_groups"] is True


def test_frames_are_counted_one_by_one() -> None:
    found = measure(five_videos(), HALF)
    assert found["n"]["samples"] == 10 and found["n"]["real"] == 6
    assert found["confusion"] == {"tn": 5, "fp": 1, "fn": 1, "tp": 3}


def test_a_score_at_the_threshold_is_fake() -> None:
    found = measure(five_videos(), {"value": 0.9, "source": "by hand"})
    assert found["confusion"] == {"tn": 5, "fp": 1, "fn": 2, "tp": 2}  # scores 1.0 | 0.3, 0.8 | 0.9, 1.0


def test_intervals_enclose_the_value(predictions_table: Maker) -> None:
    table = predictions_table()
    for level in ("frame", "video"):
        rows = at_level(table, level)
        found = measure(rows, HALF)
        assert found["auc"]["value"] == auc(rows["label"].to_numpy(), rows["score"].to_numpy())
        assert found["eer"]["value"] == eer(rows["label"].to_numpy(), rows["score"].to_numpy())
        for name in ("auc", "eer"):
            assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert {name for name in METRICS if "low" in found[name]} == {"auc", "eer"}
        assert found["few_groups"] is False and found["one_class_draws"] == 0


def test_videos_are_calibrated_after_the_mean_and_frames_come_calibrated() -> None:
    double = {"method": "isotonic", "x": [0.0, 0.5], "y": [0.0, 1.0]}
    frames = five_videos()
    videos = at_level(frames, "video", double)
    assert videos["score"].tolist() == pytest.approx([0.2, 0.4, 1.0, 1.0, 1.0])  # of the means .1 .2 .7 .6 .9
    assert at_level(frames, "frame", double)["score"].equals(frames["score"])


def test_reliability_is_of_scores_that_are_probabilities() -> None:
    videos = at_level(five_videos(), "video")
    names = ("log_loss", "brier_score", "ece")
    assert [measure(videos, HALF)[name] for name in names] == [{"value": None}] * 3
    found = measure(videos, HALF, probabilities=True)
    assert [found[name]["value"] for name in names] == pytest.approx(
        [METRICS[name].function(videos["label"].to_numpy(), videos["score"].to_numpy()) for name in names]
    )
    with pytest.raises(InputError, match=r"reach from 0\.3 to 1\.1; a probability lies in 0 to 1"):
        measure(videos.assign(score=videos["score"] + 0.2), HALF, probabilities=True)


def test_too_few_groups_of_one_class(predictions_table: Maker) -> None:
    table = predictions_table()
    keep = (table["label"] == 0) | table["group"].isin(sorted(table["group"].unique())[:19])
    assert measure(at_level(table[keep], "video"), HALF)["few_groups"] is True


def test_one_class_is_refused() -> None:
    table = five_videos()
    with pytest.raises(InputError, match="0 real and 2 fake"):
        measure(at_level(table[table["label"] == 1], "video"), HALF)


def test_errors_by_kind() -> None:
    found = errors(np.array([0, 0, 1, 1, 1]), np.array([0.25, 0.5, 0.125, 0.375, 0.75]), 0.5)
    assert found["false_positive"] == {"count": 1, "mean_score": 0.5, "mean_margin": 0.0}
    assert found["false_negative"] == {"count": 2, "mean_score": 0.25, "mean_margin": 0.25}


def test_worst_videos_first() -> None:
    table = five_videos()
    table.loc[table["video_id"] == "f1", "score"] = 0.1
    videos = at_level(table, "video")
    found = worst_videos(videos, 0.5)
    assert [(video["video_id"], video["label"]) for video in found] == [("f1", 1), ("r2", 0)]
    assert found[0]["score"] == pytest.approx(0.1) and found[0]["frames"] == 2
    assert len(worst_videos(videos, 0.5, count=1)) == 1


def test_cells_take_the_reals_of_their_own_data_set(predictions_table: Maker) -> None:
    here = predictions_table(groups=3)
    there = predictions_table(groups=3, lift={"Deepfakes": 0.2}).replace({"dataset": {"FF++": "Celeb-DF"}})
    table = pd.concat([here, there])
    found = cells(table)
    assert list(found) == ["FaceSwap", "NeuralTextures", "Deepfakes"]
    for name, cell in found.items():
        assert set(cell["manipulation"]) == {"real", name}
        assert set(cell["dataset"]) == {"Celeb-DF" if name == "Deepfakes" else "FF++"}
        assert (cell["label"] == 0).sum() == 9


def test_a_manipulation_of_two_compressions_is_two_cells(predictions_table: Maker) -> None:
    lift = {"FaceSwap": 0.2}
    hard = predictions_table(groups=3, lift=lift).replace({"compression": {"c23": "c40"}})
    found = cells(pd.concat([predictions_table(groups=3, lift=lift), hard]))
    assert list(found) == ["FaceSwap (FF++/c23)", "FaceSwap (FF++/c40)"]
    assert set(found["FaceSwap (FF++/c40)"]["compression"]) == {"c40"}


def test_seen_is_what_was_trained_on(predictions_table: Maker) -> None:
    found = cells(predictions_table(groups=2))
    assert is_seen(found["FaceSwap"], ["Deepfakes", "FaceSwap"])
    assert not is_seen(found["NeuralTextures"], ["FaceSwap"])
