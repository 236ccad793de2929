"""Photographic quality: twelve ways in which a whole picture is well or badly taken, for the captions."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]  # uint8, RGB


def to_uint8(image: npt.NDArray[Any]) -> Pixels:
    """Round and clip to uint8."""
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Encode and decode an RGB picture as JPEG."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1].copy()


def blurred(image: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of ``sigma`` pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


def shrunk(image: Pixels, side: int, way: int) -> Pixels:
    """Resample to ``side`` pixels and back up by the interpolation ``way``."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=way)


def sharpened(image: Pixels, amount: float, sigma: float) -> Pixels:
    """Unsharp mask."""
    base = image.astype(np.float32)
    return to_uint8(base + amount * (base - cv2.GaussianBlur(base, (0, 0), sigma)))


def speckled(image: Pixels, rng: np.random.Generator, sigma: float, grain: float) -> Pixels:
    """Add noise: independent in every channel, or grey grain blurred by ``grain`` pixels."""
    shape = image.shape if grain == 0 else (*image.shape[:2], 1)
    noise = rng.standard_normal(shape, dtype=np.float32)
    if grain:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain), dtype=np.float32)[..., None]
        noise /= noise.std()
    return to_uint8(image + noise * sigma)


def toned(image: Pixels, gain: float, offset: float) -> Pixels:
    """Linear tone change."""
    return to_uint8(image * np.float32(gain) + np.float32(offset))


QUALITIES: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "sharp": lambda image, rng: sharpened(image, rng.uniform(0.2, 0.5), 0.8),
    "soft": lambda image, rng: blurred(image, rng.uniform(0.9, 1.3)),
    "blurry": lambda image, rng: blurred(image, rng.uniform(1.7, 3.0)),
    "low resolution": lambda image, rng: shrunk(image, int(rng.integers(42, 72)), cv2.INTER_CUBIC),
    "pixelated": lambda image, rng: shrunk(image, int(rng.integers(32, 52)), cv2.INTER_NEAREST),
    "noisy": lambda image, rng: speckled(image, rng, rng.uniform(10, 22), 0),
    "grainy": lambda image, rng: speckled(image, rng, rng.uniform(8, 16), rng.uniform(0.7, 1.2)),
    "compressed": lambda image, rng: jpeg(image, int(rng.integers(8, 20))),
    "oversharpened": lambda image, rng: sharpened(image, rng.uniform(1.5, 3.0), rng.uniform(1.0, 2.0)),
    "hazy": lambda image, rng: toned(image, rng.uniform(0.45, 0.65), rng.uniform(60, 90)),
    "dark": lambda image, rng: toned(image, rng.uniform(0.35, 0.55), 0),
    "overexposed": lambda image, rng: toned(image, rng.uniform(1.4, 1.8), rng.uniform(0, 20)),
}
