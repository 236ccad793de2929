"""Fewer frames of each video, and fewer training groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from classify.thinning import check_thinning, keep_groups, spread_frames
from extract.video import spread


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=4), frames=st.integers(1, 40), seed=st.integers(0, 99))
def test_the_frames_that_an_extraction_would_take(counts: list[int], frames: int, seed: int) -> None:
    table = pd.DataFrame(
        [(f"v{video}", 7 * place) for video, count in enumerate(counts) for place in range(count)],
        columns=["video_id", "frame"],
    ).sample(frac=1, random_state=seed)
    kept = spread_frames(table, frames)
    assert kept.index.tolist() == [row for row in table.index if row in set(kept.index)]  # their order
    for video, count in enumerate(counts):
        places = kept.loc[kept["video_id"] == f"v{video}", "frame"].floordiv(7)
        assert sorted(places) == spread(count, frames)


def test_without_a_number_all_frames_stay() -> None:
    table = pd.DataFrame({"video_id": ["a", "a"], "frame": [0, 1]})
    assert spread_frames(table, None) is table


@pytest.fixture
def groups() -> pd.DataFrame:
    """20 groups of both classes, 10 of reals, 5 of fakes; two rows of each class in each."""
    rows = []
    for kind, count, labels in (("both", 20, (0, 1)), ("real", 10, (0,)), ("fake", 5, (1,))):
        rows += [(f"{kind}{at:02d}", label) for at in range(count) for label in labels for _ in range(2)]
    return pd.DataFrame(rows, columns=["group", "label"])


def test_a_share_of_each_kind_of_group_whole_and_nested(groups: pd.DataFrame) -> None:
    rows = groups.index.to_numpy()
    before: set[int] = set()
    for fraction, expected in ((0.1, (2, 1, 1)), (0.5, (10, 5, 3)), (1.0, (20, 10, 5))):
        kept, told = keep_groups(groups, rows, "group", fraction, seed=3)
        names = groups.loc[kept, "group"].unique()
        assert tuple(sum(name.startswith(kind) for name in names) for kind in ("both", "real", "fake")) == expected
        assert groups.loc[kept].equals(groups[groups["group"].isin(names)])
        assert before <= set(kept)
        assert told == [f"trained on {sum(expected)} of the 35 training groups (fraction {fraction:g})"]
        before = set(kept)


def test_another_seed_keeps_other_groups(groups: pd.DataFrame) -> None:
    rows = groups.index.to_numpy()
    one, other = (keep_groups(groups, rows, "group", 0.5, seed)[0] for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_without_a_fraction_nothing_is_left_out(groups: pd.DataFrame) -> None:
    rows = groups.index.to_numpy()
    kept, told = keep_groups(groups, rows, "group", None, 0)
    assert kept is rows and told == []


@pytest.mark.parametrize("frames", [0, -1])
def test_no_frame_is_refused(frames: int) -> None:
    with pytest.raises(InputError, match=f"1 or more, not {frames}"):
        check_thinning(frames, None)


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5])
def test_no_share_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="above 0 and at most 1"):
        check_thinning(None, fraction)
