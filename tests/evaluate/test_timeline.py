"""The score through single videos: which are drawn, where their frames stand, and what is dotted and pale."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from evaluate.drawing import svg
from evaluate.folders import Run
from evaluate.levels import at_level
from evaluate.timeline import MOST, draw, frame_numbers, timeline_figure, videos_to_show

CONFIG = {"head": "mlp", "train": ["FaceSwap"], "thresholds": {"frame": {"value": 0.4, "source": "fixed"}}}


@pytest.fixture
def run(predictions_table: Callable[..., pd.DataFrame]) -> Run:
    return Run(Path("mlp"), CONFIG, predictions_table(frames=5))


def drawn(run: Run) -> Figure:
    figure = draw(run)
    assert figure is not None
    return figure


def one_score_each(scores: dict[str, tuple[int, float]]) -> pd.DataFrame:
    rows = [(name, label, score, 4) for name, (label, score) in scores.items()]
    return pd.DataFrame(rows, columns=["video_id", "label", "score", "frames"])


def test_errors_and_hits_take_turns() -> None:
    reals = {f"real/{at}": (0, at / 10) for at in range(10)}
    fakes = {f"fake/{at}": (1, at / 10) for at in range(10)}
    chosen = videos_to_show(one_score_each(reals | fakes), 0.45)
    assert list(zip(chosen["kind"], chosen["video_id"], strict=True)) == [
        ("false_positive", "real/9"), ("false_positive", "real/8"),
        ("false_negative", "fake/0"), ("false_negative", "fake/1"),
        ("true_positive", "fake/9"), ("true_negative", "real/0"),
    ]  # fmt: skip


def test_without_errors_there_are_more_hits() -> None:
    fakes = {f"fake/{at}": (1, 0.5 + at / 20) for at in range(10)}
    chosen = videos_to_show(one_score_each(fakes), 0.45)
    assert list(chosen["kind"]) == ["true_positive"] * MOST
    assert list(chosen["video_id"][:2]) == ["fake/9", "fake/8"]


def test_videos_of_few_frames_have_no_course(predictions_table: Callable[..., pd.DataFrame]) -> None:
    frames = predictions_table(frames=5)
    long = frames["video_id"].unique()[7]
    cut = frames[(frames["video_id"] == long) | frames["sample_id"].str.endswith(("/0", "/1", "/2"))]
    assert list(videos_to_show(at_level(cut, "video"), 0.5)["video_id"]) == [long]
    assert draw(Run(Path("mlp"), CONFIG, cut[cut["video_id"] != long])) is None


def test_frames_stand_where_they_were_taken() -> None:
    frames = pd.DataFrame(
        {"video_id": "v", "sample_id": ["v/100", "v/25", "v/0", "v/75"], "score": [0.1, 0.25, 0.0, 0.75], "label": 1}
    )
    chosen = pd.DataFrame({"video_id": ["v"], "label": [1], "kind": ["false_negative"]})
    (axes,) = timeline_figure(frames, chosen, 0.6).axes
    threshold, mean, course = axes.lines
    assert np.column_stack(course.get_data()).tolist() == [[0, 0.0], [25, 0.25], [75, 0.75], [100, 0.1]]
    assert set(np.ravel(threshold.get_ydata())) == {0.6} and threshold.get_linestyle() == ":"
    assert np.ravel(mean.get_ydata())[0] == pytest.approx(0.275)
    assert axes.get_title(loc="left") == "v\nfake, called real"
    assert axes.get_ylim()[0] < 0.0 and axes.get_ylim()[1] > 1.0


def test_videos_are_judged_by_their_own_threshold_and_frames_by_theirs(run: Run) -> None:
    thresholds = {"frame": {"value": 2.0, "source": "fixed"}, "video": {"value": 0.0, "source": "fixed"}}
    figure = drawn(Run(run.folder, CONFIG | {"thresholds": thresholds}, run.table))
    assert {axes.get_title(loc="left").partition(", ")[2] for axes in figure.axes} == {"called fake"}
    assert {float(np.ravel(axes.lines[0].get_ydata())[0]) for axes in figure.axes} == {2.0}


def test_names_without_numbers_stand_in_their_order() -> None:
    assert frame_numbers(pd.Series(["v/f2.png", "v/f1.png", "v/7"])).tolist() == [0, 1, 2]
    assert frame_numbers(pd.Series(["v/inf", "v/1"])).tolist() == [0, 1]


def test_scores_beyond_one_are_seen(run: Run) -> None:
    wide = Run(run.folder, run.config, run.table.assign(score=20 * run.table["score"] - 10))
    low, high = drawn(wide).axes[0].get_ylim()
    shown = [line.get_ydata() for axes in drawn(wide).axes for line in axes.lines]
    assert low < min(map(np.min, shown)) and high > max(map(np.max, shown)) > 1


def test_the_same_bytes_and_names_as_they_are(run: Run) -> None:
    assert len(drawn(run).axes) == MOST
    first = svg(drawn(run))
    assert first == svg(drawn(run))
    named = run.table.assign(video_id="$a$<b>/" + run.table["video_id"])
    assert "$a$&lt;b&gt;/" in svg(drawn(Run(run.folder, run.config, named)))


def test_a_long_name_loses_its_middle(run: Run) -> None:
    named = run.table.assign(video_id="a long data set/unknown compression/" + run.table["video_id"])
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in drawn(Run(run.folder, run.config, named)).axes]
    assert all(len(title) <= 32 and title.startswith("a long data") for title in titles)
    whole = set(named["video_id"].str[-8:])
    assert {title[-8:] for title in titles} <= whole


def test_the_height_is_that_of_the_rows(run: Run) -> None:
    frames = run.table
    chosen = videos_to_show(at_level(frames, "video"), 0.5)
    heights = [timeline_figure(frames, chosen[:count], 0.5).get_figheight() for count in (1, 2, 3, 6)]
    assert heights[0] == heights[1] < heights[2] < heights[3]
    assert len(timeline_figure(frames, chosen[:3], 0.5).axes) == 3
