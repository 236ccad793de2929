"""Batches come in order, whatever the tasks were, and whoever did them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from extract import prepare as prepare_module
from extract import workers as module
from extract.faces import FaceCrop
from extract.images import FrameInfo
from extract.prepare import Failure, Item, Preparation
from extract.square import Preprocessing
from extract.video import Sampling
from extract.workers import prepared_batches
from tests.extract.colour_faces import ColourFaces

SMALL = Preparation(Preprocessing((4, 4), "squash", "bicubic", (0.0,) * 3, (1.0,) * 3, 0), Sampling())


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 pictures, each of the grey value that its name says."""
    folder = tmp_path_factory.mktemp("grey")
    for value in range(200):
        Image.new("RGB", (4, 4), (value,) * 3).save(folder / f"{value}.png")
    return folder


def pictures(folder: Path) -> Callable[[int, int], list[Item]]:
    return lambda start, stop: [
        Item(str(folder), f"{value}.png", is_video=False, slot=0, frame=value) for value in range(start, stop)
    ]


def ranges(slots: int, batch_size: int) -> list[tuple[int, int]]:
    return [(start, min(start + batch_size, slots)) for start in range(0, slots, batch_size)]


@pytest.mark.parametrize(("workers", "batch_size", "held"), [(0, 4, 1), (0, 64, 2), (2, 4, 1), (2, 48, 3)])
def test_every_frame_is_in_its_place(grey: Path, workers: int, batch_size: int, held: int) -> None:
    kept = []
    batches = prepared_batches(ranges(190, batch_size), pictures(grey), SMALL, batch_size, workers, held=held)
    for batch in batches:
        kept.append(batch)
        for one in kept[-held:]:  # so many may still be read
            values = list(range(one.start, one.stop))
            assert one.pixels.shape == (batch_size, 1, 4, 4, 3)
            assert one.pixels[: len(values), 0, 0, 0, 0].tolist() == values
            assert not one.pixels[len(values) :].any(), "the last batch is padded with nothing"
            assert [frame.index for frame in one.frames[: len(values)] if isinstance(frame, FrameInfo)] == values
            assert one.frames[len(values) :] == [None] * (batch_size - len(values))
    assert (kept[0].start, kept[-1].stop) == (0, 190)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mixture_of_videos_and_pictures(data: st.DataObject) -> None:
    """Inputs of any length, batches of any size, gaps between the ranges: each frame once, in its place."""
    lengths = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))
    batch_size = data.draw(st.integers(1, 20))
    longest_task = data.draw(st.integers(1, 40))
    plan = [
        Item("", f"{number}", is_video=length > 1, slot=slot, frame=0)
        for number, length in enumerate(lengths)
        for slot in range(length)
    ]
    wanted = [one for one in ranges(len(plan), batch_size) if data.draw(st.booleans())]
    opened: list[str] = []

    def prepare(items: list[Item], preparation: Preparation, squares: list[np.ndarray]) -> list[Failure]:
        assert len({item.path for item in items}) == 1 or not any(item.is_video for item in items)
        opened.append(items[0].path)
        for item, row in zip(items, squares, strict=True):
            row[:] = item.slot % 256
        return [Failure("open", f"{item.path}/{item.slot}") for item in items]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "prepare", prepare)
        patch.setattr(module, "VIDEO_FRAMES", longest_task)
        batches = prepared_batches(
            wanted, lambda start, stop: plan[start:stop], SMALL, batch_size, 0, longest=max(lengths)
        )
        got = []
        for batch in batches:
            reasons = [frame.reason for frame in batch.frames if isinstance(frame, Failure)]
            assert batch.pixels[: len(reasons), 0, 0, 0, 0].tolist() == [
                int(reason.split("/")[1]) % 256 for reason in reasons
            ]
            got += reasons
    assert got == [f"{item.path}/{item.slot}" for start, stop in wanted for item in plan[start:stop]]
    if len(wanted) == len(ranges(len(plan), batch_size)) and longest_task >= max(lengths):
        videos = [path for path in opened if lengths[int(path)] > 1]
        assert len(videos) == len(set(videos)), "a video is decoded once, whatever batches it falls into"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_followed_video_is_seen_from_its_beginning_without_a_gap(data: st.DataObject) -> None:
    """Whatever ranges are wanted: its other pictures are looked at; each wanted one still comes once, in its place."""
    lengths = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=8))
    batch_size = data.draw(st.integers(1, 20))
    stretch = data.draw(st.integers(1, 40))
    plan = [
        Item("", f"{video}/{slot}", is_video=False, slot=slot, frame=slot)
        for video, length in enumerate(lengths)
        for slot in range(length)
    ]
    wanted = [one for one in ranges(len(plan), batch_size) if data.draw(st.booleans())]

    def prepare(items: list[Item], preparation: Preparation, squares: list[np.ndarray | None]) -> list[Failure | None]:
        for before, item in pairwise([None, *items]):
            video = item.path.split("/")[0]
            follows = before is not None and (before.path.split("/")[0], before.slot) == (video, item.slot - 1)
            assert follows or item.slot % stretch == 0
        for item, row in zip(items, squares, strict=True):
            if row is not None:
                row[:] = item.slot
        return [Failure("open", item.path) for item in items]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "prepare", prepare)
        patch.setattr(module, "VIDEO_FRAMES", stretch)
        preparation = replace(SMALL, faces=FaceCrop(ColourFaces()))
        batches = prepared_batches(
            wanted, lambda start, stop: plan[start:stop], preparation, batch_size, 0, longest=max(lengths)
        )
        got = []
        for batch in batches:
            paths = [frame.reason for frame in batch.frames if isinstance(frame, Failure)]
            slots = batch.pixels[: len(paths), 0, 0, 0, 0].tolist()
            assert slots == [int(path.split("/")[1]) for path in paths]
            got += paths
    assert got == [item.path for start, stop in wanted for item in plan[start:stop]]


def test_nothing_is_prepared_far_ahead(grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = []
    original = prepare_module.prepare
    monkeypatch.setattr(
        module, "prepare", lambda items, *rest: prepared.extend(item.path for item in items) or original(items, *rest)
    )
    batches = prepared_batches(ranges(200, 4), pictures(grey), SMALL, 4, 0)
    next(batches)
    assert 4 <= len(prepared) <= 64
    batches.close()


def test_no_batch_at_all(grey: Path) -> None:
    assert list(prepared_batches([], pictures(grey), SMALL, 4, 0)) == []
