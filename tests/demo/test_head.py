"""The head's geometry: looking and projecting are each other's inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.faces import SIZE, film, pixel_grid, to_pixels
from demo.head import look, project, relief, rotation
from demo.identity import Shape, sample_identity
from demo.scene import Pose, sample_scene
from demo.skin import paint_head

MEAN = Shape(*[0.0] * 16)
angle = st.floats(-0.5, 0.5)


@settings(max_examples=15, deadline=None)
@given(yaw=angle, pitch=angle, roll=angle)
def test_what_is_seen_projects_to_where_it_is_seen(yaw: float, pitch: float, roll: float) -> None:
    pose, lift = Pose(yaw=yaw, pitch=pitch, roll=roll), relief(MEAN)
    axis = np.linspace(-0.5, 0.5, 41, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    view = look(x, y, 80.0, MEAN, pose, lift)
    back = project(view.longitude, view.height, view.sample(lift), MEAN, pose)
    assert view.alpha.min() == 1
    off = np.hypot(back[..., 0] - x, back[..., 1] - y) * 80.0  # pixels of a head of usual size
    # The nose hides some of the cheek when the head is turned: there no fixed point exists.
    assert np.quantile(off, 0.9) < 0.5
    assert np.median(off) < 0.1


@given(yaw=angle, pitch=angle, roll=angle)
def test_rotation_keeps_lengths(yaw: float, pitch: float, roll: float) -> None:
    turn = rotation(Pose(yaw=yaw, pitch=pitch, roll=roll))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(turn) == pytest.approx(1.0, abs=1e-5)


def test_background_is_not_head() -> None:
    view = look(np.array([[2.0]], np.float32), np.array([[0.0]], np.float32), 80.0, MEAN, Pose(), 0.0)
    assert view.alpha[0, 0] == 0


@pytest.mark.parametrize("seed", range(4))
def test_landmarks_lie_in_the_box_in_their_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    head, scene = paint_head(sample_identity(rng)), sample_scene(rng)
    shot = film(head, scene, 30)
    left, top, right, bottom = shot.box
    assert 0 <= left < right <= SIZE and 0 <= top < bottom <= SIZE
    assert shot.crop(shot.image).shape == (bottom - top, right - left, 3)
    eyes, nose, mouth = shot.landmarks[:2], shot.landmarks[2], shot.landmarks[3:]
    assert (shot.landmarks >= [left, top]).all() and (shot.landmarks < [right, bottom]).all()
    assert eyes[0, 0] < eyes[1, 0] and mouth[0, 0] < mouth[1, 0]
    assert eyes[:, 1].mean() < nose[1] < mouth[:, 1].mean()


def test_a_mouth_that_opens_changes_the_mouth_alone() -> None:
    rng = np.random.default_rng(5)
    head, scene = paint_head(sample_identity(rng)), sample_scene(rng)
    shut, wide = (film(head, scene, 0, Pose(mouth=mouth)) for mouth in (0.0, 1.0))
    rows, columns = np.nonzero(abs(shut.image.astype(int) - wide.image.astype(int)).max(axis=2) > 4)
    assert len(rows) > 50
    middle = shut.landmarks[3:].mean(axis=0)
    assert np.hypot(rows - middle[1], columns - middle[0]).max() < 0.5 * scene.head_size


def test_pixel_grid_and_to_pixels_agree() -> None:
    scene = sample_scene(np.random.default_rng(0))
    x, y = pixel_grid(scene)
    places = to_pixels(np.stack([x, y], axis=-1), scene)
    np.testing.assert_allclose(places[10, 20], [20, 10], atol=1e-3)
