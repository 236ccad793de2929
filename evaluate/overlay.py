"""A map of what a score hangs on, laid over the picture: red speaks for fake, blue for real."""

import base64
import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw

SIDE = 224  # pixels of the longer side
COLOURS = "RdBu_r"  # readers who cannot tell red from green can tell its ends apart
OPAQUE = 0.8  # of the strongest part of a map
FRAME = ((0, 0, 0), (255, 255, 255))  # around the face, outer and inner line: seen on any ground
QUALITY = 80


def overlay(square: np.ndarray, values: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """A picture in grey under a map in colours, the face box around its face.

    Parameters
    ----------
    square : ndarray of uint8, shape (h, w, 3)
    values : ndarray, shape (g, g)
        Colours are scaled to the largest absolute value.
    box : sequence of float
        Left, top, right, bottom in pixels of the square; NaN: none is drawn.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The longer side has 224 pixels.
    """
    seen = _enlarged(square)
    grey = np.asarray(seen.convert("L"), float)[..., None]
    strength = values / (np.abs(values).max() or 1.0)
    smooth = np.asarray(Image.fromarray(strength.astype(np.float32)).resize(seen.size, Image.Resampling.BICUBIC))
    smooth = np.clip(smooth, -1, 1)
    colours = 255 * mpl.colormaps[COLOURS]((smooth + 1) / 2)[..., :3]
    weight = OPAQUE * np.abs(smooth)[..., None]
    return _framed(np.rint(weight * colours + (1 - weight) * grey).astype(np.uint8), box, square.shape)


def picture(square: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """A picture as large as `overlay` makes it, the face box around its face."""
    return _framed(np.asarray(_enlarged(square)), box, square.shape)


def png(pixels: np.ndarray) -> bytes:
    """Pixels as PNG."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def data_uri(pixels: np.ndarray) -> str:
    """Pixels as a JPEG that a page can hold."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"


def _enlarged(square: np.ndarray) -> Image.Image:
    height, width = square.shape[:2]
    ratio = SIDE / max(height, width)
    return Image.fromarray(square).resize((round(width * ratio), round(height * ratio)), Image.Resampling.BICUBIC)


def _framed(pixels: np.ndarray, box: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    if np.isnan(box).any():
        return pixels
    image = Image.fromarray(pixels)
    scale = np.tile([image.width / shape[1], image.height / shape[0]], 2)
    ends = np.array([image.width, image.height, image.width, image.height]) - 1
    corners = np.clip(np.rint(np.array(box) * scale), 0, ends)
    draw = ImageDraw.Draw(image)
    for inset, colour in enumerate(FRAME):
        draw.rectangle((corners + np.array([1, 1, -1, -1]) * inset).tolist(), outline=colour)
    return np.asarray(image)
