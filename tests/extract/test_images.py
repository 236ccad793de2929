"""Picture files -> upright RGB pixels, or a reason."""

import contextlib
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from PIL import Image, ImageFilter, ImageOps

from extract import images
from extract.images import Unreadable, hash_pixels, read_image


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def save(folder: Path, name: str, image: Image.Image, **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


def test_a_frame_has_its_fingerprints(tmp_path: Path, pixels: np.ndarray) -> None:
    path = save(tmp_path, "a.png", Image.fromarray(pixels))
    frame = read_image(path, index=7)
    assert np.array_equal(frame.pixels, pixels)
    assert (frame.index, frame.width, frame.height, frame.format) == (7, 40, 24, "PNG")
    assert (frame.byte_size, frame.quantization) == (path.stat().st_size, "")
    assert frame.file_hash == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert frame.pixel_hash == hash_pixels(pixels)
    assert not hasattr(frame.info(), "pixels")
    assert frame.info().pixel_hash == frame.pixel_hash


def test_pixel_hash_tells_pixels_and_shapes_apart_and_not_containers(tmp_path: Path, pixels: np.ndarray) -> None:
    png = read_image(save(tmp_path, "a.png", Image.fromarray(pixels)))
    bmp = read_image(save(tmp_path, "a.bmp", Image.fromarray(pixels)))
    assert png.pixel_hash == bmp.pixel_hash
    assert png.file_hash != bmp.file_hash
    assert hash_pixels(pixels) != hash_pixels(pixels.reshape(40, 24, 3))
    assert hash_pixels(pixels) == hash_pixels(np.asfortranarray(pixels))


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.webp", "a.bmp", "a.tif", "a.avif", "a.gif", "a.ppm"])
def test_formats(tmp_path: Path, name: str) -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    frame = read_image(save(tmp_path, name, Image.fromarray(grey)))
    assert frame.pixels.shape == (8, 8, 3)
    assert np.abs(frame.pixels.astype(int) - 128).max() <= 2


def test_quantisation_tells_jpeg_qualities_apart(tmp_path: Path, pixels: np.ndarray) -> None:
    qualities = {"a": 90, "b": 90, "c": 50}
    tables = [
        read_image(
            save(tmp_path, f"{name}.jpg", Image.fromarray(pixels + np.uint8(number)), quality=quality)
        ).quantization
        for number, (name, quality) in enumerate(qualities.items())
    ]
    assert tables[0] == tables[1] != tables[2]
    assert len(tables[0]) == 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, pixels: np.ndarray, orientation: int) -> None:
    upright = Image.fromarray(pixels)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # how a camera stores the upright picture
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    frame = read_image(save(tmp_path, "a.png", stored, exif=exif))
    assert np.array_equal(frame.pixels, pixels)
    assert (frame.width, frame.height) == (40, 24)


def test_deep_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535, 65406, 65407]], np.uint16)
    frame = read_image(save(tmp_path, "a.png", Image.fromarray(values)))
    assert frame.pixels[0, :, 0].tolist() == [0, 1, 128, 255, 254, 255]
    assert (frame.pixels == frame.pixels[..., :1]).all()


def test_other_modes_are_converted_as_pillow_does(tmp_path: Path, pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels)
    alpha = image.copy()
    alpha.putalpha(Image.fromarray(pixels[..., 0]))
    assert np.array_equal(read_image(save(tmp_path, "alpha.png", alpha)).pixels, pixels)  # dropped, not blended
    for name, other in {
        "p.png": image.quantize(16),
        "l.png": image.convert("L"),
        "cmyk.tif": image.convert("CMYK"),
    }.items():
        assert np.array_equal(read_image(save(tmp_path, name, other)).pixels, np.asarray(other.convert("RGB")))


def test_an_animated_picture_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), (value, value, value)) for value in (0, 255)]
    path = save(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_image(path).pixels.max() == 0


def test_unreadable_files_say_stage_and_reason(tmp_path: Path, pixels: np.ndarray) -> None:
    whole = save(tmp_path, "a.jpg", Image.fromarray(pixels.repeat(8, axis=0))).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    vector = io.BytesIO()
    Image.fromarray(pixels).save(vector, "EPS")
    (tmp_path / "vector.png").write_bytes(vector.getvalue())  # never handed to an interpreter
    save(tmp_path, "float.tif", Image.fromarray(pixels[..., 0].astype(np.float32)))
    save(tmp_path, "deep.tif", Image.fromarray(np.full((2, 2), 70_000, np.int32)))
    (tmp_path / "folder.png").mkdir()
    expected = {
        "cut.jpg": ("decode", "truncated"),
        "text.png": ("open", "not a picture"),
        "empty.png": ("open", "empty"),
        "vector.png": ("open", "not a picture"),
        "float.tif": ("decode", "floating-point"),
        "deep.tif": ("decode", "70000"),
        "missing.png": ("open", "No such file"),
        "folder.png": ("open", "directory"),
    }
    for name, (stage, reason) in expected.items():
        with pytest.raises(Unreadable) as error:
            read_image(tmp_path / name)
        assert error.value.stage == stage, name
        assert reason in error.value.reason, name
        assert "\n" not in error.value.reason


@pytest.mark.parametrize("limit", [500, 100])  # above the limit, and above twice the limit: Pillow's two answers
def test_decompression_bombs_are_refused(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    path = save(tmp_path, "a.png", Image.fromarray(pixels))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(Unreadable, match=f"larger than {limit} pixels"):
        read_image(path)


def test_damaged_headers_are_unreadable(tmp_path: Path, pixels: np.ndarray) -> None:
    content = save(tmp_path, "a.png", Image.fromarray(pixels)).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(0, 60, 3):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / "b.png").write_bytes(damaged)
        try:
            outcomes.add(read_image(tmp_path / "b.png").format)
        except Unreadable as error:  # and no other exception
            outcomes.add(error.stage)
    assert {"open", "decode"} <= outcomes


def by_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def is_fast(path: Path) -> bool:
    return images._decode_jpeg(path.read_bytes(), Image.open(path)) is not None


JPEGS: dict[str, dict[str, Any]] = {
    **{f"subsampling {kind}": {"subsampling": kind} for kind in ("4:4:4", "4:2:2", "4:2:0")},
    "grey": {"mode": "L"},
    "progressive": {"progressive": True},
    "progressive grey": {"mode": "L", "progressive": True},
    "restart markers": {"restart_marker_blocks": 2},
    "stored as RGB (Adobe marker)": {"keep_rgb": True},
    "own Huffman tables": {"optimize": True},
    "plain EXIF": {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"},
    "comment and colour profile": {"comment": b"made by a test", "icc_profile": b"0" * 200},
}


@pytest.mark.parametrize("kind", JPEGS)
def test_plain_jpegs_take_the_fast_path_to_the_pixels_of_pillow(tmp_path: Path, kind: str) -> None:
    options = dict(JPEGS[kind])
    mode = str(options.pop("mode", "RGB"))
    rng = np.random.default_rng(0)
    for (height, width), quality in itertools.product([(64, 64), (63, 65), (17, 301), (1, 1), (2, 3)], (30, 75, 95)):
        noise = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        image = noise.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2))).convert(mode)
        path = save(tmp_path, "a.jpg", image, quality=quality, **options)
        assert is_fast(path)
        assert np.array_equal(read_image(path).pixels, by_pillow(path)), (height, width, quality)


def test_other_jpegs_have_the_pixels_of_pillow(tmp_path: Path, pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="8"/></x:xmpmeta>'  # Pillow reads this one as well
    for name, other, options in (
        ("cmyk", image.convert("CMYK"), {}),
        ("exif", image, {"exif": exif}),
        ("xmp", image, {"xmp": xmp}),
    ):
        path = save(tmp_path, f"{name}.jpg", other, **options)
        assert is_fast(path) == (name != "cmyk")
        assert np.array_equal(read_image(path).pixels, by_pillow(path)), name
        assert read_image(path).pixels.shape == ((24, 40, 3) if name == "cmyk" else (40, 24, 3))


def test_a_damaged_jpeg_is_refused_or_has_the_pixels_of_pillow(tmp_path: Path, pixels: np.ndarray) -> None:
    whole = save(tmp_path, "a.jpg", Image.fromarray(pixels)).read_bytes()
    rng = np.random.default_rng(0)
    path, outcomes = tmp_path / "b.jpg", set()
    for number in range(400):
        damaged = bytearray(whole[: rng.integers(2, len(whole))] if number % 2 else whole)
        damaged[rng.integers(2, len(damaged))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            expected = by_pillow(path)
        except Exception:
            outcomes.add("refused")
            with pytest.raises(Unreadable):
                read_image(path)
            continue
        try:
            assert np.array_equal(read_image(path).pixels, expected)
            outcomes.add("fast" if is_fast(path) else "slow")
        except Unreadable as error:  # Pillow fills what is lost with grey
            assert error.reason.startswith("damaged: ")
            outcomes.add("loss")
    assert outcomes == {"refused", "fast", "slow", "loss"}


def test_a_damaged_png_is_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    picture = Image.fromarray(pixels).resize((160, 96), Image.Resampling.BICUBIC)
    whole, path = save(tmp_path, "a.png", picture).read_bytes(), tmp_path / "b.png"
    filled = 0
    for start in np.random.default_rng(0).integers(100, len(whole), 40):
        path.write_bytes(whole[:start] + bytes(len(whole) - start))  # as a copy that broke off leaves it
        with pytest.raises(Unreadable, match="truncated or damaged"):
            read_image(path)
        with contextlib.suppress(OSError, SyntaxError):
            filled += not np.array_equal(by_pillow(path), np.asarray(picture))
    assert filled > 0  # Pillow alone fills the gap


def test_a_header_that_is_not_the_decoders_never_makes_it_write_more(tmp_path: Path, pixels: np.ndarray) -> None:
    small, large = (
        save(tmp_path, f"{size}.jpg", Image.fromarray(pixels).resize((size, size))).read_bytes() for size in (16, 64)
    )
    claimed = Image.open(io.BytesIO(small))
    assert images._decode_jpeg(small, claimed) is not None
    assert images._decode_jpeg(large, claimed) is None


def test_real_jpegs_have_the_pixels_of_pillow(real_data: Path) -> None:
    paths = sorted((real_data / "dfdc_faces").rglob("*.jpg"))[::40]
    assert len(paths) == 100
    for path in paths:
        assert is_fast(path)
        assert read_image(path).pixel_hash == hash_pixels(by_pillow(path)), path
