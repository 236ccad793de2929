"""Frames -> the encoder's square, exactly as open_clip makes it; a bad file costs its own rows only."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from extract import prepare as module
from extract.images import FrameInfo, read_image
from extract.prepare import Failure, Item, Prepared, Preprocessing, prepare, square
from extract.video import Sampling, read_slots

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
    ]
    descriptions = {PLAIN.describe(), *(Preprocessing(**{**vars(PLAIN), **other}).describe() for other in others)}
    assert len(descriptions) == 1 + len(others)
    assert not any("\n" in one for one in descriptions)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """a.png, b.png; cut.png and thin.png cannot be used."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    Image.new("RGB", (60_000, 1)).save(tmp_path / "thin.png")  # 1.9 million pixels wide at 32 high
    return tmp_path


def picture(root: Path, path: str, frame: int = 0) -> Item:
    return Item(str(root), path, is_video=False, slot=0, frame=frame)


def prepare_all(items: list[Item], batch_size: int, sampling: Sampling | None = None) -> Prepared:
    return prepare(items, PLAIN, sampling or Sampling(), batch_size)


def test_one_bad_file_costs_its_own_row(pictures: Path) -> None:
    items = [picture(pictures, name, number) for number, name in enumerate(("a.png", "cut.png", "no.png", "b.png"))]
    batch = prepare_all(items, 6)
    first, cut, missing, last, *padding = batch.frames
    assert isinstance(first, FrameInfo) and isinstance(last, FrameInfo)
    assert (first.index, last.index) == (0, 3)
    assert isinstance(cut, Failure) and cut.stage == "decode"
    assert isinstance(missing, Failure) and missing.stage == "open"
    assert padding == [None, None]
    assert batch.pixels.shape == (6, 32, 32, 3) and batch.pixels.dtype == np.uint8
    assert not batch.pixels[[1, 2, 4, 5]].any()
    assert np.array_equal(batch.pixels[3], square(read_image(pictures / "b.png").pixels, PLAIN))


def test_a_batch_of_bad_files_is_still_a_batch(pictures: Path) -> None:
    batch = prepare_all([picture(pictures, "cut.png")] * 3, 3)
    assert [type(frame) for frame in batch.frames] == [Failure] * 3
    assert prepare_all([], 2).frames == [None, None]


def test_a_long_thin_picture_is_refused_before_it_fills_the_memory(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    (failure,) = prepare_all([picture(pictures, "thin.png")], 1).frames
    assert failure == Failure("decode", "so long and thin that it would be resized to 1920000 x 32 pixels")


def test_whatever_a_decoder_raises_becomes_a_failure(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, index: int) -> None:
        raise MemoryError("no\nroom")

    monkeypatch.setattr(module, "read_image", fail)
    assert prepare_all([picture(pictures, "a.png")], 1).frames == [Failure("decode", "MemoryError: no room")]


def test_slots_of_a_video(make_video: Callable[..., Path], pictures: Path) -> None:
    path = make_video("v.mp4", frames=3)
    items = [
        picture(pictures, "a.png"),
        *(Item(str(path.parent), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in (1, 2, 3)),
        picture(pictures, "b.png"),
    ]
    batch = prepare_all(items, 5, Sampling(frames=4))
    numbers = [frame.index if isinstance(frame, FrameInfo) else frame for frame in batch.frames]
    assert numbers == [0, 1, 2, None, 0]  # the video has no fourth frame
    expected = read_slots(path, Sampling(frames=4), [2])[2]
    assert batch.frames[2] == expected.info()
    assert np.array_equal(batch.pixels[2], square(expected.pixels, PLAIN))
    assert not batch.pixels[3].any()


def test_a_video_is_decoded_once_for_its_slots(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("v.mp4", frames=9)
    opened = []
    original = module.iterate_slots
    monkeypatch.setattr(module, "iterate_slots", lambda *given: opened.append(given[0]) or original(*given))
    items = [Item(str(path.parent), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in range(9)]
    batch = prepare_all(items, 9)
    assert [frame.index for frame in batch.frames if isinstance(frame, FrameInfo)] == list(range(9))
    assert opened == [path]


def test_an_unreadable_video_fails_in_all_its_rows(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video")
    items = [Item(str(tmp_path), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in range(3)]
    frames = prepare_all(items, 3, Sampling(frames=3)).frames
    assert len(set(frames)) == 1 and isinstance(frames[0], Failure) and frames[0].stage == "open"


def test_percent_encoded_names_are_found(pictures: Path) -> None:
    os.rename(pictures / "a.png", os.fsencode(pictures) + b"/\xe9.png")
    (frame,) = prepare_all([picture(pictures, "%E9.png")], 1).frames
    assert isinstance(frame, FrameInfo)


def test_workers_need_no_torch() -> None:
    code = "import sys, extract.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_real_crops(real_data: Path) -> None:
    root = real_data / "ffpp_crops"
    items = [picture(root, f"{name}/000.png") for name in ("real/000", "DF/000_003", "FS/000_003")]
    batch = prepare_all(items, 3)
    assert [(frame.width, frame.height, frame.format) for frame in batch.frames] == [(256, 256, "PNG")] * 3
    assert len({frame.pixel_hash for frame in batch.frames}) == 3
