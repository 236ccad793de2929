"""Probes find what was planted, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest

from evaluate.shortcuts import metadata_shortcut, picture_probe, sampled, shuffle_control

CONSTANT = ["width", "height", "format", "quantization"]


@pytest.fixture
def described(samples: pd.DataFrame) -> pd.DataFrame:
    """The 72 videos of 12 groups with sizes in bytes that say nothing."""
    codes = pd.factorize(samples["video_id"])[0]
    return samples.assign(byte_size=np.random.default_rng(0).integers(1000, 2000, codes.max() + 1)[codes])


def test_byte_size_that_gives_it_away(described: pd.DataFrame) -> None:
    planted = described.assign(byte_size=described["byte_size"] + 5000 * described["label"], width=described["frame"])
    planted["height"] = pd.factorize(planted["video_id"])[0] % 7
    (found,) = metadata_shortcut(planted)
    assert found.severity == "warning" and found.counts["value"] > 0.99
    assert found.sentence.startswith("WARNING: metadata alone (byte size, height) tell real from fake with AUC 1.00")
    assert found.sentence.endswith("72 videos; by byte size alone 1.00")


def test_a_format_that_gives_it_away(described: pd.DataFrame) -> None:
    (found,) = metadata_shortcut(described.assign(format=np.where(described["label"] == 1, "PNG", "JPEG"), byte_size=1))
    assert found.severity == "warning" and "metadata alone (format) tell" in found.sentence


def test_detector_scores_are_metadata(described: pd.DataFrame) -> None:
    (found,) = metadata_shortcut(described.assign(detector_score=0.9 - 0.3 * described["label"], byte_size=1))
    assert found.severity == "warning" and "(detector score)" in found.sentence


def test_nothing_to_find(described: pd.DataFrame) -> None:
    (found,) = metadata_shortcut(described)
    assert found.severity == "note" and abs(found.counts["value"] - 0.5) < 0.15
    assert metadata_shortcut(described) == [found], "the same every time"


def test_the_same_in_all_or_absent(described: pd.DataFrame) -> None:
    (same,) = metadata_shortcut(described.assign(byte_size=7))
    assert same.sentence.startswith("Note: metadata tell nothing: same byte size, width, height, format, quantisation")
    (absent,) = metadata_shortcut(described.drop(columns=[*CONSTANT, "byte_size"]))
    assert absent.sentence == "Note: no metadata to compare"


def test_few_groups_are_not_probed(described: pd.DataFrame) -> None:
    few = described[described["group"].isin(sorted(set(described["group"]))[:9])]
    (found,) = metadata_shortcut(few)
    assert found.sentence.startswith("Note: metadata was not probed: 9 groups with reals and 9 with fakes")


def test_a_background_that_tells(samples: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    embedding = rng.normal(size=(len(samples), 8)).astype("f2")
    assert picture_probe("background", "the background", embedding.__getitem__, samples).severity == "note"
    embedding[:, 3] += 3 * samples["label"].to_numpy()
    found = picture_probe("background", "the background", embedding.__getitem__, samples)
    assert found.severity == "warning" and found.counts["value"] > 0.95
    assert found.sentence.startswith("WARNING: the background tell")


def test_shuffled_labels_are_at_chance_whatever_the_embedding_tells(samples: pd.DataFrame) -> None:
    embedding = np.random.default_rng(2).normal(size=(len(samples), 8))
    embedding[:, 0] += 5 * samples["label"].to_numpy()
    found = shuffle_control(embedding.__getitem__, samples)
    assert found.severity == "note" and found.sentence.endswith("as it must")
    assert found.counts["low"] < 0.5 < found.counts["high"] < 0.8


def test_a_probe_reads_blocks_of_the_rows_that_it_takes(samples: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    embedding = np.random.default_rng(3).normal(size=(3 * len(samples), 8)).astype("f2")
    some = samples[samples["group"] != samples["group"].iloc[0]]
    some = some.set_axis(3 * some.index)
    whole = picture_probe("background", "it", embedding.__getitem__, some)
    asked: list[np.ndarray] = []

    def embed(rows: np.ndarray) -> np.ndarray:
        asked.append(rows)
        return embedding[rows]

    monkeypatch.setattr("evaluate.shortcuts.BLOCK", 7)
    assert picture_probe("background", "it", embed, some) == whole
    assert max(map(len, asked)) == 7 and np.array_equal(np.concatenate(asked[1:]), some.index)


def test_samples_are_videos_of_whole_groups(described: pd.DataFrame) -> None:
    assert len(sampled(described, 1000, 0)) == 72
    some = sampled(described, 20, 0)
    assert len(some) == 18 and some.groupby("group").size().tolist() == [6, 6, 6]
    assert set(sampled(described, 20, 0)["group"]) == set(some["group"]) != set(sampled(described, 20, 1)["group"])
    assert len(sampled(described.assign(label=-1), 20, 0)) == 0
    mean = described.groupby("video_id")["byte_size"].mean()
    assert some.set_index("video_id")["byte_size"].equals(mean[some["video_id"]])
