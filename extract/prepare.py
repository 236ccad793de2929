"""Frames -> the encoder's squares, in each view; runs in worker processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from extract.images import Frame, FrameInfo, Unreadable, read_image
from extract.layouts.base import file_path
from extract.square import Preprocessing, square
from extract.video import Sampling, iterate_slots
from extract.views import parse_view, thumbnail

VIDEO_FRAMES = 512  # of a video, decoded together: a video with fewer wanted frames is decoded once


FEWER = "the video gives fewer frames than were counted for the plan"


@dataclass(frozen=True)
class Item:
    """One sample to prepare: a picture, or a slot of a video.

    Attributes
    ----------
    root, path : str
        As a layout gives them.
    is_video : bool
    slot : int
        Number of the sample in its video file.
    frame : int
        Number of the frame of a picture.
    """

    root: str
    path: str
    is_video: bool
    slot: int
    frame: int


@dataclass(frozen=True)
class Failure:
    """Why a sample could not be prepared: the stage ("open" or "decode") and the reason, one line."""

    stage: str
    reason: str


@dataclass(frozen=True)
class Preparation:
    """What becomes of every frame.

    Attributes
    ----------
    preprocessing : Preprocessing
        The encoder's.
    sampling : Sampling
        Which frames of a video.
    views : tuple of str
        Names as `extract.views.parse_view` takes them; each frame is decoded once for all of them.
    thumbnail : int
        Longer side of a small JPEG of the frame, in pixels; 0: none.
    """

    preprocessing: Preprocessing
    sampling: Sampling
    views: tuple[str, ...] = ("clean",)
    thumbnail: int = 0

    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the squares of so many frames: (rows, V, h, w, 3)."""
        return (rows, len(self.views), *self.preprocessing.size, 3)


def prepare(
    items: Sequence[Item], preparation: Preparation, squares: Sequence[np.ndarray] | np.ndarray
) -> list[FrameInfo | Failure | None]:
    """Decode and resize frames; one bad file costs its own rows only.

    Parameters
    ----------
    items : sequence of Item
        Neighbours from one video file are decoded together.
    squares : ndarray of uint8, shape (n, V, h, w, 3), or a sequence of n such rows
        Filled with RGB; zeros where there is no frame.

    Returns
    -------
    list of FrameInfo, Failure or None
        One for each item. None: the video has fewer frames than the number that was asked for.
    """
    frames: list[FrameInfo | Failure | None] = [None] * len(items)
    for _, group in groupby(enumerate(items), key=lambda pair: (pair[1].root, pair[1].path)):
        rows = dict(group)
        for row, result in _decode(rows, preparation.sampling):
            frames[row] = _fill(squares[row], result, preparation)
    for row, frame in enumerate(frames):
        if not isinstance(frame, FrameInfo):
            squares[row][:] = 0
    return frames


def _decode(rows: dict[int, Item], sampling: Sampling) -> Iterator[tuple[int, Frame | Failure]]:
    """Frame or failure of each row of one file; rows behind the end of a video are left out."""
    left = dict(rows)
    first = next(iter(rows.values()))
    path = file_path(first.root, first.path)
    try:
        if first.is_video:
            row_of_slot = {item.slot: row for row, item in rows.items()}
            # from the same frame on as any other task would, or a run taken up behind a damage would not meet it
            begin = min(row_of_slot) // VIDEO_FRAMES * VIDEO_FRAMES
            for slot, frame in iterate_slots(path, sampling, range(begin, max(row_of_slot) + 1)):
                if slot in row_of_slot:
                    del left[row_of_slot[slot]]
                    yield row_of_slot[slot], frame
            if sampling.frames is None:  # each of its frames was counted for the plan
                yield from ((row, Failure("decode", FEWER)) for row in left)
        else:
            for row, item in rows.items():
                yield row, read_image(path, item.frame)
    except Exception as error:  # whatever a decoder raises costs this file's rows, not the batch
        yield from ((row, _failure(error)) for row in left)


def _fill(row: np.ndarray, result: Frame | Failure, preparation: Preparation) -> FrameInfo | Failure:
    """Put a frame's squares into its row; what is left to know of it."""
    if isinstance(result, Failure):
        return result
    try:
        for number, view in enumerate(preparation.views):
            row[number] = square(parse_view(view)(result.pixels), preparation.preprocessing)
        info = result.info()
        if preparation.thumbnail:
            info.thumbnail = thumbnail(result.pixels, preparation.thumbnail)
        return info
    except Exception as error:  # a picture of an impossible shape costs its row only
        return _failure(error)


def _failure(error: Exception) -> Failure:
    if isinstance(error, Unreadable):
        return Failure(error.stage, error.reason)
    return Failure("decode", " ".join(f"{type(error).__name__}: {error}".split()))
