"""Pixels -> the faces in them, each with a box, five landmarks and a score: OpenCV's YuNet."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from cache.errors import InputError

# Of the longer side of the picture that is looked at, in pixels, until a face is found. The network knows faces of
# about 10 to 300 pixels: 320 finds nearly all at a quarter of the time of 640, which finds small ones, 160 large ones.
LONG_SIDES = (320, 640, 160)
LEAST_SCORE = 0.7  # at .6 it takes hands and folds for faces
SAME_FACE = 0.3  # overlap (IoU) from which two boxes are of one face


class Faces(NamedTuple):
    """Faces of one picture, the surest first.

    Attributes
    ----------
    boxes : ndarray of float32, shape (k, 4)
        Left, top, right, bottom, in pixels of the picture; may reach beyond it.
    landmarks : ndarray of float32, shape (k, 5, 2)
        x and y of the person's right eye, left eye, nose tip, right and left corner of the mouth, in pixels.
    scores : ndarray of float32, shape (k,)
        From 0 to 1.
    """

    boxes: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray


class Detector(Protocol):
    """What finds faces; it is sent to other processes, and must not remember the pictures before."""

    @property
    def software(self) -> str:
        """The library that runs it, with its version."""

    def describe(self) -> str:
        """All that changes a box, but for versions of libraries, in one line, for the provenance."""

    def detect(self, pixels: np.ndarray) -> Faces:
        """Faces of a uint8 RGB picture, shape (H, W, 3)."""


@dataclass(frozen=True)
class YuNet:
    """OpenCV's face detector.

    What it finds in a picture depends neither on the pictures before nor on the number of threads.

    Attributes
    ----------
    model : bytes
        Content of the ONNX file.

    References
    ----------
    W. Wu, H. Peng, S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 2023;
    github.com/opencv/opencv_zoo, models/face_detection_yunet
    """

    model: bytes = field(repr=False)

    @property
    def software(self) -> str:
        """The library that runs it, with its version."""
        import cv2

        return f"OpenCV {cv2.__version__}"

    def describe(self) -> str:
        """Hash of the model and how it is used, for the provenance."""
        sides = ", ".join(map(str, LONG_SIDES))
        return f"YuNet sha256 {hashlib.sha256(self.model).hexdigest()} at {sides} pixels, score >= {LEAST_SCORE}"

    def detect(self, pixels: np.ndarray) -> Faces:
        """Faces of a picture, at the first of `LONG_SIDES` at which there are any; small pictures stay as they are.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (H, W, 3)
            RGB.
        """
        height, width = pixels.shape[:2]
        for side in dict.fromkeys(min(side, max(height, width)) for side in LONG_SIDES):
            faces = self._detect_at(pixels, side)
            if len(faces.scores):
                break
        return faces

    def _detect_at(self, pixels: np.ndarray, side: int) -> Faces:
        import cv2

        height, width = pixels.shape[:2]
        ratio = side / max(height, width)
        size = max(round(width * ratio), 1), max(round(height * ratio), 1)
        if size != (width, height):
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self._network.setInputSize(size)
        found = self._network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
        rows = np.empty((0, 15), np.float32) if found is None else found  # x, y, w, h, 5 landmarks, score
        scale = np.array([width / size[0], height / size[1]], np.float32)
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return Faces(corners * np.tile(scale, 2), rows[:, 4:14].reshape(-1, 5, 2) * scale, rows[:, 14].copy())

    @cached_property
    def _network(self) -> Any:
        """Loaded once in each process."""
        import cv2

        cv2.setNumThreads(1)  # many of these run side by side
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns of options that nobody set
        try:
            content, none = np.frombuffer(self.model, np.uint8), np.empty(0, np.uint8)
            return cv2.FaceDetectorYN.create("onnx", content, none, (320, 320), LEAST_SCORE, SAME_FACE)
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __getstate__(self) -> dict[str, bytes]:
        return {"model": self.model}  # without the network, which cannot be sent


def load_yunet(path: Path) -> YuNet:
    """The detector of a model file, tried out.

    Raises
    ------
    InputError
        There is no such file, or OpenCV cannot use it.
    """
    import cv2

    try:
        detector = YuNet(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the face model {path}: {error.strerror or error}") from error
    try:
        detector.detect(np.zeros((64, 64, 3), np.uint8))
    except cv2.error as error:
        raise InputError(
            f"{path} is no YuNet face detector that {detector.software} can use; known to work: "
            f"face_detection_yunet_2023mar.onnx of github.com/opencv/opencv_zoo"
        ) from error
    return detector
