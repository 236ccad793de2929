"""One generator of bad, odd and rare media files, each with what must become of it."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, PngImagePlugin

from extract.images import FORMATS

SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif", "PPM": "ppm"}
PICTURE_SUFFIXES = ["jpg", "JPEG", "png", "Png", "webp", "bmp", "tif", "TIFF", "avif", "gif", "ppm"]
VIDEO_SUFFIXES = ["mp4", "MP4", "avi", "mkv", "webm", "mov", "m4v"]
CODECS = {"mp4": "libx264", "mov": "mpeg4", "avi": "mjpeg", "mkv": "libx264", "webm": "libvpx-vp9"}
STORED = {  # EXIF orientation -> how a camera stores the upright picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
UPRIGHT = {**STORED, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}  # the turn that undoes it
MATRICES = {0: (1, 0, 0, 1), 1: (0, -1, 1, 0), 2: (-1, 0, 0, -1), 3: (0, 1, -1, 0)}  # quarter turns -> display matrix


@dataclass(frozen=True)
class Case:
    """A file and what must become of it.

    Attributes
    ----------
    path : Path
    expected : {"ok", "failure", "either", "skipped"}
        Samples; rows in the failures; one of both; left out of the listing with a reason.
    pixels : ndarray of uint8, shape (H, W, 3), optional
        Of the first frame, upright.
    frames : int
        How many samples an "ok" one gives.
    """

    path: Path
    expected: str
    pixels: np.ndarray | None = None
    frames: int = 1


def corruptions(folder: Path, rng: np.random.Generator) -> list[Case]:
    """Write more than 500 files below ``folder``, each in the folder of a class, in one of its own.

    Parameters
    ----------
    folder : Path
        Becomes the root of a data set of class folders.
    """
    makers = (_damaged, _mislabelled, _modes, _turned, _sizes, _bombs, _animations, _names, _links, _videos)
    cases = []
    for maker in makers:
        place = _Places(folder, maker.__name__.strip("_"))
        cases += list(maker(place, rng))
    return cases


class _Places:
    """Paths for one kind of cases, each in a folder of its own, half in either class."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root, self.kind, self.count = root, kind, 0

    def new(self, name: str | bytes) -> Path:
        folder = self.root / ("real", "FaceSwap")[self.count % 2] / f"{self.kind}{self.count:04d}"
        self.count += 1
        folder.mkdir(parents=True)
        return folder / os.fsdecode(name)

    def write(self, name: str | bytes, content: bytes) -> Path:
        path = self.new(name)
        path.write_bytes(content)
        return path


def photo(rng: np.random.Generator, width: int = 61, height: int = 47) -> Image.Image:
    """A smooth picture with some noise, no two sides alike."""
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noise = rng.integers(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}), **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Pixels as stored, by Pillow alone."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _damaged(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Cut, zeroed, overwritten and flipped bytes of every format."""
    kinds = [(kind, {}) for kind in SUFFIX] + [("JPEG", {"progressive": True}), ("JPEG", {"restart_marker_blocks": 1})]
    for kind, options in kinds:
        whole = encoded(photo(rng), kind, **options)
        name, size = f"0.{SUFFIX[kind]}", len(whole)
        for cut in rng.uniform(0, 1, 12):
            yield Case(place.write(name, whole[: int(cut * size)]), "failure" if cut < 0.7 else "either")
        for start in rng.integers(size // 2, size, 8):  # as an interrupted copy leaves it
            yield Case(place.write(name, whole[:start] + bytes(size - start)), "either")
        for start, length in zip(rng.integers(0, size, 8), rng.integers(1, 64, 8), strict=True):
            noise = rng.bytes(min(length, size - start))
            yield Case(place.write(name, whole[:start] + noise + whole[start + len(noise) :]), "either")
        for count in rng.integers(1, 4, 16):
            flipped = bytearray(whole)
            for position in rng.integers(0, size, count):
                flipped[position] ^= 1 << int(rng.integers(8))
            yield Case(place.write(name, bytes(flipped)), "either")
        yield Case(place.write(name, whole + rng.bytes(100)), "ok", decoded(whole))  # something behind the picture
        yield Case(place.write(name, bytes(size)), "failure")


def _mislabelled(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Empty files, texts and the pictures of other formats under each suffix."""
    text = "not a picture, not a video\n" * 20
    for suffix in PICTURE_SUFFIXES + VIDEO_SUFFIXES:
        yield Case(place.write(f"0.{suffix}", b""), "failure")
        yield Case(place.write(f"0.{suffix}", text.encode()), "failure")
        yield Case(place.write(f"0.{suffix}", rng.bytes(3000)), "failure")
    for suffix in PICTURE_SUFFIXES:
        for kind in ("JPEG", "PNG", "WEBP"):
            content = encoded(photo(rng), kind)
            yield Case(place.write(f"0.{suffix}", content), "ok", decoded(content))
    vector = encoded(photo(rng), "EPS")
    yield Case(place.write("0.png", vector), "failure")  # its reader would run an interpreter
    yield Case(place.write("0.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "failure")
    yield Case(place.write("0.jpg", b"<html>404</html>"), "failure")
    for name in ("0.txt", "0.json", "0.png.part", "jpg", "0.", "Thumbs.db"):
        yield Case(place.write(name, text.encode()), "skipped")
    for name in (".DS_Store", "._0.png", ".png"):
        yield Case(place.write(name, encoded(photo(rng), "PNG")), "skipped")


def _modes(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Colour modes that are not 8-bit RGB."""
    image = photo(rng)
    grey, alpha = image.convert("L"), image.copy()
    alpha.putalpha(grey)
    palette = image.quantize(32)
    clear = palette.copy()
    clear.info["transparency"] = 3
    one_bit = grey.convert("1")
    deep = np.asarray(grey, np.uint16) * 257  # exactly the 8-bit values when scaled back
    for kind, mode in (
        ("PNG", grey), ("PNG", alpha), ("PNG", palette), ("PNG", clear), ("PNG", one_bit), ("PNG", image.convert("LA")),
        ("PNG", Image.fromarray(deep)), ("TIFF", Image.fromarray(deep)), ("TIFF", image.convert("CMYK")),
        ("TIFF", grey), ("TIFF", one_bit), ("TIFF", palette), ("TIFF", alpha), ("TIFF", image.convert("YCbCr")),
        ("WEBP", alpha), ("BMP", grey), ("BMP", palette), ("BMP", one_bit), ("GIF", grey), ("PPM", grey),
        ("PPM", one_bit),
    ):  # fmt: skip
        expected = grey if mode.mode.startswith("I;16") else mode
        yield Case(place.write(f"0.{SUFFIX[kind]}", encoded(mode, kind)), "ok", np.asarray(expected.convert("RGB")))
    for mode in ("L", "CMYK"):
        content = encoded(image.convert(mode), "JPEG")
        yield Case(place.write("0.jpg", content), "ok", decoded(content))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield Case(place.write("0.tif", encoded(image, "TIFF", compression=compression)), "ok", np.asarray(image))
    yield Case(place.write("0.png", deep_png(np.asarray(image))), "ok", np.asarray(image))
    yield Case(place.write("0.tif", encoded(Image.fromarray(np.full((9, 9), 0.5, np.float32)), "TIFF")), "failure")
    yield Case(place.write("0.tif", encoded(Image.fromarray(np.full((9, 9), 70_000, np.int32)), "TIFF")), "failure")
    if "AVIF" in FORMATS:
        for suffix in ("avif", "AVIF"):
            content = encoded(image, "AVIF")
            yield Case(place.write(f"0.{suffix}", content), "ok", decoded(content))
            yield Case(place.write(f"0.{suffix}", content[: len(content) // 2]), "failure")


def deep_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits for each of three channels, which Pillow reads and does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in pixels)
    return png(width, height, rows, depth=16)


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of any header and any rows (each behind its filter byte)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(rows), b"IEND")
    framed = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def _turned(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Pictures whose EXIF says how they are to be turned, and some whose EXIF is no good."""
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        for orientation in range(1, 9):
            stored = photo(rng)
            exif = Image.Exif()
            exif[0x0112] = orientation
            content = encoded(stored, kind, exif=exif)
            pixels = Image.fromarray(decoded(encoded(stored, kind)))
            upright = pixels.transpose(UPRIGHT[orientation]) if orientation > 1 else pixels
            yield Case(place.write(f"0.{SUFFIX[kind]}", content), "ok", np.asarray(upright))
    for kind in ("JPEG", "PNG", "WEBP"):
        stored = photo(rng)
        pixels = decoded(encoded(stored, kind))
        for number in (0, 9, 65535):
            exif = Image.Exif()
            exif[0x0112] = number
            yield Case(place.write(f"0.{SUFFIX[kind]}", encoded(stored, kind, exif=exif)), "ok", pixels)
        for rubbish in (b"Exif\0\0", b"Exif\0\0" + rng.bytes(50), b"Exif\0\0II*\0\xff\xff\xff\xff", rng.bytes(20)):
            yield Case(place.write(f"0.{SUFFIX[kind]}", encoded(stored, kind, exif=rubbish)), "ok", pixels)


def _sizes(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Smallest, longest and thinnest."""
    for width, height in ((1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (3000, 2), (2, 3000), (1500, 1500)):
        for kind in ("JPEG", "PNG"):
            content = encoded(photo(rng, width, height), kind)
            yield Case(place.write(f"0.{SUFFIX[kind]}", content), "ok", decoded(content))
    for kind, long in (("JPEG", 60_000), ("PNG", 60_000), ("PNG", 1_000_000)):
        for size in ((long, 1), (1, long)):  # resized to the encoder's height such a one may be too large
            yield Case(place.write(f"0.{SUFFIX[kind]}", encoded(Image.new("RGB", size, "red"), kind)), "either")


def _bombs(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Small files that claim, or are, an enormous picture."""
    rows = bytes(30_001) * 30
    for depth, colour in ((8, 2), (8, 0), (1, 0), (16, 6)):
        yield Case(place.write("0.png", png(30_000, 30_000, rows, depth, colour)), "failure")
    yield Case(place.write("0.png", png(2**31 - 1, 2**31 - 1, rows)), "failure")
    yield Case(place.write("0.png", png(0, 0, b"")), "failure")
    jpeg = bytearray(encoded(photo(rng), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    yield Case(place.write("0.jpg", bytes(jpeg)), "failure")
    gif = bytearray(encoded(photo(rng), "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    yield Case(place.write("0.gif", bytes(gif)), "failure")
    yield Case(place.write("0.ppm", b"P6\n60000 60000\n255\n" + bytes(300)), "failure")
    yield Case(place.write("0.ppm", b"P6\n" + b"9" * 400 + b" 1\n255\n" + bytes(300)), "failure")
    bmp = bytearray(encoded(photo(rng), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    yield Case(place.write("0.bmp", bytes(bmp)), "failure")
    comment = PngImagePlugin.PngInfo()
    comment.add_text("bomb", "0" * 80_000_000, zip=True)
    yield Case(place.write("0.png", encoded(photo(rng), "PNG", pnginfo=comment)), "either")


def _animations(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    for kind, suffix in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("PNG", "apng.png"), ("TIFF", "tif")):
        pictures = [photo(rng).quantize(64) if kind == "GIF" else photo(rng) for _ in range(4)]
        content = encoded(pictures[0], kind, save_all=True, append_images=pictures[1:])
        yield Case(place.write(f"0.{suffix}", content), "ok", np.asarray(pictures[0].convert("RGB")))
        for cut in rng.uniform(0.1, 1, 3):
            yield Case(place.write(f"0.{suffix}", content[: int(cut * len(content))]), "either")


def _names(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """Names of files and of folders that break what is careless with text."""
    names: list[str | bytes] = [
        b"caf\xe9.png", b"\xff\xfe.png", b"\x80 \xe9%20.jpg.png", "100%.png", "%41.png", "%E9.png", "%zz.png", " .png",
        "a b .png", "two\nlines.png", "tab\t.png", "return\r.png", "\x1b[31mred.png", "'quoted\".png", "a\\b.png",
        "комната.png", "写真.png", "e\u0301.png", "\u00e9.png", "\u202egnp.png", "🙂.png", "-rf.png", "$(id).png",
        "*?.png", "a=b,c.png", "#1.png", "a;b|c&d.png", "0" * 251 + ".png", "é" * 125 + ".png", "1e400.png",
        "99999999999999999999.png", "-1.png", "NaN.png", "a.b.c.png", "CON.png",
    ]  # fmt: skip
    for name in names:
        image = photo(rng, 9, 7)
        yield Case(place.write(name, encoded(image, "PNG")), "ok", np.asarray(image))
        stem = name[:-4] or " "
        folder = place.new(stem)
        folder.mkdir()
        image = photo(rng, 9, 7)
        (folder / "0.png").write_bytes(encoded(image, "PNG"))
        yield Case(folder / "0.png", "ok", np.asarray(image))
    both = place.new("%E9.png")  # the name that the other one gets in the table
    image = photo(rng, 9, 7)
    both.write_bytes(encoded(image, "PNG"))
    other = both.with_name(os.fsdecode(b"\xe9.png"))
    other.write_bytes(encoded(photo(rng, 9, 7), "PNG"))
    yield Case(both, "ok", np.asarray(image))
    yield Case(other, "skipped")


def _links(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    """What is no plain file, or leads elsewhere."""
    image = photo(rng)
    target = place.write("0.png", encoded(image, "PNG"))
    yield Case(target, "ok", np.asarray(image))
    linked = place.new("0.png")
    linked.symlink_to(target)
    yield Case(linked, "ok", np.asarray(image))
    for name, leads_to in (("itself.png", "itself.png"), ("broken.png", "nowhere.png"), ("up", ".."), ("here", ".")):
        path = place.new(name)
        path.symlink_to(leads_to)
        yield Case(path, "skipped")
    one, two = place.new("one.png"), place.new("two.png")
    one.symlink_to(two)
    two.symlink_to(one)
    yield Case(one, "skipped")
    yield Case(two, "skipped")
    pipe = place.new("pipe.png")
    os.mkfifo(pipe)  # opening it for reading would wait for ever
    yield Case(pipe, "skipped")
    folder = place.new("folder.png")
    folder.mkdir()
    (folder / "0.png").write_bytes(encoded(image, "PNG"))
    yield Case(folder / "0.png", "ok", np.asarray(image))
    place.new("empty.png").mkdir()
    forbidden = place.write("0.png", encoded(image, "PNG"))
    forbidden.chmod(0)
    yield Case(forbidden, "either")  # the superuser may read it


def _videos(place: _Places, rng: np.random.Generator) -> Iterator[Case]:
    for suffix, codec in CODECS.items():
        whole = film(place.new(f"0.{suffix}"), codec, frames=9)
        yield whole
        content = whole.path.read_bytes()
        yield film(place.new(f"0.{suffix}"), codec, frames=1)
        yield Case(place.write("0.mp4" if suffix != "mp4" else "0.avi", content), "ok", whole.pixels, 9)
        yield Case(place.write(f"0.{suffix.upper()}", content), "ok", whole.pixels, 9)
        yield Case(place.write("0.png", content), "failure")
        for cut in rng.uniform(0.05, 0.98, 6):
            yield Case(place.write(f"0.{suffix}", content[: int(cut * len(content))]), "either")
        for length in rng.integers(1, 200, 8):
            start = int(rng.integers(0, len(content) - length))
            damaged = content[:start] + rng.bytes(length) + content[start + length :]
            yield Case(place.write(f"0.{suffix}", damaged), "either")
        yield Case(place.write(f"0.{suffix}", content[: len(content) // 2] + bytes(len(content) // 2)), "either")
    for name, codec, rate in (("0.mp4", "aac", 44100), ("0.mkv", "pcm_s16le", 8000), ("0.webm", "libopus", 48000)):
        yield Case(sound(place.new(name), codec, rate), "failure")
    for suffix in ("mp4", "mkv"):
        yield film(place.new(f"0.{suffix}"), "libx264", frames=7, times=[0, 40, 50, 400, 410, 420, 2000])
    yield Case(huge_film(place.new("0.avi")), "failure")
    for turns in (1, 2, 3):
        yield turned_film(place.new("0.mp4"), turns)


def film(path: Path, codec: str, frames: int, times: list[int] | None = None) -> Case:
    """A video; ``times`` in milliseconds, else 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.gop_size = 64, 48, 4
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            pixels = np.full((48, 64, 3), 20 * number, np.uint8)
            pixels[:24, :32, 0] = 250  # a red quarter: sides can be told
            frame = av.VideoFrame.from_ndarray(pixels)
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return Case(path, "ok", first, frames)


def turned_film(path: Path, turns: int) -> Case:
    """A video that says by how many quarter turns it is to be turned, as one of a telephone does."""
    whole = film(path, "libx264", frames=4)
    assert whole.pixels is not None
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # version 0: the display matrix lies 40 bytes behind the header
    for cell, value in zip((0, 1, 3, 4), MATRICES[turns], strict=True):
        content[place + 4 * cell : place + 4 * cell + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(content)
    return Case(path, "ok", np.rot90(whole.pixels, turns), 4)


def huge_film(path: Path) -> Path:
    """A video whose every frame claims 60,000 pixels each way."""
    film(path, "mjpeg", frames=3)
    content = bytearray(path.read_bytes())
    place = -1
    while (place := content.find(b"\xff\xc0", place + 1)) > 0:
        content[place + 5 : place + 9] = struct.pack(">HH", 60_000, 60_000)
    path.write_bytes(content)
    return path


def sound(path: Path, codec: str, rate: int) -> Path:
    """A file of sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        wave = av.AudioFrame.from_ndarray(np.zeros((1, rate // 10), np.int16), "s16", "mono")
        wave.rate = rate
        container.mux(stream.encode(wave))
        container.mux(stream.encode())
    return path
