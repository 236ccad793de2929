"""Four manipulations of a filmed face that imitate those of FaceForensics++, each in a few lines."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from demo.faces import Pixels, Shot, paint_face, to_pixels
from demo.head import Image, project
from demo.skin import skin_colour

Manipulation = Callable[[Shot, Shot, np.random.Generator], Pixels]


def region(shot: Shot, centre: tuple[float, float], reach: tuple[float, float], feather: float) -> Image:
    """Opacity (S, S) of a rounded patch of the face: longitude and height of its centre, half its extents.

    ``feather`` is the standard deviation of the seam in pixels.
    """
    across = (shot.view.longitude - centre[0]) / reach[0]
    down = (shot.view.height - centre[1]) / reach[1]
    inside = (np.square(across * across) + np.square(down * down) < 1) & (shot.view.alpha > 0.99)
    core: Image = inside.astype(np.float32)
    if feather > 1.5:  # the seam grows inwards, so that the backdrop stays out of it
        core = cv2.erode(core, np.ones((3, 3), np.uint8), iterations=round(feather))
    return cv2.GaussianBlur(core, (0, 0), feather)


def matched(picture: Image, target: Image, opacity: Image, share: float) -> Image:
    """Move the picture's colour statistics inside a region by ``share`` of the way to the target's."""
    weight = opacity[..., None] / (opacity.sum() + 1e-6)
    mean, goal = (picture * weight).sum((0, 1)), (target * weight).sum((0, 1))
    spread = np.sqrt((((picture - mean) ** 2) * weight).sum((0, 1))) + 1e-3
    wanted = np.sqrt((((target - goal) ** 2) * weight).sum((0, 1))) + 1e-3
    gain = 1 + share * (np.clip(wanted / spread, 0.6, 1.6) - 1)
    return (picture - mean) * gain + mean + share * (goal - mean)


def pasted(target: Image, picture: Image, opacity: Image) -> Pixels:
    """Blend a picture into the target frame, rounded to uint8."""
    blend = target + (picture - target) * opacity[..., None]
    return np.clip(blend + 0.5, 0, 255).astype(np.uint8)


def render(shot: Shot) -> Image:
    """A shot's head on the camera's tone curve, in 0-255, without backdrop, blur and noise."""
    plain = np.broadcast_to(skin_colour(shot.head.person) * np.float32(shot.scene.ambient), shot.image.shape)
    canvas, _ = paint_face(plain, shot.head, shot.scene, shot.pose)
    canvas = ((canvas - 0.5) * shot.scene.contrast + 0.5) * shot.scene.gain
    return np.clip(canvas, 0, 1) * np.float32(255)


def deepfakes(target: Shot, donor: Shot, rng: np.random.Generator) -> Pixels:
    """Another person's face at the target's pose: decoded small, colours nearly matched, softly blended."""
    side, share, feather = int(rng.integers(60, 91)), rng.uniform(0.5, 0.9), rng.uniform(3, 6)
    # The decoder learned the donor's face; hair and glasses stay the target's.
    worn = target.head
    head = replace(donor.head, hair=worn.hair, hair_lift=worn.hair_lift, glasses=worn.glasses)
    decoded = target.crop(render(replace(target, head=head)))
    small = cv2.resize(decoded, (side, side), interpolation=cv2.INTER_AREA)
    frame = target.image.astype(np.float32)
    picture = frame.copy()
    target.crop(picture)[...] = cv2.resize(small, decoded.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    opacity = region(target, (0.0, 0.20), (0.92, 0.70), feather)
    return pasted(frame, matched(picture, frame, opacity, share), opacity)


def face2face(target: Shot, donor: Shot, rng: np.random.Generator) -> Pixels:
    """The target's own face warped towards the donor's expression and lit a little differently."""
    frame = target.image.astype(np.float32)
    size = target.scene.head_size
    rows, columns = np.indices(frame.shape[:2], dtype=np.float32)
    smile = donor.pose.smile - target.pose.smile + rng.normal(0, 0.6)
    open_more = donor.pose.mouth - target.pose.mouth + rng.normal(0, 0.3)
    raise_brow = donor.pose.brow - target.pose.brow + rng.normal(0, 0.6)
    eyes, mouth = target.landmarks[:2], target.landmarks[3:]
    pulls = [(corner, (0.0, -0.040 * smile), 0.13) for corner in mouth]
    pulls += [(mouth.mean(0) + (0, 0.10 * size), (0.0, 0.06 * open_more), 0.14)]
    pulls += [(eye - (0, 0.17 * size), (0.0, -0.035 * raise_brow), 0.12) for eye in eyes]
    shift = np.zeros((*frame.shape[:2], 2), np.float32)
    for (x, y), pull, reach in pulls:
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (reach * size) ** 2))
        shift += near[..., None] * np.float32(size) * np.array(pull, dtype=np.float32)
    warped = cv2.remap(frame, columns - shift[..., 0], rows - shift[..., 1], cv2.INTER_LINEAR)
    warped = cv2.GaussianBlur(warped, (0, 0), 0.55)
    tilt_x, tilt_y, arch = rng.normal(0, 0.07, 3)
    along, down = target.view.longitude, target.view.height
    light = 1 + tilt_x * along + tilt_y * down + arch * (along**2 - 0.3)
    opacity = region(target, (0.0, 0.20), (1.05, 0.76), 2.5)
    return pasted(frame, warped * light[..., None], opacity)


def faceswap(target: Shot, donor: Shot, rng: np.random.Generator) -> Pixels:
    """The donor's filmed face carried over by a 3-D model, half colour-corrected, with a narrow seam."""
    seam, share = rng.uniform(0.5, 1.0), rng.uniform(0.2, 0.7)
    frame = target.image.astype(np.float32)
    surface = target.view
    lift = surface.sample(donor.head.lift)
    places = project(surface.longitude, surface.height, lift, donor.head.person.shape, donor.pose)
    seen = to_pixels(places, donor.scene)
    picture = cv2.remap(donor.image.astype(np.float32), seen[..., 0], seen[..., 1], cv2.INTER_LINEAR)
    opacity = region(target, (0.0, 0.24), (0.80, 0.56), seam) * np.clip((places[..., 2] - 0.1) * 6, 0, 1)
    return pasted(frame, matched(picture, frame, opacity, share), opacity)


def neural_textures(target: Shot, donor: Shot, rng: np.random.Generator) -> Pixels:
    """The target's mouth re-rendered with the donor's expression: smoother, with the trace of upsampling."""
    blur, trace = rng.uniform(1.0, 1.6), rng.uniform(0.04, 0.075)
    frame = target.image.astype(np.float32)
    mouth = float(np.clip(donor.pose.mouth + rng.normal(0, 0.15), 0, 1))
    pose = replace(target.pose, mouth=mouth, smile=donor.pose.smile)
    picture = cv2.GaussianBlur(render(replace(target, pose=pose)), (0, 0), blur)
    rows, columns = np.indices(frame.shape[:2], dtype=np.float32)
    grid = np.cos(rows * (np.pi / 2)) * np.cos(columns * (np.pi / 2))
    picture = picture * (1 + np.float32(trace) * grid[..., None])
    return pasted(frame, picture, region(target, (0.0, 0.56), (0.62, 0.30), 2.5))


MANIPULATIONS: dict[str, Manipulation] = {
    "Deepfakes": deepfakes,
    "Face2Face": face2face,
    "FaceSwap": faceswap,
    "NeuralTextures": neural_textures,
}
