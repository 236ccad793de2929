"""A person in a scene at one instant: the rendered frame with its landmarks and face box."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from demo.expression import paint_expression
from demo.head import Image, View, eye_place, look, mouth_place, project, rotation, semi_axes
from demo.scene import Pose, Scene
from demo.skin import Head, hair_colour, ramp, skin_colour

SIZE = 192  # pixels, width and height of a frame
BOX_SIDE = 1.86  # side of the face box in half head heights
BOX_CENTRE = 0.10  # height on the face of the box's centre
GLASSES_LIFT = 0.085

Pixels = npt.NDArray[Any]  # uint8, RGB


@dataclass(frozen=True)
class Shot:
    """One filmed instant.

    Attributes
    ----------
    head : Head
    scene : Scene
    pose : Pose
    view : View
        Where the camera sees the skin.
    image : ndarray of uint8, shape (SIZE, SIZE, 3)
        RGB, upright.
    landmarks : ndarray of float32, shape (5, 2)
        Eyes (viewer's left first), nose, mouth corners, in pixels (x, y).
    box : tuple of int
        Face box (left, top, right, bottom) in pixels, right and bottom exclusive.
    """

    head: Head
    scene: Scene
    pose: Pose
    view: View
    image: Pixels
    landmarks: npt.NDArray[np.float32]
    box: tuple[int, int, int, int]

    def crop(self, image: Pixels) -> Pixels:
        """Cut the face box out of a frame of this shot's size."""
        left, top, right, bottom = self.box
        return image[top:bottom, left:right]


def pixel_grid(scene: Scene) -> tuple[Image, Image]:
    """Camera coordinates (x, y) of the pixels, in half head heights."""
    axis = (np.arange(SIZE, dtype=np.float32) + 0.5 - SIZE / 2) / np.float32(scene.head_size)
    x, y = np.meshgrid(axis, axis)
    return x, y


def to_pixels(points: Image, scene: Scene) -> npt.NDArray[np.float32]:
    """Camera coordinates (..., 2 or 3) to pixel positions (..., 2)."""
    return points[..., :2] * np.float32(scene.head_size) + np.float32(SIZE / 2 - 0.5)


def light_up(normals: Image, scene: Scene, pose: Pose) -> Image:
    """Colour of the light that a surface returns, (S, S, 3), from normals in head coordinates."""
    direction = np.array(scene.light_direction, dtype=np.float32)
    facing = normals @ (rotation(pose).T @ direction)
    halfway = direction + np.array([0, 0, 1], dtype=np.float32)
    shine = ramp(normals @ (rotation(pose).T @ (halfway / np.linalg.norm(halfway)))) ** 24
    light = scene.ambient + (1.12 - scene.ambient) * ramp(facing * 0.85 + 0.15) + 0.10 * shine
    colour = np.array([1 + scene.warmth, 1.0, 1 - scene.warmth], dtype=np.float32)
    return light[..., None] * colour


def paint_backdrop(scene: Scene) -> Image:
    """The scene behind the person, out of focus, (S, S, 3) float32."""
    rng = np.random.default_rng(scene.seed)
    first, second = (np.array(colour, dtype=np.float32) for colour in scene.backdrop_colours)
    down = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
    if scene.backdrop == "plain":
        return first + 0.35 * (second - first) * np.broadcast_to(down, (SIZE, SIZE, 1))
    rows, columns = (9, 9) if scene.backdrop == "outdoors" else (5, 8)
    grid = rng.random((rows, columns, 1), dtype=np.float32)
    way = cv2.INTER_CUBIC if scene.backdrop == "outdoors" else cv2.INTER_NEAREST
    share = cv2.resize(grid, (SIZE, SIZE), interpolation=way)[..., None]
    return cv2.GaussianBlur(first + (second - first) * share, (0, 0), 3.0)


def lay(canvas: Image, colour: Image | npt.NDArray[np.float32], opacity: Image) -> Image:
    """Lay a colour or picture over the canvas."""
    return canvas + (colour - canvas) * opacity[..., None]


def draw_behind(canvas: Image, head: Head, scene: Scene, pose: Pose, x: Image, y: Image) -> Image:
    """Long hair, shoulders, neck and ears: all that the head stands in front of."""
    person, size = head.person, scene.head_size
    across = semi_axes(person.shape)[0]
    sway = 0.35 * np.sin(pose.yaw)
    skin = skin_colour(person)
    if person.style == "long":
        wide = across * 1.22 - 0.06 * np.cos(3 * y)
        fall = ramp((wide - abs(x - 0.3 * sway)) * size + 0.5) * ramp((y + 0.55) * 12)
        strands = 0.62 + 0.13 * np.sin(70 * x + 5 * np.sin(2.5 * y)) + 0.10 * np.sin(31 * x + 1)
        canvas = lay(canvas, hair_colour(person) * strands[..., None], fall)
    slope = 1.12 + 0.45 * (np.clip(abs(x) - 0.42, 0, None)) ** 1.2
    canvas = lay(canvas, np.array(scene.clothing, dtype=np.float32), ramp((y - slope) * size + 0.5))
    neck = ramp((0.46 + 0.10 * np.clip(y - 0.9, 0, None) - abs(x - 0.2 * sway)) * size + 0.5)
    neck = neck * ramp((y - 0.4) * 4)
    collar = ramp((1.30 - 0.5 * x**2 - y) * size + 0.5)
    dim = 0.55 + 0.25 * ramp((y - 0.95) * 2) - 0.20 * ramp(abs(x) / 0.5) ** 2
    canvas = lay(canvas, skin * dim[..., None], neck * collar)
    for side in (-1, 1):
        turn = side * 1.52 + pose.yaw
        place = np.array([across * 1.0 * np.sin(turn), 0.04, across * np.cos(turn)], dtype=np.float32)
        tilt = np.array([np.cos(pose.roll), np.sin(pose.roll)], dtype=np.float32)
        u, v = (x - place[0]) * tilt[0] + y * tilt[1], -(x - place[0]) * tilt[1] + y * tilt[0] - place[1]
        radius = np.hypot(u / 0.105, v / 0.20)
        inner = 0.82 - 0.25 * ramp(1 - abs(radius - 0.55) / 0.25)
        hidden = 0.0 if person.style == "long" else 1.0
        canvas = lay(canvas, skin * inner[..., None], hidden * ramp((1 - radius) * 0.12 * size + 0.5))
    return canvas


def develop(canvas: Image, scene: Scene, frame: int) -> Pixels:
    """The camera: blur, tone curve, sensor noise, rounding to uint8."""
    rng = np.random.default_rng([scene.seed, frame])
    image = cv2.GaussianBlur(canvas, (0, 0), scene.blur)
    image = (image - 0.5) * scene.contrast + 0.5
    grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(scene.noise)
    return (np.clip(image * scene.gain + grain, 0, 1) * 255 + 0.5).astype(np.uint8)


def paint_face(canvas: Image, head: Head, scene: Scene, pose: Pose) -> tuple[Image, View]:
    """Paint a head over the canvas (S, S, 3); also says where the camera sees the skin."""
    x, y = pixel_grid(scene)
    skin = look(x, y, scene.head_size, head.person.shape, pose, head.lift)
    texture = paint_expression(head.albedo, head.person, pose)
    canvas = lay(canvas, skin.sample(texture) * light_up(skin.sample(head.normals), scene, pose), skin.alpha)
    for shell, lift in ((head.glasses, GLASSES_LIFT), (head.hair, head.hair_lift)):
        if shell is None:
            continue
        view = look(x, y, scene.head_size, head.person.shape, pose, lift)
        layer = view.sample(shell)
        lit = layer[..., :3] * light_up(view.sample(head.normals), scene, pose)
        canvas = lay(canvas, lit, layer[..., 3] * view.alpha)
    return canvas, skin


def film(head: Head, scene: Scene, frame: int, pose: Pose | None = None) -> Shot:
    """Render one frame.

    Parameters
    ----------
    head : Head
        The person, painted.
    scene : Scene
    frame : int
        Frame number of the imagined video: sets the pose and the sensor's noise.
    pose : Pose, optional
        Instead of the scene's own motion.

    Returns
    -------
    Shot
    """
    pose = scene.motion.at(frame) if pose is None else pose
    canvas = draw_behind(paint_backdrop(scene), head, scene, pose, *pixel_grid(scene))
    canvas, view = paint_face(canvas, head, scene, pose)
    return Shot(head, scene, pose, view, develop(canvas, scene, frame), *locate(head, scene, pose))


def locate(head: Head, scene: Scene, pose: Pose) -> tuple[npt.NDArray[np.float32], tuple[int, int, int, int]]:
    """Five landmarks (5, 2) and the face box, both in pixels."""
    shape = head.person.shape
    eye_x, eye_y = eye_place(shape)
    half, mouth_y = mouth_place(shape)
    longitude = np.array([-eye_x, eye_x, 0, -half, half, 0], dtype=np.float32)
    height = np.array([eye_y, eye_y, 0.28, mouth_y, mouth_y, BOX_CENTRE], dtype=np.float32)
    lift = np.array([0, 0, 0.16, 0, 0, -0.5], dtype=np.float32)
    places = to_pixels(project(longitude, height, lift, shape, pose), scene)
    side = round(BOX_SIDE * scene.head_size)
    left, top = (int(np.clip(round(float(c) - side / 2), 0, SIZE - side)) for c in places[5])
    return places[:5], (left, top, left + side, top + side)
