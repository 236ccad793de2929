"""Frames -> the encoder's square, a batch at a time; runs in worker processes, without torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from PIL import Image

from extract.images import Frame, FrameInfo, Unreadable, read_image
from extract.layouts.base import file_path
from extract.video import Sampling, iterate_slots

VERSION = 1  # of `square`: to be raised with any change to a pixel that comes out

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Preprocessing:
    """How an encoder wants its pictures: open_clip's preprocessing configuration.

    Attributes
    ----------
    size : tuple of int
        (height, width) in pixels.
    resize_mode : {"shortest", "longest", "squash"}
        Shorter side to size and centre crop; longer side to size and padding; both sides to size.
    interpolation : {"bicubic", "bilinear"}
    mean, std : tuple of float
        Of each channel, for values from 0 to 1.
    fill_color : int
        Of the padding, 0 to 255.
    """

    size: tuple[int, int]
    resize_mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill_color: int

    def describe(self) -> str:
        """All of it and the version of our code, in one line, for the provenance."""
        return (
            f"square {VERSION}: {self.resize_mode} {self.size[0]}x{self.size[1]} {self.interpolation},"
            f" mean {list(self.mean)}, std {list(self.std)}, fill {self.fill_color}"
        )


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


@dataclass
class Prepared:
    """A batch ready for the encoder.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (B, h, w, 3)
        RGB; zeros where there is no frame.
    frames : list of FrameInfo, Failure or None, length B
        None: the video has fewer frames than slots, or the row is padding.
    """

    pixels: np.ndarray
    frames: list[FrameInfo | Failure | None]


def prepare(items: Sequence[Item], preprocessing: Preprocessing, sampling: Sampling, batch_size: int) -> Prepared:
    """Decode and resize a batch; one bad file costs its own rows only.

    Parameters
    ----------
    items : sequence of Item
        At most ``batch_size``; neighbours from one video file are decoded together.
    batch_size : int
        Rows of the result, the last ones padded.
    """
    batch = Prepared(np.zeros((batch_size, *preprocessing.size, 3), np.uint8), [None] * batch_size)
    for _, group in groupby(enumerate(items), key=lambda pair: (pair[1].root, pair[1].path)):
        rows = dict(group)
        for row, result in _decode(rows, sampling):
            batch.frames[row] = _fill(batch.pixels[row], result, preprocessing)
    return batch


def _decode(rows: dict[int, Item], sampling: Sampling) -> Iterator[tuple[int, Frame | Failure]]:
    """Frame or failure of each row of one file; rows behind the end of a video are left out."""
    left = dict(rows)
    first = next(iter(rows.values()))
    path = file_path(first.root, first.path)
    try:
        if first.is_video:
            row_of_slot = {item.slot: row for row, item in rows.items()}
            for slot, frame in iterate_slots(path, sampling, row_of_slot):
                del left[row_of_slot[slot]]
                yield row_of_slot[slot], frame
        else:
            for row, item in rows.items():
                yield row, read_image(path, item.frame)
    except Exception as error:  # whatever a decoder raises costs this file's rows, not the batch
        yield from ((row, _failure(error)) for row in left)


def _fill(row: np.ndarray, result: Frame | Failure, preprocessing: Preprocessing) -> FrameInfo | Failure:
    """Put a frame's square into its row; what is left to know of it."""
    if isinstance(result, Failure):
        return result
    try:
        row[:] = square(result.pixels, preprocessing)
    except Exception as error:  # a picture of an impossible shape costs its row only
        return _failure(error)
    return result.info()


def _failure(error: Exception) -> Failure:
    if isinstance(error, Unreadable):
        return Failure(error.stage, error.reason)
    return Failure("decode", " ".join(f"{type(error).__name__}: {error}".split()))


def square(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resize and crop or pad a picture to the encoder's input, pixel for pixel as open_clip does.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)

    Raises
    ------
    Unreadable
        So long and thin that it would be resized to more than ``Image.MAX_IMAGE_PIXELS``.

    References
    ----------
    open_clip/transform.py, ``image_transform`` with ``is_train=False``: https://github.com/mlfoundations/open_clip
    """
    height, width = _resized(pixels.shape[0], pixels.shape[1], preprocessing)
    if height * width > (Image.MAX_IMAGE_PIXELS or height * width):
        raise Unreadable("decode", f"so long and thin that it would be resized to {width} x {height} pixels")
    # open_clip forgets the interpolation where it resizes the shorter side to a target that is no square
    is_bicubic = preprocessing.resize_mode == "shortest" and preprocessing.size[0] != preprocessing.size[1]
    resample = FILTERS["bicubic" if is_bicubic else preprocessing.interpolation]
    image = Image.fromarray(pixels).resize((width, height), resample)
    if preprocessing.resize_mode == "longest":
        return _pad(np.asarray(image), preprocessing)
    return _crop(np.asarray(image), preprocessing.size)


def _resized(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """(height, width) that a picture is resized to, rounded as open_clip and torchvision do."""
    target_height, target_width = preprocessing.size
    if preprocessing.resize_mode == "squash":
        return target_height, target_width
    if preprocessing.resize_mode == "longest":
        ratio = max(height / target_height, width / target_width)
        return max(1, round(height / ratio)), max(1, round(width / ratio))
    if target_height != target_width:
        ratio = min(height / target_height, width / target_width)
        return round(height / ratio), round(width / ratio)
    if width <= height:
        return int(target_width * height / width), target_width
    return target_height, int(target_height * width / height)


def _crop(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    top, left = (round((have - want) / 2) for have, want in zip(pixels.shape, size, strict=False))
    return pixels[top : top + size[0], left : left + size[1]]


def _pad(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    (height, width), (target_height, target_width) = pixels.shape[:2], preprocessing.size
    top, left = (target_height - height) // 2, (target_width - width) // 2
    padded = np.full((target_height, target_width, 3), preprocessing.fill_color, np.uint8)
    padded[top : top + height, left : left + width] = pixels
    return padded
