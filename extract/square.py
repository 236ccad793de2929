"""Decoded pixels -> the square that an encoder wants, as open_clip's own preprocessing makes it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from extract.images import Unreadable

VERSION = 2  # of `square`: to be raised with any change to a pixel that comes out

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
    resizer : {"pillow", "torch"}
        Who resizes: Pillow, bit for bit as in open_clip; or torch, 4 to 7 times faster, with about 0.5 % of the
        values off by one or two of 255 (embeddings then differ from open_clip's by 1 - cosine <= 1e-6).
    """

    size: tuple[int, int]
    resize_mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill_color: int
    resizer: str = "pillow"

    def describe(self) -> str:
        """All of it and the version of our code, in one line, for the provenance."""
        resized = f"{self.resize_mode} {self.size[0]}x{self.size[1]} {self.interpolation} by {self.resizer}"
        colours = f"mean {list(self.mean)}, std {list(self.std)}, fill {self.fill_color}"
        return f"square {VERSION}: {resized}, {colours}"


def square(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resize and cut (or pad) a picture to the encoder's size.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        With the resizer "pillow" the values that open_clip's ``image_transform`` gives before it scales to floats.

    Raises
    ------
    Unreadable
        The picture is so long and thin that it would become too large.

    References
    ----------
    open_clip 3.3.0, ``open_clip/transform.py``: image_transform, ResizeKeepRatio, center_crop_or_pad
    """
    height, width = resized_sides(pixels.shape[0], pixels.shape[1], preprocessing)
    if height * width > (Image.MAX_IMAGE_PIXELS or height * width):
        raise Unreadable("decode", f"so long and thin that it would be resized to {width} x {height} pixels")
    # open_clip forgets the interpolation where it resizes the shorter side to a target that is no square
    is_bicubic = preprocessing.resize_mode == "shortest" and preprocessing.size[0] != preprocessing.size[1]
    interpolation = "bicubic" if is_bicubic else preprocessing.interpolation
    if (height, width) != pixels.shape[:2]:
        pixels = RESIZERS[preprocessing.resizer](pixels, height, width, interpolation)
    return _pad(pixels, preprocessing) if preprocessing.resize_mode == "longest" else _crop(pixels, preprocessing.size)


def resize_by_pillow(pixels: np.ndarray, height: int, width: int, interpolation: str) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (height, width, 3), antialiased."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), FILTERS[interpolation]))


def resize_by_torch(pixels: np.ndarray, height: int, width: int, interpolation: str) -> np.ndarray:
    """The same by torch's vectorised kernel for bytes."""
    import torch

    batch = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).permute(2, 0, 1).unsqueeze(0)
    resized = torch.nn.functional.interpolate(batch, (height, width), mode=interpolation, antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


RESIZERS = {"pillow": resize_by_pillow, "torch": resize_by_torch}


def resized_sides(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
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
