"""The largest face is taken, then followed; what is cut out is a square of the frame's own pixels."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.faces import MARGIN, OVERLAP, FaceCrop, FaceTrack, choose_face, face_region, overlap, whole_frame
from tests.extract.colour_faces import ColourFaces, frame

numbers = st.floats(-50, 250, width=32)
boxes = st.tuples(numbers, numbers, st.floats(1, 200, width=32), st.floats(1, 200, width=32)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(st.lists(boxes, min_size=1, max_size=6), st.none() | boxes)
def test_the_face_before_or_the_largest(found: list[tuple[float, ...]], last: tuple[float, ...] | None) -> None:
    array = np.array(found)
    chosen = choose_face(array, None if last is None else np.array(last))
    shared = np.zeros(len(found)) if last is None else overlap(array, np.array(last))
    sizes = (array[:, 2] - array[:, 0]) * (array[:, 3] - array[:, 1])
    assert shared[chosen] == shared.max() if shared.max() >= OVERLAP else sizes[chosen] == sizes.max()


@given(boxes, boxes)
def test_overlap_is_symmetric_and_one_with_itself(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    left, right = np.array([one]), np.array([other])
    assert overlap(left, right[0]) == pytest.approx(overlap(right, left[0]))
    assert 0 <= overlap(left, right[0])[0] <= 1
    assert overlap(left, left[0]) == pytest.approx(1)


def test_overlap_by_hand() -> None:
    """A quarter of each of two squares: 25 / (100 + 100 - 25)."""
    assert overlap(np.array([[0, 0, 10, 10]]), np.array([5, 5, 15, 15])) == pytest.approx(25 / 175)
    assert overlap(np.array([[0, 0, 10, 10]]), np.array([10, 0, 20, 10])) == 0


@given(boxes, st.integers(1, 200), st.integers(1, 200))
def test_the_region_is_a_square_within_the_frame(box: tuple[float, ...], height: int, width: int) -> None:
    rows, columns = face_region(box, height, width)
    side = rows.stop - rows.start
    assert side == columns.stop - columns.start
    assert 0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width
    wanted = MARGIN * max(box[2] - box[0], box[3] - box[1])
    assert abs(side - wanted) <= 0.5 or side == min(height, width)
    centre = (box[0] + box[2]) / 2
    if wanted / 2 + 1 <= centre <= width - wanted / 2 - 1 and side < min(height, width):
        assert abs((columns.start + columns.stop) / 2 - centre) <= 1, "around the face, where there is room"


def test_the_region_at_the_border_by_hand() -> None:
    assert face_region((0, 0, 10, 10), 100, 100) == (slice(0, 13), slice(0, 13)), "moved inside"
    assert face_region((95, 40, 105, 50), 100, 100) == (slice(38, 51), slice(87, 100))
    assert face_region((10, 0, 90, 100), 100, 160) == (slice(0, 100), slice(0, 100)), "as large as there is room"


def taken(frames: list[np.ndarray]) -> list[float | None]:
    """Side of the face that is taken of each frame."""
    track = FaceTrack(ColourFaces())
    faces = [track.take(pixels) for pixels in frames]
    return [None if face is None else face.box[2] - face.box[0] for face in faces]


def test_the_largest_is_followed_though_another_grows() -> None:
    frames = [frame(red=(5, 5, 14), green=(40, 5, 12)), frame(red=(7, 6, 13), green=(40, 5, 20))]
    assert taken(frames) == [14, 13]
    assert taken(frames[::-1]) == [20, 12], "a larger one at first is followed as well"


def test_no_face_in_between_is_waited_for() -> None:
    assert taken([frame(red=(5, 5, 14)), frame(), frame(red=(6, 5, 14), green=(30, 5, 20))]) == [14, None, 14]


def test_a_face_that_is_gone_gives_way_to_the_largest() -> None:
    assert taken([frame(red=(0, 0, 14)), frame(blue=(30, 20, 9), green=(44, 2, 11))]) == [14, 11]


def test_a_restart_chooses_anew() -> None:
    track = FaceTrack(ColourFaces())
    pixels = frame(red=(5, 5, 13), green=(40, 5, 20))
    track.take(frame(red=(5, 5, 14)))
    followed = track.take(pixels)
    track.restart()
    chosen = track.take(pixels)
    assert followed is not None and chosen is not None
    assert (followed.box[0], chosen.box[0]) == (5, 40)
    assert (followed.found, followed.score) == (2, pytest.approx(0.9))
    assert followed.landmarks == ((11.5, 11.5),) * 5


def test_what_changes_a_crop_stands_in_its_description() -> None:
    skip, fail, full = (FaceCrop(ColourFaces(), policy).describe() for policy in ("skip", "fail", "full"))
    assert skip == fail != full, "the rows of the first two are the same, so that one goes on with the other's work"
    assert all(word in skip for word in ("colours", "IoU >= 0.3", "512 frames", "1.3 times", "inside the frame"))
    assert pickle.loads(pickle.dumps(FaceCrop(ColourFaces(), "full"))) == FaceCrop(ColourFaces(), "full")


def test_in_place_of_a_face() -> None:
    face = whole_frame(48, 64)
    assert face.box == (0, 0, 64, 48) and (face.score, face.found) == (0, 0)
    assert np.isnan(face.landmarks).all()
