"""Picture files -> upright RGB pixels, or a reason."""

import io
from pathlib import Path

import numpy as np
import pytest
import xxhash
from PIL import Image

from extract.images import Unreadable, hash_pixels, read_image


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def save(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
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
