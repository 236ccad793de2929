"""Figures of a table are counted at the level they name, on the rows they name."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.predictions import COLUMNS
from evaluate.bootstrap import bootstrap
from evaluate.intervals import ENDS, group_draws
from evaluate.levels import at_level, cells, errors, is_seen, measure, worst_videos
from evaluate.metrics import METRICS, auc, eer
from evaluate.transfer import transfer

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
        for name in ("fpr", "fnr", *(name for name in METRICS if METRICS[name].reads != "probabilities")):
            assert found[name]["low"] <= found[name]["value"] <= found[name]["high"], name
            assert found[name]["low"] < found[name]["high"], name
        assert found["few_groups"] is False and found["one_class_draws"] == 0


def test_error_rates_are_the_rest_of_the_shares_found(predictions_table: Maker) -> None:
    found = measure(at_level(predictions_table(), "video"), HALF)
    counts = found["confusion"]
    assert found["fpr"]["value"] == pytest.approx(counts["fp"] / (counts["fp"] + counts["tn"]))
    assert found["fnr"]["value"] == pytest.approx(counts["fn"] / (counts["fn"] + counts["tp"]))
    for rate, share in (("fpr", "specificity"), ("fnr", "recall")):
        assert found[rate]["low"] == 1 - found[share]["high"] and found[rate]["high"] == 1 - found[share]["low"]


def test_cost_of_a_threshold_from_elsewhere(predictions_table: Maker) -> None:
    videos = at_level(predictions_table(), "video")
    found = measure(videos, {"value": 0.8, "source": "another set"})["transfer"]
    labels, scores = videos["label"].to_numpy(), videos["score"].to_numpy()
    alone = transfer(labels, scores, 0.8)
    assert {**found, "cost": {"value": found["cost"]["value"]}} == alone
    assert 0.05 < found["cost"]["low"] < found["cost"]["value"] < found["cost"]["high"]
    at_home = measure(videos, {"value": alone["best_threshold"], "source": "its own"})["transfer"]["cost"]
    assert at_home == {"value": 0, "low": 0, "high": 0}, "the very same threshold"
    labels, scores, groups = (videos[name].to_numpy() for name in ("label", "score", "group"))
    draws = group_draws(groups.astype(str), labels)
    reached = [
        bootstrap(labels, scores, groups, draws, ["balanced_accuracy"], cut)["balanced_accuracy"]
        for cut in (alone["best_threshold"], 0.8)
    ]
    assert [found["cost"]["low"], found["cost"]["high"]] == pytest.approx(np.percentile(reached[0] - reached[1], ENDS))


def test_the_cost_of_a_threshold_that_costs_nothing_is_not_seen_to_cost() -> None:
    """Thresholds that are as good in the population: the interval starts at 0 in most sets, if not in 95 %."""
    random = np.random.default_rng(0)
    trials = 60
    hits = 0
    for _ in range(trials):
        labels = np.arange(100) % 2
        table = pd.DataFrame({"label": labels, "score": random.normal(size=100) + 2 * labels})
        table = table.assign(video_id=range(100), group=np.arange(100).astype(str))
        cost = measure(table, {"value": 1.0, "source": "the best there is"})["transfer"]["cost"]
        hits += cost["low"] == 0
    assert hits / trials > 0.8


def test_rates_that_every_draw_repeats_have_exact_ends() -> None:
    """100 reals of 25 groups, all called real, and 40 fakes of 10 other groups, of which none is found."""
    labels = np.repeat([0, 1], [100, 40])
    groups = np.concatenate([np.arange(100) % 25, 25 + np.arange(40) % 10]).astype(str)
    scores = np.linspace(0.1, 0.4, 140)
    table = pd.DataFrame({"label": labels, "score": scores, "group": groups, "video_id": range(140)})
    found = measure(table, HALF)
    assert found["specificity"] == {"value": 1.0, "low": pytest.approx(0.025 ** (1 / 25)), "high": 1.0}
    assert found["fpr"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(1 - 0.025 ** (1 / 25))}
    assert found["recall"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(1 - 0.025 ** (1 / 10))}
    assert found["fnr"] == {"value": 1.0, "low": pytest.approx(0.025 ** (1 / 10)), "high": 1.0}
    for name in ("auc", "balanced_accuracy", "precision", "f1"):
        assert found[name]["low"] is found[name]["high"] is None, name
    perfect = measure(table, {"value": table["score"][100], "source": "by hand"})
    assert perfect["accuracy"] == {"value": 1.0, "low": pytest.approx(0.025 ** (1 / 35)), "high": 1.0}
    assert perfect["precision"] == perfect["f1"] == {"value": 1.0, "low": None, "high": None}


def test_all_three_conventions_of_the_eer() -> None:
    table = five_videos()
    table.loc[table["video_id"] == "r2", "score"] = 0.85  # between the fakes: the conventions differ
    videos = at_level(table, "video")
    found = measure(videos, HALF)["eer_conventions"]
    labels, scores = videos["label"].to_numpy(), videos["score"].to_numpy()
    assert found == {name: eer(labels, scores, name) for name in ("interpolated", "nearest", "mean")}
    assert found["nearest"] != found["mean"]


def two_fakes_a_group() -> pd.DataFrame:
    """Groups of one real and two fakes, of 2, 1 and 3 frames."""
    rows = []
    for group, means in {"a": (0.2, 0.4, 0.9), "b": (0.5, 0.3, 0.8)}.items():
        for at, (mean, frames) in enumerate(zip(means, (2, 1, 3), strict=True)):
            label = int(at > 0)
            for frame in range(frames):
                score = mean + (0.1 if frame == 0 else -0.1) * (frames == 2)
                names = ["d", "c23", ("real", "FaceSwap", "Deepfakes")[at], f"{group}{at}", group, "test", label, score]
                rows.append([f"{group}{at}/{frame}", *names])
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "predicted"])


def test_a_group_counts_once_a_class_whatever_its_videos_and_frames() -> None:
    groups = at_level(two_fakes_a_group(), "group")
    assert groups[["group", "label"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["b", 0], ["b", 1]]
    assert groups["score"].tolist() == pytest.approx([0.2, 0.65, 0.5, 0.55])
    found = measure(groups, HALF)
    assert found["auc"]["value"] == 1 and found["confusion"] == {"tn": 1, "fp": 1, "fn": 0, "tp": 2}
    assert found["n"] == {
        "samples": 4,
        "frames": 12,
        "videos": 6,
        "frames_per_video": [1, 3],
        "real": 2,
        "fake": 2,
        "groups": 2,
        "groups_real": 2,
        "groups_fake": 2,
    }


def test_groups_are_made_of_calibrated_videos() -> None:
    steps = {"method": "isotonic", "x": [0.0, 0.35, 0.45, 1.0], "y": [0.0, 0.0, 1.0, 1.0]}
    assert at_level(two_fakes_a_group(), "group", steps)["score"].tolist() == pytest.approx([0, 0.75, 1, 0.5])


def test_a_video_may_be_judged_by_its_highest_frame() -> None:
    videos = at_level(five_videos(), "video", aggregate="max")
    assert videos["score"].tolist() == [0.2, 0.3, 1.0, 0.9, 1.0]
    with pytest.raises(InputError, match="unknown aggregate 'sum'; known: max, mean, median"):
        at_level(five_videos(), "video", aggregate="sum")
    with pytest.raises(InputError, match="unknown level 'clip'; known: frame, group, video"):
        at_level(five_videos(), "clip")


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
    for name in names[:2]:
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["ece"]["low"] is found["ece"]["high"] is None, "draws of the rows raise it"
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
    assert is_seen(found["NeuralTextures"], ["FaceSwap"]) is False
    assert is_seen(found["FaceSwap"], ["FF++/FaceSwap"]) is True
    assert is_seen(found["FaceSwap"], ["Celeb-DF/FaceSwap"]) is False
    assert is_seen(found["FaceSwap"], None) is None


def test_rows_of_several_manipulations_are_seen_where_all_are(predictions_table: Maker) -> None:
    table = predictions_table(groups=2)
    assert is_seen(table, ["FaceSwap"]) is False and is_seen(table, ["NeuralTextures", "FaceSwap"]) is True


def test_of_fakes_that_nobody_named_nobody_knows_whether_they_were_seen(predictions_table: Maker) -> None:
    table = predictions_table(groups=2, lift={"fake": 0.2})
    assert is_seen(table, ["FaceSwap"]) is None
    assert is_seen(table, ["fake"]) is True
    both = predictions_table(groups=2, lift={"fake": 0.2, "FaceSwap": 0.2})
    assert is_seen(both, ["FaceSwap"]) is None and is_seen(both, ["Deepfakes"]) is False
