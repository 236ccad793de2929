"""Predictions come back bit for bit, and a video's score is the mean of its frames'."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import predictions
from cache.errors import InputError


def make_table(scores: np.ndarray) -> pd.DataFrame:
    rows = len(scores)
    text = {name: [f"{name}{row // 2}" for row in range(rows)] for name in predictions.COLUMNS[:7]}
    labels = np.arange(rows) // 2 % 2
    return pd.DataFrame({**text, "label": labels, "score": scores, "predicted": (scores > 0.5).astype(int)})


def test_round_trip_is_exact(tmp_path: Path) -> None:
    table = make_table(np.random.default_rng(0).random(50) ** 30)
    table.loc[0, "group"] = "NA"  # a name, not a gap
    predictions.write(tmp_path / "p.csv", table)
    back = predictions.read(tmp_path / "p.csv")
    assert (back["score"].to_numpy() == table["score"].to_numpy()).all()
    assert back.astype(object).equals(table.astype(object))


def test_videos_are_means_of_their_frames() -> None:
    videos = predictions.to_videos(make_table(np.array([0.1, 0.3, 1.0, 0.5])))
    assert videos["score"].tolist() == [0.2, 0.75]
    assert videos["frames"].tolist() == [2, 2]
    assert videos["label"].tolist() == [0, 1]
    assert list(videos) == [name for name in predictions.VIDEO_COLUMNS if name != "predicted"]


@pytest.mark.parametrize("aggregate", predictions.AGGREGATES)
def test_aggregates_are_what_they_are_called(aggregate: str) -> None:
    table = make_table(np.array([0.1, 0.3, 1.0, 0.5, 0.2, 0.9]))
    of_video = [name for name in table if name not in ("sample_id", "score")]
    table.loc[2, of_video] = table.loc[0, of_video]  # three frames: .1, .3, 1.0
    by_hand = {"mean": [1.4 / 3, 0.5, 0.55], "median": [0.3, 0.5, 0.55], "max": [1.0, 0.5, 0.9]}[aggregate]
    assert predictions.to_videos(table, aggregate)["score"].tolist() == pytest.approx(by_hand)


def test_an_unknown_aggregate_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown aggregate 'sum'; known: max, mean, median"):
        predictions.to_videos(make_table(np.array([0.1, 0.3])), "sum")


def test_groups_have_a_row_of_each_class() -> None:
    table = make_table(np.array([0.1, 0.3, 1.0, 0.5, 0.8, 0.8]))
    table["group"] = "g"
    groups = predictions.to_groups(predictions.to_videos(table.assign(split="test")))
    assert groups["label"].tolist() == [0, 1]
    assert groups["score"].tolist() == pytest.approx([(0.2 + 0.8) / 2, 0.75])
    assert groups[["videos", "frames", "fewest", "most"]].to_numpy().tolist() == [[2, 4, 2, 2], [1, 2, 2, 2]]


def test_a_video_with_two_labels_is_refused() -> None:
    table = make_table(np.array([0.1, 0.3]))
    table["label"] = [0, 1]
    with pytest.raises(InputError, match="different labels"):
        predictions.to_videos(table)


@pytest.mark.parametrize("column", ["manipulation", "group", "dataset", "compression"])
def test_a_video_name_that_stands_for_several_videos_is_refused(column: str) -> None:
    table = make_table(np.array([0.1, 0.3, 0.2, 0.4]))
    table.loc[1, column] = "other"
    message = rf"video 'video_id0' carry more than one {column} \({column}0, other\): different videos need different"
    with pytest.raises(InputError, match=message):
        predictions.to_videos(table)
    table.loc[1, "split"] = "other"  # of two splits it is two rows, as of a leak
    assert len(predictions.to_videos(table)) == 3


ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["val", "test"]), st.integers(0, 8)), min_size=1, max_size=24
)


@settings(deadline=None)
@given(ROWS)
def test_videos_are_the_rows_of_a_name_and_split_in_order_of_appearance(rows: list[tuple[int, str, int]]) -> None:
    table = make_table(np.array([score / 8 for *_, score in rows]))
    for name in predictions.OF_VIDEOS:
        table[name] = [f"{name}{video % 2}" for video, *_ in rows]
    table["video_id"], table["split"] = [f"v{video}" for video, *_ in rows], [split for _, split, _ in rows]
    of_video: dict[tuple[str, str], list[float]] = {}
    for name, split, score in zip(table["video_id"], table["split"], table["score"], strict=True):
        of_video.setdefault((name, split), []).append(score)
    videos = predictions.to_videos(table)
    assert list(zip(videos["video_id"], videos["split"], strict=True)) == list(of_video)
    assert videos["frames"].tolist() == [len(scores) for scores in of_video.values()]
    assert videos["score"].tolist() == pytest.approx([np.mean(scores) for scores in of_video.values()])
    assert (videos["group"] == "group" + (videos["video_id"].str[1:].astype(int) % 2).astype(str)).all()


def test_files_that_are_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        predictions.read(tmp_path / "none.csv")
    (tmp_path / "p.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks the columns"):
        predictions.read(tmp_path / "p.csv")
