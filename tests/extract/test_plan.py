"""The plan: which frames, whose groups, in which order; told apart from what the folder holds later."""

from pathlib import Path

import numpy as np
import pytest

from cache.errors import InputError
from cache.ledger import INPUT_COLUMNS
from extract.layouts import LAYOUTS
from extract.plan import listing_differences, plan_inputs, slot_numbers
from extract.video import Sampling


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folders of 9 frames (never opened by the plan), and a video file that is none."""
    for folder in ("real/004", "real/634", "FaceSwap/634_660", "NeuralTextures/004_982"):
        (tmp_path / folder).mkdir(parents=True)
        for frame in range(9):
            (tmp_path / folder / f"{frame:03d}.png").write_bytes(b"x" * frame)
    (tmp_path / "FaceSwap" / "100_101.mp4").write_bytes(b"no video")
    return tmp_path


def plan(root: Path, sampling: Sampling, limit: int | None = None):  # type: ignore[no-untyped-def]
    return plan_inputs({root: LAYOUTS["folders"](root, "set").sources}, sampling, limit)


def test_frames_are_spread_over_each_video(root: Path) -> None:
    inputs = plan(root, Sampling(frames=3))
    assert list(inputs) == list(INPUT_COLUMNS)
    pictures = inputs[~inputs["is_video"]]
    assert pictures.groupby("video")["frame"].agg(list).tolist() == [[0, 4, 8]] * 4
    assert inputs[inputs["is_video"]]["slots"].tolist() == [3]
    assert inputs["slots"].sum() == 4 * 3 + 3


def test_groups_join_over_manipulations(root: Path) -> None:
    inputs = plan(root, Sampling(frames=1))
    groups = inputs.groupby("group")["video"].agg(list).to_dict()
    assert groups == {"set/004": ["004_982", "004"], "set/100": ["100_101"], "set/634": ["634_660", "634"]}


def test_a_rate_is_for_video_files(root: Path) -> None:
    with pytest.raises(InputError, match="--fps needs video files"):
        plan(root, Sampling(fps=1))


def test_a_damaged_video_keeps_one_slot_for_its_failure(root: Path) -> None:
    inputs = plan(root, Sampling())
    assert inputs[inputs["is_video"]]["slots"].tolist() == [1]


def test_limit_is_of_videos_of_each_manipulation(root: Path) -> None:
    inputs = plan(root, Sampling(frames=1), limit=1)
    assert inputs["video"].tolist() == ["100_101", "004_982", "004"]


def test_slots_are_numbered_within_their_video(root: Path) -> None:
    inputs = plan(root, Sampling(frames=3), limit=1)
    assert slot_numbers(inputs).tolist() == [0, 1, 2] * 3, "of a file, and of two folders of pictures"
    assert slot_numbers(plan(root, Sampling(frames=1))).tolist() == [0] * 5
    assert np.array_equal(slot_numbers(inputs[:0]), [])


def test_differences_are_counted_by_kind(root: Path) -> None:
    before = plan(root, Sampling())
    (root / "real/004/000.png").unlink()
    (root / "real/004/009.png").write_bytes(b"new")
    (root / "real/634/001.png").write_bytes(b"longer than before")
    found = listing_differences(plan(root, Sampling()), before)
    assert [sentence.split(": ")[1] for sentence in found] == [
        "1 new, not part of it (real/004/009.png)",
        "1 gone (real/004/000.png)",
        "1 of another size (real/634/001.png)",
    ]
    assert listing_differences(before, before) == []
