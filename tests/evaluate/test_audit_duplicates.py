"""Look-alikes across groups, by embedding and by pixels."""

import numpy as np
import pandas as pd
import pytest

from evaluate.audit_duplicates import near_duplicates

ROWS = 40


@pytest.fixture
def embedding() -> np.ndarray:
    """Forty directions of their own beside one that all share."""
    return (np.random.default_rng(0).normal(size=(ROWS, 64)) + 5).astype("f2")


def side(rows: range, group: str = "{}") -> pd.DataFrame:
    return pd.DataFrame({"video_id": [f"v{row}" for row in rows], "group": [group.format(row) for row in rows]}, rows)


def nothing(row: int) -> None:
    return None


def test_unlike_pictures_are_silent(embedding: np.ndarray) -> None:
    assert near_duplicates(side(range(20)), side(range(20, 40)), embedding.__getitem__, nothing) == []


def test_a_copy_in_another_group(embedding: np.ndarray) -> None:
    embedding[31] = embedding[4] * 1.1
    (found,) = near_duplicates(side(range(20)), side(range(20, 40)), embedding.__getitem__, nothing)
    assert found.severity == "warning" and found.examples == ("v31 and v4",)
    assert "1 of 20 test videos look like a training video of another group" in found.sentence
    assert found.counts == {"alike": 1, "confirmed": 0, "refuted": 0, "compared_videos": 20}


def test_a_copy_in_the_same_group_is_the_groups_matter(embedding: np.ndarray) -> None:
    embedding[31] = embedding[4]
    sides = side(range(20), "all"), side(range(20, 40), "all")
    assert near_duplicates(*sides, embedding.__getitem__, nothing) == []


def test_pixels_confirm_or_refute(embedding: np.ndarray) -> None:
    embedding[31], embedding[32] = embedding[4], embedding[5]
    pictures = np.random.default_rng(1).normal(size=(ROWS, 8, 8))
    pictures[31] = 2 * pictures[4] + 3  # another exposure
    (found,) = near_duplicates(side(range(20)), side(range(20, 40)), embedding.__getitem__, lambda row: pictures[row])
    assert found.severity == "warning" and found.examples == ("v31 and v4",)
    assert (found.counts["confirmed"], found.counts["refuted"]) == (1, 1)
    pictures[31] = pictures[6]
    (found,) = near_duplicates(side(range(20)), side(range(20, 40)), embedding.__getitem__, lambda row: pictures[row])
    assert found.severity == "note" and found.examples == ()


def test_one_frame_of_each_video_is_compared(embedding: np.ndarray) -> None:
    trained, tested = side(range(20)), side(range(20, 40)).assign(video_id="one")
    asked: list[int] = []

    def embed(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return embedding[rows]

    near_duplicates(trained, tested, embed, nothing)
    assert sorted(asked) == [*range(20), 30]
