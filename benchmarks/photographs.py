"""JPEG files such as an extraction meets: drawn, of mixed sizes, or a user's own, as a data set of a wanted size."""

import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("real", "fake")


def draw_photographs(folder: Path, count: int, sides: tuple[int, int] = (256, 1080)) -> list[Path]:
    """Write ``count`` JPEG files whose sides lie between ``sides``, in pixels.

    Noise whose amplitude falls with its frequency, as a photograph's does, so that decoding takes about as long: at
    qualities from 75 to 95 these files have 1 to 3 bits a pixel.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    for path in paths:
        width, height = (int(side) for side in rng.integers(sides[0], sides[1] + 1, 2))
        buffer = io.BytesIO()
        _cloud(rng, width, height).save(buffer, "JPEG", quality=int(rng.integers(75, 96)))
        path.write_bytes(buffer.getvalue())
    return paths


def _cloud(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    canvas = np.full((height, width, 3), 128, np.float32)
    for octave in range(1, 11):
        cells = (max(2, width >> (10 - octave)), max(2, height >> (10 - octave)))
        noise = rng.integers(0, 256, (cells[1], cells[0], 3), np.uint8)
        grown = np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BILINEAR))
        canvas += (grown.astype(np.float32) - 128) * (0.65**octave)
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def data_set(folder: Path, files: Sequence[Path], count: int) -> Path:
    """A folder per class, with ``count`` files in all: ``files`` over and over, linked where the disk allows it."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        source = files[number % len(files)]
        target = folder / CLASSES[number % len(CLASSES)] / f"{number:07d}{source.suffix}"
        try:
            os.link(source, target)
        except OSError:  # another disk
            shutil.copyfile(source, target)
    return folder


def pictures_in(folder: Path) -> list[Path]:
    """The JPEG and PNG files below a folder, sorted."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not found:
        raise SystemExit(f"no .jpg, .jpeg or .png below {folder}")
    return found
