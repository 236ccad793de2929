"""Which face of a frame is taken, and what is cut out around it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from extract.detector import Detector

VERSION = 1  # of what is done with a detector's boxes: to be raised with any change to a crop
VIDEO_FRAMES = 512  # of a video, decoded by one process: a face is followed through so many, then chosen anew
OVERLAP = 0.3  # (IoU) with the face before, from which a face is taken for the same one
MARGIN = 1.3  # side of the crop by the longer side of the box: the field's

NO_FACE_POLICIES = {
    "skip": "a frame without a face is left out, counted and listed",
    "full": "a frame without a face is taken whole",
    "fail": "a frame without a face ends the work",
}

Region = tuple[slice, slice]  # rows and columns of a frame


class Face(NamedTuple):
    """The face that was taken of a frame.

    Attributes
    ----------
    box : tuple of float
        Left, top, right, bottom, in pixels of the upright frame, without margin; may reach beyond the frame.
    landmarks : tuple of (float, float)
        x and y of the person's right eye, left eye, nose tip, right and left corner of the mouth, in pixels.
    score : float
        The detector's, from 0 to 1.
    found : int
        How many faces the frame has.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    found: int


@dataclass(frozen=True)
class FaceCrop:
    """How frames are cropped to a face.

    Attributes
    ----------
    detector : Detector
    no_face : str
        A name of `NO_FACE_POLICIES`.
    """

    detector: Detector
    no_face: str = "skip"

    def describe(self) -> str:
        """All that changes a crop, in one line, for the provenance.

        What becomes of frames without a face stands there only where they become rows: "skip" and "fail" give the
        same ones.
        """
        followed = f"the largest, followed by IoU >= {OVERLAP} through {VIDEO_FRAMES} frames of a video"
        whole = "; where there is none, the whole frame" if self.no_face == "full" else ""
        cut = f"square of {MARGIN} times its longer side, moved inside the frame"
        return f"face {VERSION}: {self.detector.describe()}; {followed}; {cut}{whole}"


class FaceTrack:
    """Takes one face of each frame of a video, in order: the one that was taken before, the largest at first.

    The face that overlaps most with the one taken of the frame before counts as the same; where none overlaps enough,
    the largest is taken. So a choice depends on the frames before it alone, and only on those from the last
    `restart` on.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._last: np.ndarray | None = None

    def restart(self) -> None:
        """Forget the frames before."""
        self._last = None

    def take(self, pixels: np.ndarray) -> Face | None:
        """The face of the next frame; None where it has none.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (H, W, 3)
            RGB.
        """
        faces = self._detector.detect(pixels)
        if not len(faces.boxes):
            return None
        chosen = choose_face(faces.boxes, self._last)
        self._last = faces.boxes[chosen]
        left, top, right, bottom = faces.boxes[chosen].tolist()
        landmarks = tuple((x, y) for x, y in faces.landmarks[chosen].tolist())
        return Face((left, top, right, bottom), landmarks, float(faces.scores[chosen]), len(faces.boxes))


def choose_face(boxes: np.ndarray, last: np.ndarray | None) -> int:
    """Number of the face to take.

    Parameters
    ----------
    boxes : ndarray, shape (k, 4)
        Left, top, right, bottom; k >= 1.
    last : ndarray, shape (4,), or None
        Box that was taken of the frame before.

    References
    ----------
    A. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016: the least overlap

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [50, 0, 70, 20]])
    >>> choose_face(boxes, None), choose_face(boxes, np.array([1, 0, 11, 10]))
    (1, 0)
    """
    if last is not None:
        overlaps = overlap(boxes, last)
        if overlaps.max() >= OVERLAP:
            return int(overlaps.argmax())
    return int(_areas(boxes).argmax())


def overlap(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of each of some boxes, shape (k, 4), with another one, shape (4,)."""
    corners = [np.maximum(boxes[:, :2], other[:2]), np.minimum(boxes[:, 2:], other[2:])]
    shared = _areas(np.concatenate(corners, axis=1))
    return shared / np.maximum(_areas(boxes) + _areas(other[None]) - shared, 1e-9)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)


def face_region(box: tuple[float, float, float, float], height: int, width: int) -> Region:
    """Square around a face within a frame: no pixel of it is invented, and none is stretched.

    It has `MARGIN` times the longer side of the box, and its centre; where it would reach beyond the frame it is moved
    inside, and it is never larger than the frame's shorter side.

    Examples
    --------
    >>> face_region((40, 40, 50, 60), 100, 200), face_region((-5, 90, 15, 110), 100, 200)
    ((slice(37, 63, None), slice(32, 58, None)), (slice(74, 100, None), slice(0, 26, None)))
    """
    left, top, right, bottom = box
    side = min(max(round(MARGIN * max(right - left, bottom - top)), 1), height, width)
    x, y = (
        min(max(round((low + high - side) / 2), 0), length - side)
        for low, high, length in ((left, right, width), (top, bottom, height))
    )
    return slice(y, y + side), slice(x, x + side)


def whole_frame(height: int, width: int) -> Face:
    """What stands in place of a face where a frame without one is taken whole: score and number 0, no landmarks."""
    return Face((0.0, 0.0, float(width), float(height)), ((float("nan"), float("nan")),) * 5, 0.0, 0)
