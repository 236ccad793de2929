"""Views keep shape and type, and each does what its name says."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from cache.errors import InputError
from extract.images import Unreadable
from extract.views import VIEWS, background, make_view, parse_view, parse_views, thumbnail

NAMES = ("clean", "jpeg-1", "jpeg-50", "jpeg-100", "blur-1", "blur-64", "resize-8", "resize-112", "flip")
frames = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda size: arrays(np.uint8, (*size, 3)))


def face(height: int = 120, width: int = 90) -> np.ndarray:
    """Something smooth with an edge, like a photograph."""
    y, x = np.mgrid[:height, :width]
    grey = 120 + 60 * np.sin(x / 9) * np.cos(y / 13) + 50 * (x > width // 2)
    return np.stack([grey, 0.8 * grey, 0.6 * grey], axis=-1).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_every_family_is_tested() -> None:
    assert {name.split("-")[0] for name in NAMES} == set(VIEWS)


@pytest.mark.parametrize("name", NAMES)
@given(pixels=frames)
def test_shape_and_type_are_kept_and_the_frame_is_left_alone(name: str, pixels: np.ndarray) -> None:
    before = pixels.copy()
    seen = parse_view(name)(pixels)
    assert (seen.shape, seen.dtype) == (pixels.shape, np.uint8)
    assert np.array_equal(pixels, before)
    assert np.array_equal(seen, parse_view(name)(pixels))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (3000, 1, 3), (9, 5000, 3)])
def test_thin_frames_survive(name: str, shape: tuple[int, int, int]) -> None:
    assert parse_view(name)(np.full(shape, 200, np.uint8)).shape == shape


@pytest.mark.parametrize("name", NAMES)
@given(grey=st.integers(0, 255))
def test_a_constant_frame_stays_constant(name: str, grey: int) -> None:
    seen = parse_view(name)(np.full((20, 33, 3), grey, np.uint8)).astype(int)
    rounding = 16 if name == "jpeg-1" else 1 if name.startswith("jpeg") else 0
    assert np.abs(seen - grey).max() <= rounding
    assert seen.max() == seen.min()


@given(pixels=frames)
def test_clean_is_the_frame_and_flip_undoes_itself(pixels: np.ndarray) -> None:
    assert np.array_equal(parse_view("clean")(pixels), pixels)
    flip = parse_view("flip")
    assert np.array_equal(flip(pixels)[:, 0], pixels[:, -1])
    assert np.array_equal(flip(flip(pixels)), pixels)


def test_less_quality_more_blur_and_fewer_pixels_are_farther() -> None:
    pixels = face()
    for names in (("jpeg-100", "jpeg-50", "jpeg-10"), ("blur-1", "blur-2", "blur-4"), ("resize-60", "resize-15")):
        distances = [distance(parse_view(name)(pixels), pixels) for name in names]
        assert distances == sorted(distances)
        assert 0 < distances[0] < 0.75 * distances[-1]
    assert distance(parse_view("jpeg-100")(pixels), pixels) < 1


@pytest.mark.parametrize("sigma", [1, 2, 4])
def test_blur_is_gaussian(sigma: int) -> None:
    """Against the definition: weights exp(-d^2 / 2 sigma^2) on rows, then on columns, edges continued."""
    steps = np.arange(-6 * sigma, 6 * sigma + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    noise = np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)
    wanted = noise.astype(float)
    for axis in (0, 1):
        rim = [(6 * sigma, 6 * sigma) if place == axis else (0, 0) for place in range(3)]
        padded = np.pad(wanted, rim, mode="edge")
        wanted = np.apply_along_axis(np.convolve, axis, padded, weights, mode="valid")
    assert distance(parse_view(f"blur-{sigma}")(noise), wanted) < 1
    assert distance(noise, wanted) > 50


def test_jpeg_halves_the_resolution_of_colour() -> None:
    red_and_blue = np.zeros((32, 32, 3), np.uint8)
    red_and_blue[:, ::2, 0] = red_and_blue[:, 1::2, 2] = 255
    seen = parse_view("jpeg-100")(red_and_blue).astype(int)
    assert np.abs(seen[:, ::2] - seen[:, 1::2]).mean() < 0.3 * 170  # the columns differ by 170 in the frame


def test_resize_takes_detail_away_down_to_the_shorter_side() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    for name in ("resize-64", "resize-200"):
        assert np.array_equal(parse_view(name)(noise), noise)
    seen = parse_view("resize-16")(noise)
    by_hand = Image.fromarray(noise).resize((24, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(seen, np.asarray(by_hand.resize((96, 64), Image.Resampling.BICUBIC)))
    assert seen.std() < 0.5 * noise.std()


def test_a_frame_too_long_for_jpeg_is_refused_with_the_reason() -> None:
    with pytest.raises(Unreadable, match="longer than 65500 pixels"):
        parse_view("jpeg-50")(np.zeros((1, 65501, 3), np.uint8))


def test_names_are_listed_as_typed_and_travel_to_workers() -> None:
    names = parse_views(" flip,clean , jpeg-50")
    assert names == ("flip", "clean", "jpeg-50")
    assert pickle.loads(pickle.dumps(names)) == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("", r"unknown view ''; known: clean, jpeg-Q \(Q 1-100\)"),
        ("clean,", "unknown view ''"),
        ("sepia", r"unknown view 'sepia'; known: .*flip"),
        ("Clean", "unknown view 'Clean'"),
        ("jpeg", "unknown view 'jpeg'"),
        ("flip-1", "unknown view 'flip-1'"),
        ("jpeg-050", "unknown view 'jpeg-050'"),
        ("jpeg--5", "unknown view 'jpeg--5'"),
        ("blur-1.5", r"unknown view 'blur-1.5'; .*blur-S \(S 1-64\)"),
        ("jpeg-50\n", None),
        ("jpeg-٥", "unknown view"),
        ("jpeg-0", r"0 is out of range; known: jpeg-Q \(Q 1-100\)"),
        ("jpeg-101", "101 is out of range"),
        ("resize-7", r"known: resize-N \(N 8-4096\)"),
        ("clean,background", "'background' is what a face crop leaves away: add --crop face"),
        ("flip,clean,flip", "'flip' is named twice"),
    ],
)
def test_wrong_names_say_what_is_known(names: str, message: str | None) -> None:
    if message is None:  # white space around a name is no part of it
        assert parse_views(names) == (names.strip(),)
        return
    with pytest.raises(InputError, match=message):
        parse_views(names)


def test_background_is_a_view_where_faces_are_known() -> None:
    assert parse_views("clean,background", has_faces=True) == ("clean", "background")
    with pytest.raises(InputError, match="'background' is named twice"):
        parse_views("background,background", has_faces=True)
    with pytest.raises(InputError, match=r"unknown view 'background-1'; known: .*, flip, background$"):
        parse_views("background-1", has_faces=True)


def test_background_is_the_frame_without_a_trace_of_the_face() -> None:
    pixels, square = face(), (slice(20, 60), slice(30, 70))
    changed = pixels.copy()
    changed[square] = np.random.default_rng(0).integers(0, 256, (40, 40, 3))
    seen = background(pixels, square)
    assert np.array_equal(seen, background(changed, square)), "whatever the face is"
    outside = np.ones(pixels.shape[:2], bool)
    outside[square] = False
    assert np.array_equal(seen[outside], pixels[outside])
    assert (seen[square] == np.rint(pixels[outside].mean(axis=0))).all()
    everything = (slice(0, 120), slice(0, 90))
    assert (background(pixels, everything) == 128).all()


def test_other_views_are_of_the_crop() -> None:
    pixels, square = face(), (slice(20, 60), slice(30, 70))
    assert np.array_equal(make_view("blur-2", pixels, square), parse_view("blur-2")(pixels[square]))
    assert np.array_equal(make_view("flip", pixels, None), parse_view("flip")(pixels))
    assert make_view("background", pixels, square).shape == pixels.shape


@given(pixels=frames, side=st.integers(1, 60))
def test_a_thumbnail_is_a_small_jpeg_never_enlarged(pixels: np.ndarray, side: int) -> None:
    image = Image.open(io.BytesIO(thumbnail(pixels, side)))
    height, width = pixels.shape[:2]
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert max(image.size) == min(side, max(height, width))
    for now, then in zip(image.size, (width, height), strict=True):
        assert abs(now - then * min(1, side / max(height, width))) <= 0.5 or now == 1


def test_a_thumbnail_looks_like_the_frame() -> None:
    pixels = face()
    small = np.asarray(Image.open(io.BytesIO(thumbnail(pixels, 60))))
    assert small.shape == (60, 45, 3)
    assert distance(small, pixels.reshape(60, 2, 45, 2, 3).mean(axis=(1, 3))) < 4
