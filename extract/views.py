"""Views: named perturbations of an upright RGB frame, made before the encoder's preprocessing; and thumbnails."""

import io
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from cache.errors import InputError
from extract.faces import Region
from extract.images import Unreadable

CLEAN = "clean"
BACKGROUND = "background"
GREY = 128
THUMBNAIL_QUALITY = 85
LONGEST_JPEG = 65500  # pixels of a side, by libjpeg

NAME = re.compile(r"(?P<family>[a-z]+)(?:-(?P<number>0|[1-9][0-9]{0,5}))?")  # one spelling for one view


class Family(NamedTuple):
    """Views of one kind.

    Attributes
    ----------
    form : str
        How a view of it is called, the number as a capital letter.
    make : callable
        (pixels, number) to pixels; (pixels) alone where the form has no number.
    numbers : range
        Which numbers there are; empty where the form has none.
    """

    form: str
    make: Callable[..., np.ndarray]
    numbers: range = range(0)


def clean(pixels: np.ndarray) -> np.ndarray:
    """The frame as it is."""
    return pixels


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Compressed to JPEG (libjpeg's quality, colour at half resolution) and decoded again.

    Raises
    ------
    Unreadable
        A side is longer than a JPEG can have.
    """
    if max(pixels.shape) > LONGEST_JPEG:
        raise Unreadable("decode", f"no JPEG view of it: a side is longer than {LONGEST_JPEG} pixels")
    content = _encode(Image.fromarray(pixels), quality)
    return np.asarray(Image.open(io.BytesIO(content), formats=["JPEG"]))


def blur(pixels: np.ndarray, sigma: int) -> np.ndarray:
    """Gaussian blur; ``sigma`` in pixels of the frame, edges continued.

    Pillow's filter: three box blurs of fractional width, whose time does not grow with sigma. On faces it lies within
    .5 grey levels of a true Gaussian in the mean.

    References
    ----------
    P. Gwosdek et al., "Theoretical Foundations of Gaussian Convolution by Extended Box Filtering", SSVM 2011
    """
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def resize(pixels: np.ndarray, side: int) -> np.ndarray:
    """Shrunk, bicubic with antialiasing, until the shorter side is ``side`` pixels, and enlarged to the old size.

    A frame whose shorter side is no longer than that has no more detail to lose, and stays as it is.
    """
    height, width = pixels.shape[:2]
    ratio = side / min(height, width)
    if ratio >= 1:
        return pixels
    small = Image.fromarray(pixels).resize((round(width * ratio), round(height * ratio)), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def flip(pixels: np.ndarray) -> np.ndarray:
    """Mirrored left to right."""
    return np.ascontiguousarray(pixels[:, ::-1])


VIEWS: dict[str, Family] = {
    CLEAN: Family(CLEAN, clean),
    "jpeg": Family("jpeg-Q", jpeg, range(1, 101)),
    "blur": Family("blur-S", blur, range(1, 65)),
    "resize": Family("resize-N", resize, range(8, 4097)),
    "flip": Family("flip", flip),
}


def background(pixels: np.ndarray, face: Region) -> np.ndarray:
    """What a face crop leaves away: the whole frame, the square that is cut out painted over.

    It is filled with the mean colour of the rest, so that nothing of the face is left; with grey where the square is
    the whole frame.
    """
    rest = np.ones(pixels.shape[:2], bool)
    rest[face] = False
    seen = pixels.copy()
    seen[face] = np.rint(pixels[rest].mean(axis=0)) if rest.any() else GREY
    return seen


def make_view(name: str, pixels: np.ndarray, face: Region | None) -> np.ndarray:
    """A view of a frame; of a cropped one what is seen of its face, or, by "background", of the rest.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
    face : (slice, slice) or None
        Rows and columns that are cut out, where the frame is cropped.
    """
    if name == BACKGROUND and face is not None:
        return background(pixels, face)
    return parse_view(name)(pixels if face is None else pixels[face])


def parse_view(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function that a view's name stands for: frame to frame, both uint8, shape (H, W, 3), of the same size.

    Raises
    ------
    InputError
        An unknown name, a number out of range, or "background", which needs the place of a face (`make_view`).

    Examples
    --------
    >>> parse_view("flip")(np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8))[0, :, 0].tolist()
    [2, 1]
    >>> parse_view("jpeg-050")
    Traceback (most recent call last):
    ...
    cache.errors.InputError: unknown view 'jpeg-050'; known: clean, jpeg-Q (Q 1-100), blur-S (S 1-64), \
resize-N (N 8-4096), flip, background
    """
    if name == BACKGROUND:
        raise InputError("the view 'background' is what a face crop leaves away: add --crop face, or leave it out")
    match = NAME.fullmatch(name)
    family = VIEWS.get(match["family"]) if match else None
    if match is None or family is None or (match["number"] is None) == bool(family.numbers):
        known = [*map(_describe, VIEWS.values()), BACKGROUND]
        raise InputError(f"unknown view {name!r}; known: {', '.join(known)}")
    if match["number"] is None:
        return family.make
    number = int(match["number"])
    if number not in family.numbers:
        raise InputError(f"view {name!r}: {number} is out of range; known: {_describe(family)}")
    make = family.make
    return lambda pixels: make(pixels, number)


def parse_views(names: str, has_faces: bool = False) -> tuple[str, ...]:
    """Names of views from a list with commas, as typed.

    Parameters
    ----------
    has_faces : bool
        Whether a face is known of every frame, as "background" needs it.

    Raises
    ------
    InputError
        As `parse_view`; or no name, or one that stands there twice.

    Examples
    --------
    >>> parse_views("clean, jpeg-50,flip")
    ('clean', 'jpeg-50', 'flip')
    """
    found = tuple(name.strip() for name in names.split(","))
    for name in found:
        if name != BACKGROUND or not has_faces:
            parse_view(name)
    if repeated := sorted({name for name in found if found.count(name) > 1}):
        raise InputError(f"the view {repeated[0]!r} is named twice; each becomes one feature space")
    return found


def thumbnail(pixels: np.ndarray, side: int) -> bytes:
    """A frame as a small JPEG.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
    side : int
        Longer side of the thumbnail, in pixels; a smaller frame is not enlarged.
    """
    image = Image.fromarray(pixels)
    ratio = side / max(image.size)
    if ratio < 1:
        width, height = (max(1, round(length * ratio)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return _encode(image, THUMBNAIL_QUALITY)


def _encode(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def _describe(family: Family) -> str:
    if not family.numbers:
        return family.form
    return f"{family.form} ({family.form[-1]} {family.numbers[0]}-{family.numbers[-1]})"
