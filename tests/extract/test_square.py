"""The encoder's square: with Pillow exactly open_clip's, with torch within a step or two of it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from extract.square import FILTERS, RESIZERS, Preprocessing, square

PLAIN = Preprocessing((32, 32), "shortest", "bicubic", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0)
SIZES = [(32, 32), (33, 57), (57, 33), (480, 640), (7, 5), (31, 32), (1, 1), (100, 33), (3, 200)]


def open_clip_square(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """What open_clip's own validation transform gives, back as bytes."""
    from open_clip.transform import image_transform

    transform = image_transform(
        preprocessing.size,
        is_train=False,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        resize_mode=preprocessing.resize_mode,
        interpolation=preprocessing.interpolation,
        fill_color=preprocessing.fill_color,
    )
    return np.rint(transform(Image.fromarray(pixels)).permute(1, 2, 0).numpy() * 255).astype(np.uint8)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("target", [(32, 32), (24, 40), (40, 24)])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", SIZES)
def test_square_is_open_clips(size: tuple[int, int], mode: str, target: tuple[int, int], interpolation: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    preprocessing = Preprocessing(target, mode, interpolation, (0.0,) * 3, (1.0,) * 3, 77)
    ours = square(pixels, preprocessing)
    assert ours.shape == (*target, 3) and ours.dtype == np.uint8
    if mode == "longest" and size == (3, 200):
        assert (ours != 77).any()  # open_clip fails: it rounds the shorter side to nothing
    else:
        assert np.array_equal(ours, open_clip_square(pixels, preprocessing))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(8, 300),
    width=st.integers(8, 300),
    mode=st.sampled_from(["shortest", "longest", "squash"]),
    target=st.tuples(st.integers(8, 60), st.integers(8, 60)),
)
def test_square_is_open_clips_at_any_size(height: int, width: int, mode: str, target: tuple[int, int]) -> None:
    assume(mode != "longest" or 2 * max(height, width) < min(height, width) * min(target))  # open_clip fails beyond
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    preprocessing = Preprocessing(target, mode, "bicubic", (0.0,) * 3, (1.0,) * 3, 0)
    assert np.array_equal(square(pixels, preprocessing), open_clip_square(pixels, preprocessing))


def test_description_holds_every_field() -> None:
    others = [
        {"size": (32, 31)},
        {"resize_mode": "squash"},
        {"interpolation": "bilinear"},
        {"mean": (0.0, 0.0, 0.1)},
        {"std": (1.0, 1.0, 0.9)},
        {"fill_color": 1},
        {"resizer": "torch"},
    ]
    descriptions = {PLAIN.describe(), *(Preprocessing(**{**vars(PLAIN), **other}).describe() for other in others)}
    assert len(descriptions) == 1 + len(others)
    assert not any("\n" in one for one in descriptions)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(60, 80), (300, 200), (500, 333), (1080, 720), (31, 32)])
def test_torch_resizes_as_pillow_within_a_step(size: tuple[int, int], interpolation: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    smooth = RESIZERS["pillow"](noise[::20, ::20], *size, "bicubic")
    for pixels, worst, share in ((noise, 3, 0.05), (smooth, 2, 0.02)):
        expected = RESIZERS["pillow"](pixels, 64, 48, interpolation).astype(int)
        difference = np.abs(RESIZERS["torch"](pixels, 64, 48, interpolation) - expected)
        assert difference.max() <= worst
        assert (difference > 0).mean() < share


def test_torch_may_be_given_pixels_that_cannot_be_written() -> None:
    pixels = np.asarray(Image.new("RGB", (50, 40), (9, 99, 199)))
    assert not pixels.flags.writeable
    with np.testing.suppress_warnings() as caught:
        caught.record(UserWarning)
        assert (RESIZERS["torch"](pixels, 20, 30, "bicubic") == (9, 99, 199)).all()
        assert not caught.log
