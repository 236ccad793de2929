"""Frames -> the encoder's squares, in each view; runs in worker processes."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from extract.faces import VIDEO_FRAMES, FaceCrop, FaceTrack, Region, face_region, whole_frame
from extract.images import Frame, FrameInfo, Unreadable, read_image
from extract.layouts.base import file_path
from extract.square import Preprocessing, square
from extract.video import Sampling, iterate_slots
from extract.views import make_view, thumbnail

NO_FACE = "no face found"


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
        Number of the sample in its video, a file or a folder of pictures.
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
    """Why a sample could not be prepared: the stage ("open", "decode" or "face") and the reason, one line."""

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
    faces : FaceCrop, optional
        Of each frame a face is cut out, and views and thumbnail are made of that.
    """

    preprocessing: Preprocessing
    sampling: Sampling
    views: tuple[str, ...] = ("clean",)
    thumbnail: int = 0
    faces: FaceCrop | None = None

    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the squares of so many frames: (rows, V, h, w, 3)."""
        return (rows, len(self.views), *self.preprocessing.size, 3)


def prepare(
    items: Sequence[Item], preparation: Preparation, squares: Sequence[np.ndarray | None] | np.ndarray
) -> list[FrameInfo | Failure | None]:
    """Decode and resize frames; one bad file costs its own rows only.

    Parameters
    ----------
    items : sequence of Item
        Neighbours from one video file are decoded together. Where faces are followed, pictures of one video come in
        order, from its first one (or the 512th ...) on, without a gap.
    squares : ndarray of uint8, shape (n, V, h, w, 3), or a sequence of n such rows
        Filled with RGB; zeros where there is no frame. None: the picture is looked at to follow its video's face.

    Returns
    -------
    list of FrameInfo, Failure or None
        One for each item. None: the video has fewer frames than the number that was asked for.
    """
    frames: list[FrameInfo | Failure | None] = [None] * len(items)
    track = FaceTrack(preparation.faces.detector) if preparation.faces else None
    for _, group in groupby(enumerate(items), key=lambda pair: (pair[1].root, pair[1].path)):
        for row, slot, result in _decode(dict(group), preparation.sampling):
            if track and slot % VIDEO_FRAMES == 0:
                track.restart()
            target = None if row is None else squares[row]
            if row is not None and target is not None:
                frames[row] = _fill(target, result, preparation, track)
            elif track and isinstance(result, Frame):
                with contextlib.suppress(Exception):  # told by whoever prepares it
                    track.take(result.pixels)
    for target, frame in zip(squares, frames, strict=True):
        if target is not None and not isinstance(frame, FrameInfo):
            target[:] = 0
    return frames


def _decode(rows: dict[int, Item], sampling: Sampling) -> Iterator[tuple[int | None, int, Frame | Failure]]:
    """Row, slot, and frame or failure, of one file; rows behind the end of a video are left out.

    A video's frames before the first row, and between the rows, have no row.
    """
    left = dict(rows)
    first = next(iter(rows.values()))
    path = file_path(first.root, first.path)
    try:
        if first.is_video:
            row_of_slot = {item.slot: row for row, item in rows.items()}
            # from the same frame on as any other task would, or a run taken up behind a damage would not meet it
            begin = min(row_of_slot) // VIDEO_FRAMES * VIDEO_FRAMES
            for slot, frame in iterate_slots(path, sampling, range(begin, max(row_of_slot) + 1)):
                row = row_of_slot.get(slot)
                if row is not None:
                    del left[row]
                yield row, slot, frame
            if sampling.frames is None:  # each of its frames was counted for the plan
                yield from ((row, rows[row].slot, Failure("decode", FEWER)) for row in left)
        else:
            for row, item in rows.items():
                yield row, item.slot, read_image(path, item.frame)
    except Exception as error:  # whatever a decoder raises costs this file's rows, not the batch
        yield from ((row, item.slot, _failure(error, "decode")) for row, item in left.items())


def _fill(
    row: np.ndarray, result: Frame | Failure, preparation: Preparation, track: FaceTrack | None
) -> FrameInfo | Failure:
    """Put a frame's squares into its row; what is left to know of it."""
    if isinstance(result, Failure):
        return result
    try:
        region = _crop(result, preparation.faces, track)
    except Exception as error:  # whatever a detector raises costs the row only
        return _failure(error, "face")
    try:
        for number, view in enumerate(preparation.views):
            row[number] = square(make_view(view, result.pixels, region), preparation.preprocessing)
        info = result.info()
        if preparation.thumbnail:
            seen = result.pixels if region is None else result.pixels[region]
            info.thumbnail = thumbnail(seen, preparation.thumbnail)
        return info
    except Exception as error:  # a picture of an impossible shape costs its row only
        return _failure(error, "decode")


def _crop(frame: Frame, faces: FaceCrop | None, track: FaceTrack | None) -> Region | None:
    """The region of the face that is cut out of a frame, noted there; None where the whole frame is taken.

    Raises
    ------
    Unreadable
        There is no face, and the whole frame is not wanted.
    """
    if faces is None or track is None:
        return None
    frame.face = track.take(frame.pixels)
    if frame.face is not None:
        return face_region(frame.face.box, frame.height, frame.width)
    if faces.no_face != "full":
        raise Unreadable("face", NO_FACE)
    frame.face = whole_frame(frame.height, frame.width)
    return None


def _failure(error: Exception, stage: str) -> Failure:
    if isinstance(error, Unreadable):
        return Failure(error.stage, error.reason)
    return Failure(stage, " ".join(f"{type(error).__name__}: {error}".split()))
