"""Batches through the encoder: several at a time where it takes them, smaller ones where its memory ends."""

import threading

import numpy as np
import pytest

from cache.errors import InterruptedWork
from extract.device import Device


class Small:
    """An encoder with memory for ``room`` frames; the embedding of a frame is its first pixel."""

    def __init__(self, room: int, lanes: int = 1) -> None:
        self.room = room
        self.lanes = lanes
        self.sizes: list[int] = []
        self.together = threading.Barrier(lanes)

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        self.together.wait(timeout=10)
        self.sizes.append(len(pixels))
        if len(pixels) > self.room:
            raise MemoryError("too many")
        return {"embedding": pixels[:, 0, 0].astype(np.float32)}


@pytest.fixture
def pixels() -> np.ndarray:
    """Eight frames in two views, shape (8, 2, 3, 3, 3)."""
    return np.random.default_rng(0).integers(0, 256, (8, 2, 3, 3, 3), np.uint8)


def test_arrays_of_every_view(pixels: np.ndarray) -> None:
    encoder = Small(room=8)
    with Device(encoder, 8) as device:
        views = device.submit(pixels).result()
        assert device.rows == 8
    assert encoder.sizes == [8, 8]
    for view, arrays in enumerate(views):
        assert np.array_equal(arrays["embedding"], pixels[:, view, 0, 0])


@pytest.mark.parametrize(("room", "rows"), [(7, 4), (3, 2), (1, 1)])
def test_batches_are_halved_until_they_fit_and_stay_so(pixels: np.ndarray, room: int, rows: int) -> None:
    encoder = Small(room)
    with Device(encoder, 8) as device:
        views = device.submit(pixels).result()
        assert device.rows == rows
        tried = len(encoder.sizes)
        device.submit(pixels).result()
    assert set(encoder.sizes[tried:]) == {rows}, "what did not fit is not tried again"
    assert np.array_equal(views[1]["embedding"], pixels[:, 1, 0, 0]), "no frame is lost, and none is moved"


def test_memory_for_not_even_one_frame(pixels: np.ndarray) -> None:
    with Device(Small(room=0), 8) as device, pytest.raises(InterruptedWork, match="for a single frame"):
        device.submit(pixels).result()


def test_lanes_work_at_the_same_time(pixels: np.ndarray) -> None:
    with Device(Small(room=8, lanes=2), 8) as device:
        first, second = device.submit(pixels), device.submit(pixels[::-1].copy())
        assert np.array_equal(first.result()[0]["embedding"], second.result()[0]["embedding"][::-1])


def test_an_error_of_the_encoder_comes_with_the_result(pixels: np.ndarray) -> None:
    class Broken(Small):
        def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            raise RuntimeError("device lost")

    with Device(Broken(8), 8) as device, pytest.raises(RuntimeError, match="device lost"):
        device.submit(pixels).result()
