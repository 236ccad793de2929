"""A detector for tests: rectangles of pure red, green or blue are faces, on black or on noise; it can be sent."""

from dataclasses import dataclass

import numpy as np

from extract.detector import Faces

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@dataclass(frozen=True)
class ColourFaces:
    """Finds at most one face of each colour; on a frame of pure white it raises."""

    software: str = "numpy"

    def describe(self) -> str:
        return "colours"

    def detect(self, pixels: np.ndarray) -> Faces:
        if pixels.min() == 255:
            raise ValueError("blinded")
        boxes = []
        for colour in COLOURS.values():
            is_face = np.all(np.abs(pixels.astype(int) - colour) < 90, axis=-1)
            if is_face.any():
                rows, columns = np.flatnonzero(is_face.any(axis=1)), np.flatnonzero(is_face.any(axis=0))
                boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        found = np.array(boxes, np.float32).reshape(-1, 4)
        centres = (found[:, :2] + found[:, 2:]) / 2
        return Faces(found, np.repeat(centres[:, None], 5, axis=1), np.full(len(found), 0.9, np.float32))


def frame(height: int = 48, width: int = 64, **faces: tuple[int, int, int]) -> np.ndarray:
    """A grey frame with squares: ``frame(red=(left, top, side))``."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    for name, (left, top, side) in faces.items():
        pixels[top : top + side, left : left + side] = COLOURS[name]
    return pixels
