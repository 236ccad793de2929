"""An extraction with face crops: the same faces however the work is cut, every frame without one accounted for."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cache.errors import InterruptedWork
from cache.merge import merge
from cache.reader import Cache, open_cache
from extract.coverage import coverage, face_notes
from extract.faces import FaceCrop
from tests.extract.colour_faces import ColourFaces, frame
from tests.extract.faults import differences
from tests.extract.tiny import TinyEncoder, run_tiny

CROP = FaceCrop(ColourFaces())
LENGTH = 11  # frames of a video; after a third of them another face is the larger one
TAKEN = 16  # side of the face that is followed


def film_frame(number: int) -> np.ndarray:
    """Red is followed though green grows larger, but a look at a later frame alone would take green."""
    return frame(red=(4 + 2 * (number % 3), 8, TAKEN), green=(38, 10, 12 if number < LENGTH // 3 else 22))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of pictures and one video file, each with two faces; some pictures without a face, or damaged."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    for folder in ("Real_youtube/000", "Real_youtube/001", "FaceSwap/000_001"):
        (root / folder).mkdir(parents=True)
        for number in range(LENGTH):
            Image.fromarray(film_frame(number)).save(root / folder / f"{number:03d}.png")
    for number in (4, 5):
        Image.fromarray(frame()).save(root / "FaceSwap/000_001" / f"{number:03d}.png")
    Image.fromarray(np.full((48, 64, 3), 255, np.uint8)).save(root / "FaceSwap/000_001" / "008.png")
    (root / "Real_youtube/001/006.png").write_bytes(b"not a picture")
    with av.open(str(root / "FaceSwap" / "002_003.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p", options={"crf": "1"})
        for number in range(LENGTH):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(film_frame(number))))
        container.mux(stream.encode())
    return root


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out, faces=CROP)
    return open_cache(out)


def sides(cache: Cache) -> np.ndarray:
    """Of the box of each row."""
    box = cache.array("face/box")
    return box[:, 2] - box[:, 0]


def test_one_face_is_followed_and_stored(whole: Cache) -> None:
    assert len(whole) == 4 * LENGTH - 4
    assert np.abs(sides(whole) - TAKEN).max() == 0
    assert {name: whole.array(name).dtype for name in whole.arrays() if name.startswith("face/")} == {
        "face/box": np.float32, "face/landmarks": np.float32, "face/score": np.float32, "face/count": np.int32,
    }  # fmt: skip
    assert whole.array("face/landmarks").shape == (len(whole), 5, 2)
    assert set(whole.array("face/count").tolist()) == {2}
    assert whole.provenance().crop == CROP.describe()
    assert whole.provenance().decoder.endswith(", numpy")


def test_the_crop_is_embedded(whole: Cache) -> None:
    """Cut out 21 pixels of red: a rim of 2 or 3 pixels of grey, the rest as red as a frame is not."""
    red = whole.array("embedding").reshape(-1, 4, 4, 3)[:, 1:3, 1:3, 0].mean(axis=(1, 2))
    assert red.min() > 0.9


def test_frames_without_a_face_are_listed(whole: Cache) -> None:
    failures = whole.failures[["path", "stage", "reason"]].to_dict("records")
    assert failures == [
        {"path": "FaceSwap/000_001/004.png", "stage": "face", "reason": "no face found"},
        {"path": "FaceSwap/000_001/005.png", "stage": "face", "reason": "no face found"},
        {"path": "FaceSwap/000_001/008.png", "stage": "face", "reason": "ValueError: blinded"},
        {"path": "Real_youtube/001/006.png", "stage": "open", "reason": failures[3]["reason"]},
    ]


def test_coverage_is_told(whole: Cache) -> None:
    table = coverage(whole)
    assert table["frames"].to_dict() == {"FaceSwap": 2 * LENGTH, "real": 2 * LENGTH - 1}
    assert table["faces"].to_dict() == {"FaceSwap": 2 * LENGTH - 3, "real": 2 * LENGTH - 1}
    shares, gap, several = face_notes(whole)
    assert shares == "frames with a face: FaceSwap 86.4 % of 22, real 100.0 % of 21"
    assert gap.startswith("86.4 % of the frames of FaceSwap and 100.0 % of the reals have a face") and "leak" in gap
    assert several.startswith("several faces in 40 of 40 frames, of 4 videos")


class Stops(TinyEncoder):
    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        if self.batches == self.good:
            raise RuntimeError("device lost")
        return super().embed_images(pixels)


@pytest.mark.parametrize("batches", [0, 2, 3, 5, 8, 10])
def test_stopped_after_any_batch(data: Path, tmp_path: Path, whole: Cache, batches: int) -> None:
    """In the midst of a video, too, where green is the larger face: what was before is looked at again."""
    out = tmp_path / "x.h5"
    with pytest.raises(RuntimeError, match="device lost"):
        run_tiny(data, out, Stops(batches), faces=CROP)
    run_tiny(data, out, faces=CROP)
    assert differences(out, whole) == []


def test_a_lost_part_in_the_midst(data: Path, tmp_path: Path, whole: Cache) -> None:
    """What lies between two ranges of one video is looked at as well."""
    out = tmp_path / "x.h5"
    with pytest.raises(RuntimeError):
        run_tiny(data, out, Stops(10), faces=CROP)
    for part in sorted((tmp_path / "x.h5.work").glob("part-*.h5"))[::2]:
        part.unlink()
    run_tiny(data, out, faces=CROP)
    assert differences(out, whole) == []


def test_worker_processes_change_nothing(data: Path, tmp_path: Path, whole: Cache) -> None:
    run_tiny(data, tmp_path / "x.h5", faces=CROP, workers=2)
    assert differences(tmp_path / "x.h5", whole) == []


@pytest.mark.parametrize("count", [2, 7])
def test_shards_change_nothing(data: Path, tmp_path: Path, whole: Cache, count: int) -> None:
    shards = [tmp_path / f"{number}.h5" for number in range(1, count + 1)]
    for number, path in enumerate(shards, 1):
        run_tiny(data, path, faces=CROP, shard=f"{number}/{count}")
    out = tmp_path / "joined" / "x.h5"
    out.parent.mkdir()
    merge(shards, out)
    assert differences(out, whole) == []


def test_a_face_is_chosen_anew_after_a_stretch(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("prepare", "workers"):
        monkeypatch.setattr(f"extract.{module}.VIDEO_FRAMES", 5)
    out = tmp_path / "whole" / "x.h5"
    run_tiny(data, out, faces=CROP)
    cache = open_cache(out)
    frames = cache.samples["frame"].to_numpy()
    assert np.abs(sides(cache) - np.where(frames < 5, TAKEN, 22)).max() == 0
    for batches in (1, 3, 8):
        again = tmp_path / str(batches) / "x.h5"
        with pytest.raises(RuntimeError):
            run_tiny(data, again, Stops(batches), faces=CROP)
        run_tiny(data, again, faces=CROP)
        assert differences(again, cache) == []


@pytest.mark.parametrize("change", ["mended", "gone", "new"])
def test_read_again_is_as_read_afresh(data: Path, tmp_path: Path, change: str) -> None:
    """One picture decides which face is followed in those behind it, though nothing of theirs has changed."""
    root = tmp_path / "tiny"
    shutil.copytree(data, root)
    first, only_green = root / "Real_youtube/001/000.png", frame(green=(38, 10, 12))
    states = {"mended": (b"damaged", only_green), "gone": (only_green, None), "new": (None, only_green)}
    for number, state in enumerate(states[change]):
        first.unlink(missing_ok=True)
        if isinstance(state, bytes):
            first.write_bytes(state)
        elif state is not None:
            Image.fromarray(state).save(first)
        out = tmp_path / str(number) / "x.h5"
        out.parent.mkdir()
        run_tiny(root, out, faces=CROP, batch_size=1)
    old = open_cache(tmp_path / "0" / "x.h5")
    again = tmp_path / "again" / "x.h5"
    again.parent.mkdir()
    notes = run_tiny(root, again, faces=CROP, batch_size=1, reuse=old).notes
    fresh = open_cache(tmp_path / "1" / "x.h5")
    assert len(set(sides(fresh)[fresh.samples["video_id"] == "tiny/unknown/real/001"])) > 1 or change == "gone"
    assert notes[0].startswith("took ") and not notes[0].startswith("took 0 ")
    assert open_cache(again).table_hash == fresh.table_hash
    for name in fresh.arrays():
        assert open_cache(again).array(name).tobytes() == fresh.array(name).tobytes()


def test_whole_frames_where_there_is_no_face(data: Path, tmp_path: Path, whole: Cache) -> None:
    crop = FaceCrop(ColourFaces(), "full")
    run_tiny(data, tmp_path / "x.h5", faces=crop)
    cache = open_cache(tmp_path / "x.h5")
    added = cache.samples["path"].isin(["FaceSwap/000_001/004.png", "FaceSwap/000_001/005.png"]).to_numpy()
    assert len(cache) == len(whole) + 2 and added.sum() == 2
    assert cache.array("face/box")[added].tolist() == [[0, 0, 64, 48]] * 2
    assert cache.array("face/score")[added].tolist() == [0, 0]
    assert np.isnan(cache.array("face/landmarks")[added]).all()
    assert cache.array("face/box")[~added].tobytes() == whole.array("face/box").tobytes()
    assert cache.provenance().crop != whole.provenance().crop
    assert coverage(cache)["faces"].to_dict() == coverage(whole)["faces"].to_dict()


def test_work_ends_where_there_is_no_face_and_goes_on_without(data: Path, tmp_path: Path, whole: Cache) -> None:
    out = tmp_path / "x.h5"
    with pytest.raises(InterruptedWork, match=r"000_001/004.png: no face found; with --no-face skip"):
        run_tiny(data, out, faces=FaceCrop(ColourFaces(), "fail"))
    assert run_tiny(data, out, faces=CROP).notes == ["went on from 4 of 44 frames, sealed before"]
    assert differences(out, whole) == []


def test_views_are_of_the_crop_and_the_background_of_the_rest(data: Path, tmp_path: Path, whole: Cache) -> None:
    run_tiny(data, tmp_path / "x.h5", faces=CROP, views=("clean", "flip", "background"), thumbnails=21)
    cache = open_cache(tmp_path / "x.h5")
    clean, flip, background = (
        cache.array("embedding", space=name).reshape(-1, 4, 4, 3).astype(float)
        for name in ("clean", "flip", "background")
    )
    assert cache.array("embedding", space="clean").tobytes() == whole.array("embedding").tobytes()
    assert np.abs(clean[:, :, ::-1] - flip).max() < 0.05
    assert background[..., 0].max() < 0.6 < clean[..., 0].max(), "no red is left"
    for space in cache.spaces:
        assert cache.array("face/box", space=space).tobytes() == whole.array("face/box").tobytes()
    assert cache.provenance("background").view == "background"
