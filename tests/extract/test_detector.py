"""YuNet finds the faces of real frames, and of each the same, whatever it saw before."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from extract.detector import YuNet, load_yunet
from extract.faces import FaceTrack, face_region
from extract.images import read_image
from extract.video import Sampling, read_slots

FRAMES = 6


@pytest.fixture(scope="module")
def yunet(real_data: Path) -> YuNet:
    return load_yunet(real_data / "weights" / "face_detection_yunet.onnx")


@pytest.fixture(scope="module")
def videos(real_data: Path) -> dict[str, list[np.ndarray]]:
    """The first seconds of each of six videos, a frame of each."""
    paths = sorted((real_data / "ffpp_videos").rglob("*.mp4"))
    sampling = Sampling(fps=1)
    return {path.stem: [frame.pixels for frame in read_slots(path, sampling, range(FRAMES)).values()] for path in paths}


def test_every_frame_has_a_face_that_hardly_moves(yunet: YuNet, videos: dict[str, list[np.ndarray]]) -> None:
    assert len(videos) == 6
    for frames in videos.values():
        track = FaceTrack(yunet)
        faces = [track.take(pixels) for pixels in frames]
        assert all(face is not None and face.score > 0.8 for face in faces)
        for face, pixels in zip(faces, frames, strict=True):
            left, top, right, bottom = face.box
            eyes, mouth = face.landmarks[:2], face.landmarks[3:]
            assert all(left < x < right and top < y < bottom for x, y in face.landmarks)
            assert max(y for _, y in eyes) < min(y for _, y in mouth), "upright"
            assert eyes[0][0] < eyes[1][0], "the person's right eye is left in the picture"
            rows, columns = face_region(face.box, *pixels.shape[:2])
            assert 1.0 < (rows.stop - rows.start) / (bottom - top) < 1.6
            assert rows.start <= top and rows.stop >= bottom and columns.start <= left and columns.stop >= right


def test_fakes_show_the_face_of_their_target(yunet: YuNet, videos: dict[str, list[np.ndarray]]) -> None:
    """The manipulation leaves the face where it is."""
    for fake in ("634_660", "004_982", "519_515"):
        real, forged = (FaceTrack(yunet).take(videos[name][0]) for name in (fake[:3], fake))
        assert np.allclose(real.box, forged.box, atol=0.1 * (real.box[3] - real.box[1]))


def test_it_remembers_nothing(yunet: YuNet, videos: dict[str, list[np.ndarray]]) -> None:
    frames = [frames[0] for frames in videos.values()]
    fresh = [pickle.loads(pickle.dumps(yunet)).detect(pixels) for pixels in frames]
    for number in np.random.default_rng(0).permutation(len(frames)):
        again = yunet.detect(frames[number])
        assert all(np.array_equal(one, other) for one, other in zip(again, fresh[number], strict=True))


def test_faces_of_any_size(yunet: YuNet, videos: dict[str, list[np.ndarray]]) -> None:
    pixels = videos["004"][0]
    box = yunet.detect(pixels).boxes[0]
    rows, columns = face_region(tuple(box.tolist()), *pixels.shape[:2])
    close = Image.fromarray(pixels[rows, columns])
    for side in (64, 224, 1500):
        (found,) = yunet.detect(np.asarray(close.resize((side, side)))).boxes * (rows.stop - rows.start) / side
        assert np.allclose(found + [columns.start, rows.start] * 2, box, atol=0.2 * (box[3] - box[1])), side
    small = Image.fromarray(pixels).resize((320, 180))
    far = np.zeros((720, 1280, 3), np.uint8)
    far[400:580, 900:1220] = np.asarray(small)
    assert np.allclose((yunet.detect(far).boxes[0] - [900, 400] * 2) * 4, box, atol=0.3 * (box[3] - box[1]))


def test_crops_have_faces_too(yunet: YuNet, real_data: Path) -> None:
    for path in sorted((real_data / "ffpp_crops").rglob("*.png")):
        assert len(yunet.detect(read_image(path).pixels).boxes) == 1, path


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (33, 47), (400, 9)])
def test_no_face_in_nothing(yunet: YuNet, shape: tuple[int, int]) -> None:
    found = yunet.detect(np.zeros((*shape, 3), np.uint8))
    assert [part.shape for part in found] == [(0, 4), (0, 5, 2), (0,)]
    assert {part.dtype for part in found} == {np.dtype(np.float32)}


def test_its_provenance_names_the_model_by_hash(yunet: YuNet) -> None:
    assert "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31" in yunet.describe()
    assert yunet.software.startswith("OpenCV ")
    assert len(repr(yunet)) < 100


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the face model .*: No such file"):
        load_yunet(tmp_path / "none.onnx")
    (tmp_path / "x.onnx").write_bytes(b"no model" * 100)
    with pytest.raises(InputError, match=r"x\.onnx is no YuNet face detector that OpenCV .* can use"):
        load_yunet(tmp_path / "x.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.onnx is no YuNet face detector"):
        load_yunet(tmp_path / "empty.onnx")
