"""What moves on a face: eyes, brows and mouth, painted on the head's texture for one pose."""

from typing import NamedTuple

import numpy as np

from demo.head import HEIGHT, LONGITUDE, Image, eye_place, mouth_place
from demo.identity import EYES, Identity
from demo.scene import Pose
from demo.skin import hair_colour, mix, ramp, skin_colour

SOFT = 0.012  # width of a painted edge, half head heights


class Patch(NamedTuple):
    """A rectangle of the texture."""

    rows: slice
    columns: slice


def patch(longitude: tuple[float, float], height: tuple[float, float]) -> Patch:
    """The texels between two longitudes and two heights."""
    columns = np.searchsorted(LONGITUDE[0], longitude)
    rows = np.searchsorted(HEIGHT[:, 0], height)
    return Patch(slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1])))


def edge(distance: Image, soft: float = SOFT) -> Image:
    """Opacity from a signed distance (negative inside)."""
    return ramp(0.5 - distance / soft)


def paint_eye(texture: Image, person: Identity, pose: Pose, side: int) -> None:
    """Paint one eye with its brow into ``texture`` (in place)."""
    shape = person.shape
    eye_x, eye_y = eye_place(shape)
    centre = side * eye_x
    where = patch((centre - 0.36, centre + 0.36), (eye_y - 0.34, eye_y + 0.16))
    out = texture[where]
    # Distances in half head heights; x grows from the nose outwards.
    x = (LONGITUDE[where] - centre) * 0.74 * side
    y = HEIGHT[where] - eye_y + x * (0.06 * shape.eye_tilt + 0.05)
    half = 0.138 * (1 + 0.05 * shape.eye_size)
    along = np.clip(1 - (x / half) ** 2, 0, 1)
    opening = (0.062 + 0.006 * shape.eye_size + 0.008 * pose.brow) * (1 - pose.blink) + 0.004
    upper = -opening * along**0.75
    lower = (0.62 * opening + 0.012 * pose.blink) * along
    inside = edge(upper - y) * edge(y - lower) * edge(abs(x) - half)
    white = np.array([0.88, 0.86, 0.84], dtype=np.float32) * (0.62 + 0.38 * skin_colour(person)[0])
    ball = np.broadcast_to(white, out.shape) * (1 - 0.35 * ramp((upper + 0.035 - y) / 0.035))[..., None]
    from_iris = np.hypot(x - 0.045 * pose.gaze_x * side, y + 0.010 - 0.02 * pose.gaze_y)
    colour = np.array(EYES[person.eyes], dtype=np.float32)
    rays = 1 + 0.25 * np.cos(17 * np.arctan2(y, x))[..., None] * ramp(from_iris / 0.05)[..., None]
    ball = mix(ball, colour * 0.35, edge(from_iris - 0.062))
    ball = ball + (colour * rays - ball) * edge(from_iris - 0.054)[..., None]
    ball = mix(ball, (0.02, 0.02, 0.02), edge(from_iris - 0.025))
    ball = mix(ball, (1.0, 1.0, 1.0), edge(np.hypot(x - 0.018 * side, y + 0.022) - 0.011, 0.008))
    lid = out * (1 - 0.22 * np.exp(-0.5 * ((y - upper + 0.028) / 0.009) ** 2) * ramp(along * 3))[..., None]
    lid = lid * (1 - 0.18 * np.exp(-0.5 * ((y - lower - 0.012) / 0.010) ** 2) * ramp(along * 3))[..., None]
    out[...] = lid + (ball - lid) * inside[..., None]
    lash = edge(abs(y - upper + 0.003) - 0.011) * edge(abs(x) - half * 1.06)
    out[...] = mix(out, hair_colour(person) * 0.25, 0.88 * lash)
    paint_brow(out, person, pose, x, y)


def paint_brow(out: Image, person: Identity, pose: Pose, x: Image, y: Image) -> None:
    """Paint the brow above an eye, given the eye's own coordinates (in place)."""
    shape = person.shape
    arch = -0.155 - 0.012 * shape.brow_height - 0.030 * pose.brow
    inner = 0.10 * np.clip(-x, 0, None) * (1 - 0.8 * pose.brow)
    line = arch + 0.9 * np.clip(x - 0.04, 0, None) ** 2 * 3 + inner
    thick = (0.026 + 0.006 * shape.brow_weight) * ramp((x + 0.155) / 0.03) * ramp((0.185 - x) / 0.14) ** 0.6
    strands = 0.82 + 0.18 * np.sin(130 * (x + 0.8 * y) + 2 * np.sin(41 * x))
    colour = hair_colour(person) * (0.45 if person.hair in ("blond", "grey", "red") else 0.7)
    out[...] = mix(out, colour, 0.88 * edge(abs(y - line) - thick, 0.022) * strands * (thick > 0.004))


def paint_mouth(texture: Image, person: Identity, pose: Pose) -> None:
    """Paint the mouth with lips and teeth into ``texture`` (in place)."""
    shape = person.shape
    half, mouth_y = mouth_place(shape)
    where = patch((-0.68, 0.68), (mouth_y - 0.20, mouth_y + 0.27))
    out = texture[where]
    half = half * (1 + 0.10 * pose.smile - 0.08 * pose.mouth)
    x = LONGITUDE[where] / half
    along = np.clip(1 - x**2, 0, 1)
    y = HEIGHT[where] - mouth_y + 0.045 * pose.smile * (x**2 - 0.4)
    full = 1 + 0.17 * shape.lips
    gap_top, gap_low = -0.012 * pose.mouth * along, (0.004 + 0.115 * pose.mouth) * along**0.8
    bow = 1 - 0.22 * np.exp(-0.5 * (x / 0.12) ** 2)
    top = gap_top - 0.044 * full * along**0.75 * bow
    low = gap_low + 0.060 * full * along**0.7
    lips = edge(top - y) * edge(y - low) * ramp((along - 0.02) * 12)
    gap = edge(gap_top - y, 0.010) * edge(y - gap_low, 0.010) * ramp((along - 0.03) * 14)
    lip_colour = skin_colour(person) * np.array([0.86, 0.58, 0.58], dtype=np.float32)
    grain = 1 + 0.06 * np.cos(60 * x) * along
    sheen = 1 + 0.20 * np.exp(-0.5 * ((y - gap_low - 0.022) / 0.010) ** 2) - 0.10 * (y < gap_top)
    out[...] = out + (lip_colour * (grain * sheen)[..., None] - out) * (0.85 * lips)[..., None]
    dark = np.broadcast_to(np.array([0.20, 0.06, 0.06], dtype=np.float32), out.shape)
    teeth = edge(y - gap_top - 0.042) * edge(abs(x) - 0.72, 0.1) * (0.9 - 0.12 * (np.cos(26 * x) > 0.93))
    inner = mix(dark, (0.86, 0.83, 0.78), teeth * (1 if pose.mouth > 0.12 else 0))
    out[...] = out + (inner - out) * gap[..., None]
    under = np.exp(-0.5 * ((y - low - 0.022) / 0.014) ** 2) * along
    corner = np.exp(-0.5 * (((abs(x) - 1.0) / 0.10) ** 2 + (y / 0.018) ** 2))
    out[...] = out * (1 - 0.16 * under - 0.28 * ramp(corner))[..., None]


def paint_expression(albedo: Image, person: Identity, pose: Pose) -> Image:
    """A copy of a head's texture with eyes, brows and mouth as ``pose`` has them.

    Parameters
    ----------
    albedo : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3)
    person : Identity
    pose : Pose

    Returns
    -------
    ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3)
    """
    texture = albedo.copy()
    for side in (-1, 1):
        paint_eye(texture, person, pose, side)
    paint_mouth(texture, person, pose)
    return texture
