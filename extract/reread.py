"""Samples of a cache -> the encoder's squares, read from the data set again just as the extraction made them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.reader import Cache
from cache.schema import Provenance
from extract.detector import Detector
from extract.device import Encoder
from extract.faces import Region, choose_face, face_region
from extract.images import Frame, Unreadable, read_image
from extract.layouts.files import VIDEO_SUFFIXES, check_root, file_path
from extract.square import Preprocessing, resized_sides, square
from extract.video import Sampling, read_slots
from extract.views import BACKGROUND, make_view

FURTHEST = 1e-3  # (1 - cosine) that an embedding may lie from the one in the cache: other machines round otherwise
Box = tuple[float, float, float, float]  # left, top, right, bottom
NO_BOX: Box = (np.nan,) * 4


class Reread(NamedTuple):
    """Samples that were read again, and why others were not.

    Attributes
    ----------
    rows : ndarray of int, shape (k,)
        Of the cache, in the order asked for.
    squares : ndarray of uint8, shape (k, h, w, 3)
        What the encoder saw of each.
    boxes : ndarray of float, shape (k, 4)
        Left, top, right, bottom of the face, in pixels of the square and within it; NaN where none is known.
    failed : dict of str
        Of each sample that is left out, by its ``sample_id``, the reason.
    """

    rows: np.ndarray
    squares: np.ndarray
    boxes: np.ndarray
    failed: dict[str, str]


def reread(
    cache: Cache, rows: np.ndarray, encoder: Encoder, *, root: Path | None = None, detector: Detector | None = None
) -> Reread:
    """Read samples of a cache again: the same frame, crop, view and preprocessing, proved by the same embedding.

    Parameters
    ----------
    cache : Cache
    rows : ndarray of int, shape (n,)
    encoder : Encoder
        The one that made the cache.
    root : Path, optional
        Where the data set lies now, in the place of the root that was recorded.
    detector : Detector, optional
        Finds the face where the cache holds no box of it: in whole frames, and in pictures that came cropped.

    Raises
    ------
    InputError
        The root is no folder, the encoder is another one, or not one of the samples could be read as it was.
    """
    if root is not None:
        check_root(root)
    made = cache.provenance()
    _check_encoder(cache.path, made, encoder)
    samples = cache.samples.iloc[rows]
    stored = _cached_boxes(cache, rows, made)
    embedded = cache.array("embedding", rows).astype(np.float64)
    kept, squares, boxes, failed = [], [], [], {}
    for at, frame in _decoded(samples, root):
        sample = samples.iloc[at]
        try:
            if isinstance(frame, Unreadable):
                raise frame
            taken = stored[at]
            region = face_region(taken, frame.height, frame.width) if taken else None
            pixels = square(make_view(made.view, frame.pixels, region), encoder.preprocessing)
            _check_same(frame, sample, pixels, embedded[at], encoder)
        except Unreadable as error:
            failed[sample["sample_id"]] = str(error)
            continue
        box = taken or _detected(frame, detector)
        kept.append(at)
        squares.append(pixels)
        boxes.append(box_in_square(box, region, frame, encoder.preprocessing, made.view) if box else NO_BOX)
    if not kept:
        sample, reason = next(iter(failed.items()))
        raise InputError(
            f"none of the {len(failed)} samples can be read as it was; {sample}: {reason}. Where the data set lies "
            "elsewhere now, name its folder: --root DIR"
        )
    return Reread(np.asarray(rows)[kept], np.stack(squares), np.array(boxes, float).reshape(-1, 4), failed)


def box_in_square(box: Box, region: Region | None, frame: Frame, preprocessing: Preprocessing, view: str) -> Box:
    """A box of a frame in pixels of the square that is made of it; NaN where nothing of it is left.

    Parameters
    ----------
    box : tuple of float
        In pixels of the frame.
    region : (slice, slice) or None
        What is cut out of the frame; the view "background" shows the whole frame nevertheless.
    """
    top, left, height, width = 0, 0, frame.height, frame.width
    if region is not None and view != BACKGROUND:
        top, left = region[0].start, region[1].start
        height, width = region[0].stop - top, region[1].stop - left
    seen = np.clip(np.array(box, float) - (left, top, left, top), 0, (width, height, width, height))
    if view == "flip":
        seen[[0, 2]] = width - seen[[2, 0]]
    resized = np.array(resized_sides(height, width, preprocessing)[::-1], float)  # x, y
    size = np.array(preprocessing.size[::-1], float)
    margin = (resized - size) / 2  # what is cut away on each side; below 0 where it is padded
    placed = seen * np.tile(resized / (width, height), 2) - np.tile(margin, 2)
    within = np.clip(placed, 0, np.tile(size, 2))
    x0, y0, x1, y1 = within.tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else NO_BOX


def _check_encoder(path: Path, made: Provenance, encoder: Encoder) -> None:
    here = {"preprocessing": encoder.preprocessing.describe()}
    here |= {name: getattr(encoder, name) for name in ("architecture", "weights")}
    for name, found in here.items():
        if found != getattr(made, name):
            raise InputError(
                f"{path} was made by {made.model}: its {name} is {getattr(made, name)!r}, that of "
                f"{encoder.model_name} {found!r}; give the model that made the cache"
            )


def _cached_boxes(cache: Cache, rows: np.ndarray, made: Provenance) -> list[Box | None]:
    """Box of the face that each sample was cropped to; None where the whole frame was taken."""
    if not made.crop.startswith("face "):
        return [None] * len(rows)
    boxes, counts = cache.array("face/box", rows).tolist(), cache.array("face/count", rows)
    return [tuple(box) if count else None for box, count in zip(boxes, counts, strict=True)]


def _decoded(samples: pd.DataFrame, root: Path | None) -> Iterator[tuple[int, Frame | Unreadable]]:
    """Place in the table, and the frame or the reason why there is none; frames of one video are decoded together."""
    files = samples.reset_index(drop=True).groupby(["root", "path"], sort=False)
    for (recorded, name), of_file in files:
        path = file_path(str(root or recorded), str(name))
        frames = of_file["frame"]
        try:
            if path.suffix.lower() in VIDEO_SUFFIXES:
                found = read_slots(path, Sampling(), sorted(set(frames)))  # of every frame: a slot is its number
            else:
                found = {number: read_image(path, number) for number in frames}
        except Unreadable as error:
            yield from ((at, Unreadable(error.stage, f"{path}: {error.reason}")) for at in of_file.index)
            continue
        gone = Unreadable("decode", f"{path}: the video has no such frame any more")
        yield from ((at, found.get(number, gone)) for at, number in frames.items())


def _check_same(frame: Frame, sample: pd.Series, pixels: np.ndarray, embedded: np.ndarray, encoder: Encoder) -> None:
    """Refuse a sample whose embedding is not the one in the cache any more."""
    now = encoder.embed_images(pixels[None])["embedding"][0].astype(np.float64)
    cosine = now @ embedded / (np.linalg.norm(now) * np.linalg.norm(embedded))
    if not 1 - cosine < FURTHEST:
        why = "it was cropped or prepared otherwise"
        if frame.file_hash != sample["file_hash"]:
            why = "the file is another one than was extracted"
        elif frame.pixel_hash != sample["pixel_hash"]:
            why = "it decodes to other pixels here"
        raise Unreadable("embed", f"its embedding is not that of the cache (1 - cosine {1 - cosine:.2g}): {why}")


def _detected(frame: Frame, detector: Detector | None) -> Box | None:
    """Box of the largest face of a frame."""
    faces = detector.detect(frame.pixels) if detector else None
    if faces is None or not len(faces.boxes):
        return None
    left, top, right, bottom = faces.boxes[choose_face(faces.boxes, None)].tolist()
    return left, top, right, bottom
