"""A picture file -> upright 8-bit RGB pixels with its fingerprints, or the reason why not."""

import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import simplejpeg
import xxhash
from PIL import ExifTags, Image

from extract.archives import read_file
from extract.faces import Face

# Only these are tried, whatever the suffix says: Pillow's other readers include one that runs an interpreter (EPS).
Image.init()  # registers the readers: which there are depends on how Pillow was built
FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "GIF", "PPM") if name in Image.OPEN)

TURNS = {  # EXIF orientation -> what makes the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What libjpeg warns of where parts of the picture are lost: it, and with it Pillow, fills them with grey.
LOSSES = ("premature end", "bad Huffman code", "bad arithmetic code", "instead of RST")

DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # modes that convert("RGB") clips to white instead of scaling


class Unreadable(Exception):
    """A file cannot become pixels.

    Attributes
    ----------
    stage : {"open", "decode", "face"}
    reason : str
        One line.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(stage, reason)
        self.stage = stage
        self.reason = " ".join(reason.split())

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"


@dataclass
class FrameInfo:
    """What is known of a decoded frame beside its pixels.

    Attributes
    ----------
    index : int
        Number of the frame in its video.
    file_hash : str
        xxh3-128 of the file's bytes.
    pixel_hash : str
        xxh3-128 of shape and bytes of the upright RGB pixels.
    width, height : int
        Of the upright frame, in pixels.
    byte_size : int
        Of the file.
    format : str
        "JPEG", "PNG" ..., or the codec of a video.
    quantization : str
        xxh3-64 of the JPEG quantisation tables, or empty.
    thumbnail : bytes
        A small JPEG of the frame, or of the face, where one was asked for.
    face : Face or None
        The face that it is cropped to, where it is.
    """

    index: int
    file_hash: str
    pixel_hash: str
    width: int
    height: int
    byte_size: int
    format: str
    quantization: str
    thumbnail: bytes = field(default=b"", kw_only=True)
    face: Face | None = field(default=None, kw_only=True)


@dataclass
class Frame(FrameInfo):
    """A decoded frame: ``pixels`` is uint8 RGB, shape (height, width, 3), upright."""

    pixels: np.ndarray

    def info(self) -> FrameInfo:
        """The frame without its pixels."""
        return FrameInfo(**{name: getattr(self, name) for name in FrameInfo.__dataclass_fields__})


def read_image(path: str | Path, index: int = 0) -> Frame:
    """Read and decode a picture, also one inside a tar archive; of an animated one the first frame.

    EXIF orientation is applied. Transparency is dropped and palettes, grey and CMYK are converted as Pillow's
    ``convert("RGB")`` does (open_clip's way), but before resizing; 16-bit grey is scaled to 8 bits. A plain JPEG is
    decoded by simplejpeg: the same pixels in half the time. Where a format has checksums (PNG) or its decoder notices
    that parts are lost (JPEG), a damaged picture is refused, also where Pillow would fill the gap.

    Raises
    ------
    Unreadable
        Missing, empty, truncated, damaged, no picture, of a format not in `FORMATS`, or larger than
        ``Image.MAX_IMAGE_PIXELS``.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise Unreadable("open", error.strerror or str(error)) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that play no part here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = _open(content)
        try:
            pixels = _decode(content, image)
        except Unreadable:
            raise
        except Exception as error:  # decoders fail in many ways: OSError, SyntaxError, struct.error, zlib.error ...
            raise Unreadable("decode", f"truncated or damaged: {_words(error)}") from error
    return Frame(
        index=index,
        file_hash=xxhash.xxh3_128_hexdigest(content),
        pixel_hash=hash_pixels(pixels),
        width=pixels.shape[1],
        height=pixels.shape[0],
        byte_size=len(content),
        format=str(image.format),
        quantization=_hash_tables(getattr(image, "quantization", None)),
        pixels=pixels,
    )


def hash_pixels(pixels: np.ndarray) -> str:
    """xxh3-128 of shape and bytes, as hex.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
    """
    digest = xxhash.xxh3_128(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _open(content: bytes) -> Image.Image:
    if not content:
        raise Unreadable("open", "the file is empty")
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        claimed = str(error).partition(" exceeds")[0]
        raise Unreadable("open", f"larger than {Image.MAX_IMAGE_PIXELS} pixels: {claimed}") from error
    except Image.UnidentifiedImageError as error:
        raise Unreadable("open", f"not a picture of a known format ({', '.join(FORMATS)})") from error
    except Exception as error:  # a damaged header
        raise Unreadable("open", f"truncated or damaged: {_words(error)}") from error


def _decode(content: bytes, image: Image.Image) -> np.ndarray:
    """Upright RGB pixels."""
    pixels = _decode_jpeg(content, image)
    if pixels is None:
        if image.format == "PNG":  # whose checksums Pillow compares only when told to, and then decodes nothing
            _open(content).verify()
        image.load()  # turns a TIFF upright, and forgets its orientation
    turn = TURNS.get(_orientation(image))
    if pixels is not None and turn is None:
        return pixels
    decoded = _to_rgb(image) if pixels is None else Image.fromarray(pixels)
    return np.asarray(decoded if turn is None else decoded.transpose(turn))


def _decode_jpeg(content: bytes, image: Image.Image) -> np.ndarray | None:
    """Pixels of a plain JPEG, bit for bit those of Pillow without its copies; None where Pillow has to do it."""
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    pixels = np.empty((image.height, image.width, 3), np.uint8)  # as the header says: no scan can ask for more
    try:
        decoded = simplejpeg.decode_jpeg(content, "RGB", fastdct=False, fastupsample=False, strict=True, buffer=pixels)
    except ValueError as error:
        if any(loss in str(error) for loss in LOSSES):
            raise Unreadable("decode", f"damaged: {error}") from error
        return None  # Pillow knows what can be borne
    return pixels if decoded.shape == pixels.shape else None


def _orientation(image: Image.Image) -> int:
    if image.format == "JPEG" and not image.info.keys() & {"exif", "xmp"}:  # looking for what is not there takes time
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata turn nothing
        return 1


def _words(error: Exception) -> str:
    """An error in its words, after its kind where that says more than that something failed."""
    is_plain = isinstance(error, (OSError, SyntaxError, ValueError))
    return str(error) if is_plain and str(error) else f"{type(error).__name__}: {error}"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP_GREY:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise Unreadable("decode", f"grey values from {values.min()} to {values.max()}, not 16 bits")
        image = Image.fromarray(np.rint(values / 257).astype(np.uint8))
    if image.mode == "F":
        raise Unreadable("decode", "floating-point grey values, whose range is not known")
    return image.convert("RGB")


def _hash_tables(tables: dict[int, list[int]] | None) -> str:
    if not tables:
        return ""
    return xxhash.xxh3_64_hexdigest(repr([(key, list(tables[key])) for key in sorted(tables)]).encode())
