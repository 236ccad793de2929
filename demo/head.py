"""The head as a surface: a tapered ellipsoid with a bump map, seen by an orthographic camera."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from demo.identity import Shape
from demo.scene import Pose

Image = npt.NDArray[Any]  # float32: a texture, a map over the pixels, or a picture

TEXTURE_WIDTH, TEXTURE_HEIGHT = 320, 288
LONGITUDE_MAX, HEIGHT_MAX = 1.75, 1.04
# Texture coordinates of every texel: longitude in radians (0 = nose), height -1 (crown) to 1 (chin).
LONGITUDE, HEIGHT = (
    grid.astype(np.float32)
    for grid in np.meshgrid(
        np.linspace(-LONGITUDE_MAX, LONGITUDE_MAX, TEXTURE_WIDTH),
        np.linspace(-HEIGHT_MAX, HEIGHT_MAX, TEXTURE_HEIGHT),
    )
)


@dataclass(frozen=True)
class View:
    """Where the camera sees the surface.

    Attributes
    ----------
    longitude, height : ndarray of float32, shape (S, S)
        Surface coordinates under every pixel (meaningless where ``alpha`` is 0).
    alpha : ndarray of float32, shape (S, S)
        Share of the pixel that the surface covers.
    """

    longitude: Image
    height: Image
    alpha: Image

    def sample(self, texture: Image) -> Image:
        """Look a texture (H, W) or (H, W, C) up under every pixel."""
        x = (self.longitude / LONGITUDE_MAX + 1) * (0.5 * (TEXTURE_WIDTH - 1))
        y = (self.height / HEIGHT_MAX + 1) * (0.5 * (TEXTURE_HEIGHT - 1))
        return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def bump(x: Image, y: Image, at: tuple[float, float], size: tuple[float, float]) -> Image:
    """A Gaussian hill of height 1 at ``at`` with standard deviations ``size``."""
    return np.exp(-0.5 * (((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2))


def semi_axes(shape: Shape) -> tuple[float, float, float]:
    """Semi-axes (across, up, forward) of the head in units of its half height."""
    return 0.765 * (1 + 0.035 * shape.width), 1.0, 0.88


def taper(height: Image, shape: Shape) -> Image:
    """Width of the head at a height, as a share of the ellipsoid's."""
    down = np.clip(height, 0, 1)
    return 1 + 0.05 * shape.jaw * down - 0.20 * down * np.sqrt(down) + 0.16 * np.square(np.clip(-height, 0, 1))


def eye_place(shape: Shape) -> tuple[float, float]:
    """Longitude and height of the left-hand eye's centre (the other mirrors it)."""
    return 0.45 + 0.03 * shape.eye_gap, -0.06 + 0.025 * shape.eye_height


def mouth_place(shape: Shape) -> tuple[float, float]:
    """Half width (radians) and height of the mouth."""
    return 0.36 + 0.035 * shape.mouth_width, 0.53 + 0.022 * shape.mouth_height


def relief(shape: Shape) -> Image:
    """The bump map: relative displacement outwards, (TEXTURE_HEIGHT, TEXTURE_WIDTH) float32."""
    x, y = LONGITUDE, HEIGHT
    eye_x, eye_y = eye_place(shape)
    mouth_y = mouth_place(shape)[1]
    tip = 0.27 + 0.03 * shape.nose_length
    wide = 0.115 * (1 + 0.13 * shape.nose_width)
    ridge = np.clip((y - eye_y + 0.12) / (tip - eye_y + 0.12), 0, 1) * np.clip((tip + 0.06 - y) / 0.07, 0, 1)
    out = 0.17 * ridge * np.exp(-0.5 * (x / (0.6 * wide + 0.25 * wide * ridge)) ** 2)
    out += 0.06 * bump(x, y, (0, tip), (0.6 * wide, 0.055))
    lower_lip = 0.02 * bump(x, y, (0, mouth_y + 0.07), (0.16, 0.03))
    out += 0.035 * bump(x, y, (0, mouth_y), (0.24, 0.10)) + lower_lip
    out -= 0.03 * bump(x, y, (0, mouth_y + 0.13), (0.2, 0.04))
    out += (0.055 + 0.015 * shape.chin) * bump(x, y, (0, 0.84), (0.20, 0.09))
    for side in (-1, 1):
        out -= 0.075 * bump(x, y, (side * (eye_x - 0.04), eye_y - 0.01), (0.16, 0.085))
        out += 0.028 * bump(x, y, (side * eye_x, eye_y), (0.10, 0.05))
        out += 0.030 * bump(x, y, (side * (eye_x - 0.03), eye_y - 0.17), (0.24, 0.06))
        out += (0.040 + 0.012 * shape.cheeks) * bump(x, y, (side * 0.66, 0.18), (0.22, 0.13))
        out -= (0.020 + 0.010 * shape.cheeks) * bump(x, y, (side * 0.72, 0.50), (0.20, 0.14))
        out += 0.040 * bump(x, y, (side * wide * 1.15, tip + 0.015), (0.045, 0.04))
    return out.astype(np.float32)


def surface_points(longitude: Image, height: Image, lift: Image, shape: Shape) -> Image:
    """Points (..., 3) of the surface in head coordinates (x right, y down, z to the camera)."""
    across, up, forward = semi_axes(shape)
    radius = np.sqrt(np.clip(1 - height**2, 1e-4, None))
    points = np.stack(
        [
            across * taper(height, shape) * radius * np.sin(longitude),
            up * height,
            forward * radius * np.cos(longitude),
        ],
        axis=-1,
    )
    return (points * (1 + lift)[..., None]).astype(np.float32)


def surface_normals(lift: Image, shape: Shape) -> Image:
    """Unit normals of the bumped surface at every texel, (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3) float32."""
    points = surface_points(LONGITUDE, np.clip(HEIGHT, -0.995, 0.995), lift, shape)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    return (normal / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)).astype(np.float32)


def rotation(pose: Pose) -> npt.NDArray[np.float32]:
    """Head to camera: yaw, then pitch, then roll, (3, 3) float32."""
    cy, sy, cp, sp = np.cos(pose.yaw), np.sin(pose.yaw), np.cos(pose.pitch), np.sin(pose.pitch)
    cr, sr = np.cos(pose.roll), np.sin(pose.roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (tilt @ nod @ turn).astype(np.float32)


def project(longitude: Image, height: Image, lift: Image, shape: Shape, pose: Pose) -> Image:
    """Surface to camera coordinates (..., 3): x and y in half head heights, z towards the camera."""
    return surface_points(longitude, height, lift, shape) @ rotation(pose).T


def look(x: Image, y: Image, pixel: float, shape: Shape, pose: Pose, lift: Image | float) -> View:
    """Find the surface under every pixel by a few fixed-point steps of ray against bumped ellipsoid.

    Parameters
    ----------
    x, y : ndarray of float32, shape (S, S)
        Camera coordinates of the pixels, in half head heights.
    pixel : float
        Pixels in a half head height (softens the outline by one pixel).
    shape, pose
        Whose head, how held.
    lift : ndarray (TEXTURE_HEIGHT, TEXTURE_WIDTH) or float
        The bump map, or the constant height of a shell above the skin.

    Returns
    -------
    View
    """
    turn = rotation(pose)
    ray = turn.T @ np.array([0, 0, 1], dtype=np.float32)
    origin = [turn[0, axis] * x + turn[1, axis] * y for axis in range(3)]
    across, up, forward = semi_axes(shape)
    height = np.clip(origin[1], -1, 1)
    view = View(height, height, height)
    for step in range(2 if isinstance(lift, float) else 4):
        swell = 1 + (lift if isinstance(lift, float) else view.sample(lift) if step else 0.0)
        axes = (across * taper(height, shape) * swell, up * swell, forward * swell)
        along = sum(ray[i] ** 2 / axes[i] ** 2 for i in range(3))
        half = sum(ray[i] * origin[i] / axes[i] ** 2 for i in range(3))
        rest = sum(origin[i] ** 2 / axes[i] ** 2 for i in range(3))
        nearest = rest - half**2 / along
        reach = (-half + np.sqrt(np.clip(along * (1 - nearest), 0, None))) / along
        hit = [(origin[i] + reach * ray[i]) / axes[i] for i in range(3)]
        height = np.clip(hit[1], -1, 1)
        alpha = np.clip((1 - np.sqrt(nearest)) * pixel + 0.5, 0, 1)
        found = (np.arctan2(hit[0], hit[2]), height, alpha)
        view = View(*(array.astype(np.float32) for array in found))
    return view
