"""Frames -> the encoder's squares; a bad file costs its own rows only."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extract import prepare as module
from extract.images import FrameInfo, read_image
from extract.prepare import Failure, Item, Preparation, prepare
from extract.square import Preprocessing, square
from extract.video import Sampling, read_slots
from extract.workers import Frames

PLAIN = Preprocessing((32, 32), "shortest", "bicubic", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0)


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


def prepare_all(items: list[Item], sampling: Sampling | None = None) -> tuple[Frames, np.ndarray]:
    """What is known of the frames, and their squares (n, h, w, 3)."""
    squares = np.full((len(items), 1, 32, 32, 3), 99, np.uint8)
    return prepare(items, Preparation(PLAIN, sampling or Sampling()), squares), squares[:, 0]


def test_one_bad_file_costs_its_own_row(pictures: Path) -> None:
    items = [picture(pictures, name, number) for number, name in enumerate(("a.png", "cut.png", "no.png", "b.png"))]
    (first, cut, missing, last), pixels = prepare_all(items)
    assert isinstance(first, FrameInfo) and isinstance(last, FrameInfo)
    assert (first.index, last.index) == (0, 3)
    assert isinstance(cut, Failure) and cut.stage == "decode"
    assert isinstance(missing, Failure) and missing.stage == "open"
    assert not pixels[[1, 2]].any(), "no picture of another frame where there is none"
    assert np.array_equal(pixels[3], square(read_image(pictures / "b.png").pixels, PLAIN))


def test_a_batch_of_bad_files_is_still_a_batch(pictures: Path) -> None:
    frames, _ = prepare_all([picture(pictures, "cut.png")] * 3)
    assert [type(frame) for frame in frames] == [Failure] * 3
    assert prepare_all([])[0] == []


def test_a_long_thin_picture_is_refused_before_it_fills_the_memory(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    ((failure,), _) = prepare_all([picture(pictures, "thin.png")])
    assert failure == Failure("decode", "so long and thin that it would be resized to 1920000 x 32 pixels")


def test_whatever_a_decoder_raises_becomes_a_failure(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, index: int) -> None:
        raise MemoryError("no\nroom")

    monkeypatch.setattr(module, "read_image", fail)
    assert prepare_all([picture(pictures, "a.png")])[0] == [Failure("decode", "MemoryError: no room")]


def test_slots_of_a_video(make_video: Callable[..., Path], pictures: Path) -> None:
    path = make_video("v.mp4", frames=3)
    items = [
        picture(pictures, "a.png"),
        *(Item(str(path.parent), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in (1, 2, 3)),
        picture(pictures, "b.png"),
    ]
    frames, pixels = prepare_all(items, Sampling(frames=4))
    numbers = [frame.index if isinstance(frame, FrameInfo) else frame for frame in frames]
    assert numbers == [0, 1, 2, None, 0]  # the video has no fourth frame
    expected = read_slots(path, Sampling(frames=4), [2])[2]
    assert frames[2] == expected.info()
    assert np.array_equal(pixels[2], square(expected.pixels, PLAIN))
    assert not pixels[3].any()


def test_every_frame_that_was_planned_is_there_or_listed(make_video: Callable[..., Path]) -> None:
    path = make_video("v.mp4", frames=3)
    items = [Item(str(path.parent), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in range(5)]
    frames, _ = prepare_all(items)
    assert frames[3:] == [Failure("decode", "the video gives fewer frames than were counted for the plan")] * 2


def test_a_video_is_decoded_once_for_its_slots(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("v.mp4", frames=9)
    opened = []
    original = module.iterate_slots
    monkeypatch.setattr(module, "iterate_slots", lambda *given: opened.append(given[0]) or original(*given))
    items = [Item(str(path.parent), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in range(9)]
    frames, _ = prepare_all(items)
    assert [frame.index for frame in frames if isinstance(frame, FrameInfo)] == list(range(9))
    assert opened == [path]


def test_an_unreadable_video_fails_in_all_its_rows(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video")
    items = [Item(str(tmp_path), "v.mp4", is_video=True, slot=slot, frame=-1) for slot in range(3)]
    frames, _ = prepare_all(items, Sampling(frames=3))
    assert len(set(frames)) == 1 and isinstance(frames[0], Failure) and frames[0].stage == "open"


def test_percent_encoded_names_are_found(pictures: Path) -> None:
    os.rename(pictures / "a.png", os.fsencode(pictures) + b"/\xe9.png")
    ((frame,), _) = prepare_all([picture(pictures, "%E9.png")])
    assert isinstance(frame, FrameInfo)


def test_workers_need_no_torch() -> None:
    code = "import sys, extract.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_real_crops(real_data: Path) -> None:
    root = real_data / "ffpp_crops"
    items = [picture(root, f"{name}/000.png") for name in ("real/000", "DF/000_003", "FS/000_003")]
    frames, _ = prepare_all(items)
    assert [(frame.width, frame.height, frame.format) for frame in frames] == [(256, 256, "PNG")] * 3
    assert len({frame.pixel_hash for frame in frames}) == 3


def test_every_view_of_a_frame_and_its_thumbnail(pictures: Path) -> None:
    preparation = Preparation(PLAIN, Sampling(), ("clean", "flip", "blur-2"), thumbnail=24)
    squares = np.zeros(preparation.shape(2), np.uint8)
    frames = prepare([picture(pictures, "a.png"), picture(pictures, "cut.png")], preparation, squares)
    clean, mirrored, blurred = squares[0]
    assert np.abs(clean[:, ::-1].astype(int) - mirrored).max() <= 1
    assert blurred.std() < clean.std()
    assert not squares[1].any()
    assert isinstance(frames[0], FrameInfo)
    assert Image.open(io.BytesIO(frames[0].thumbnail)).size == (24, 19)
