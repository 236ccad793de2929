"""Samples read again are what the encoder saw; what is not the same any more is told and left out."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.reader import Cache, open_cache
from extract.faces import FaceCrop
from extract.images import Frame
from extract.reread import Box, box_in_square, reread
from extract.square import Preprocessing
from tests.extract.colour_faces import ColourFaces, frame
from tests.extract.tiny import TinyEncoder, run_tiny

FACE = (20, 10, 20)  # left, top, side: the crop is the 26 pixels around it, from (17, 7) on
FRAMES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of pictures, the last without a face, and a video file, whose faces move."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    (root / "Real_youtube/000").mkdir(parents=True)
    (root / "FaceSwap").mkdir()
    for number in range(4):
        faces = {"red": FACE} if number < 3 else {}
        pixels = frame(**faces)
        pixels[0, number] = 200
        Image.fromarray(pixels).save(root / f"Real_youtube/000/{number:03d}.png")
    with av.open(str(root / "FaceSwap" / "002_003.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p", options={"crf": "1"})
        for number in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(red=(4 + 4 * number, 10, 16)))))
        container.mux(stream.encode())
    return root


def made(data: Path, folder: Path, **options: object) -> Cache:
    run_tiny(data, folder / "x.h5", **options)
    return open_cache(folder / "x.h5")


@pytest.fixture(scope="module")
def cropped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    faces = FaceCrop(ColourFaces(), no_face="full")
    return made(data, tmp_path_factory.mktemp("cropped"), faces=faces, frames=3)


def embedding(squares: np.ndarray) -> np.ndarray:
    return TinyEncoder().embed_images(squares)["embedding"]


def test_pictures_and_frames_of_videos_are_what_the_encoder_saw(cropped: Cache) -> None:
    """In another order than the cache's; of three frames spread over six the last is number 5."""
    rows = np.arange(len(cropped))[::-1]
    again = reread(cropped, rows, TinyEncoder())
    assert sorted(again.rows) == sorted(rows) and again.failed == {}
    found, stored = embedding(again.squares), cropped.array("embedding", again.rows)
    np.testing.assert_allclose(found, stored, atol=1e-3)
    assert {0, 2, 5} <= set(cropped.samples["frame"])


def test_boxes_are_placed_in_the_square(cropped: Cache) -> None:
    """The box is 20 of the crop's 26 pixels, 3 from each side; the square has 16."""
    again = reread(cropped, np.arange(len(cropped)), TinyEncoder())
    ids = cropped.column("sample_id")[again.rows].tolist()
    boxes = dict(zip(ids, again.boxes, strict=True))
    real = [name for name in ids if "/real/" in name]
    np.testing.assert_allclose(boxes[real[0]], np.array([3, 3, 23, 23]) * 16 / 26, atol=1e-6)
    assert np.isnan(boxes[real[-1]]).all(), "the whole frame was taken, for want of a face"


def test_a_detector_finds_boxes_where_the_cache_has_none(data: Path, tmp_path: Path) -> None:
    """A frame of 64 x 48, from which the middle 48 are kept and made 16."""
    cache = made(data, tmp_path)
    row = np.flatnonzero(cache.samples["label"] == 0)[:1]
    assert np.isnan(reread(cache, row, TinyEncoder()).boxes).all()
    [box] = reread(cache, row, TinyEncoder(), detector=ColourFaces()).boxes
    np.testing.assert_allclose(box, np.array([20 - 8, 10, 40 - 8, 30]) / 3, atol=0.4)  # 21 1/3 wide, cut from 3 on


def test_the_view_is_made_again(data: Path, tmp_path: Path) -> None:
    cache = made(data, tmp_path, views=["flip"])
    row = np.flatnonzero(cache.samples["label"] == 0)[:1]
    again = reread(cache, row, TinyEncoder(), detector=ColourFaces())
    np.testing.assert_allclose(embedding(again.squares), cache.array("embedding", row), atol=1e-3)
    assert again.boxes[0, 0] == pytest.approx((64 - 40 - 8) / 3, abs=0.4)


def test_a_data_set_that_moved_is_found(cropped: Cache, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "moved")
    again = reread(cropped, np.arange(2), TinyEncoder(), root=tmp_path / "moved")
    assert again.failed == {} and len(again.rows) == 2
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match=r"none of the 2 samples .*bare.* --root DIR"):
        reread(cropped, np.arange(2), TinyEncoder(), root=tmp_path / "bare")
    with pytest.raises(InputError, match=r"nowhere does not exist; name the folder of a data set"):
        reread(cropped, np.arange(2), TinyEncoder(), root=tmp_path / "nowhere")


def test_what_is_not_the_same_any_more_is_told(cropped: Cache, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "changed")
    root = tmp_path / "changed"
    (root / "Real_youtube/000/000.png").unlink()
    Image.fromarray(frame(blue=FACE)).save(root / "Real_youtube/000/002.png")
    Image.open(data / "Real_youtube/000/003.png").save(root / "Real_youtube/000/003.png", compress_level=1)
    again = reread(cropped, np.arange(len(cropped)), TinyEncoder(), root=root)
    reasons = {name.rpartition("real/")[2]: reason for name, reason in again.failed.items()}
    assert set(reasons) == {"000/0", "000/2"}, "the same pixels in other bytes are the same sample"
    assert "No such file" in reasons["000/0"]
    assert "another one than was extracted" in reasons["000/2"]
    assert len(again.rows) == len(cropped) - 2


def test_frames_that_a_video_has_no_more_are_told(cropped: Cache, data: Path, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "002_003.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p", options={"crf": "1"})
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(red=(4, 10, 16)))))
        container.mux(stream.encode())
    shutil.copytree(data, tmp_path / "short")
    shutil.copy(tmp_path / "002_003.mp4", tmp_path / "short/FaceSwap/002_003.mp4")
    again = reread(cropped, np.arange(len(cropped)), TinyEncoder(), root=tmp_path / "short")
    assert sum("no such frame" in reason for reason in again.failed.values()) == 2


def test_another_encoder_is_refused(cropped: Cache) -> None:
    other = TinyEncoder()
    other.weights = "1"
    with pytest.raises(InputError, match=r"weights is '0', that of tiny '1'"):
        reread(cropped, np.arange(2), other)


def frame_of(height: int, width: int) -> Frame:
    return Frame(0, "", "", width, height, 0, "PNG", "", pixels=np.empty((0, 0, 3), np.uint8))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("shortest", (0, 50, 50, 100)),  # 200 x 100 stays, the middle 100 are kept: 50 fall away on each side
        ("squash", (20, 50, 50, 100)),
        ("longest", (20, 50, 50, 75)),  # 100 x 50, with 25 above and below
    ],
)
def test_boxes_by_hand(mode: str, expected: Box) -> None:
    """Of a frame of 200 x 100, below which the box reaches; the square has 100 x 100."""
    how = Preprocessing((100, 100), mode, "bicubic", (0, 0, 0), (1, 1, 1), 0)
    assert box_in_square((40, 50, 100, 120), None, frame_of(100, 200), how, "clean") == pytest.approx(expected)


def test_a_box_that_is_cut_away_is_none() -> None:
    how = Preprocessing((100, 100), "shortest", "bicubic", (0, 0, 0), (1, 1, 1), 0)
    assert np.isnan(box_in_square((0, 10, 40, 60), None, frame_of(100, 200), how, "clean")).all()


def test_a_flipped_box_lies_on_the_other_side() -> None:
    how = Preprocessing((100, 100), "squash", "bicubic", (0, 0, 0), (1, 1, 1), 0)
    found = box_in_square((10, 20, 30, 60), None, frame_of(100, 100), how, "flip")
    assert found == pytest.approx((70, 20, 90, 60))
    region = (slice(10, 60), slice(0, 50))
    assert box_in_square((10, 20, 30, 60), region, frame_of(100, 100), how, "clean") == pytest.approx((20, 20, 60, 100))
    assert box_in_square((10, 20, 30, 60), region, frame_of(100, 100), how, "background") == (10, 20, 30, 60)
