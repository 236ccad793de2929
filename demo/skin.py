"""What does not move on a head: skin, beard, hair and glasses, painted once per person."""

from dataclasses import dataclass

import cv2
import numpy as np

from demo.head import (
    HEIGHT,
    LONGITUDE,
    TEXTURE_HEIGHT,
    TEXTURE_WIDTH,
    Image,
    bump,
    eye_place,
    mouth_place,
    relief,
    surface_normals,
)
from demo.identity import HAIRS, SKINS, Identity, Shape


@dataclass(frozen=True)
class Head:
    """A person's painted head.

    Attributes
    ----------
    person : Identity
    albedo : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3)
        Skin colour without eyes, brows and mouth, which move.
    lift : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH)
        The bump map.
    normals : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3)
    hair, glasses : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH, 4)
        Colour and opacity of the shells above the skin.
    hair_lift : ndarray of float32, shape (TEXTURE_HEIGHT, TEXTURE_WIDTH)
        How far the hair stands off the skin.
    """

    person: Identity
    albedo: Image
    lift: Image
    normals: Image
    hair: Image
    hair_lift: Image
    glasses: Image | None


def noise(rng: np.random.Generator, rows: int, columns: int) -> Image:
    """Smooth noise of unit variance over the texture with about rows x columns bumps."""
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    field = cv2.resize(coarse, (TEXTURE_WIDTH, TEXTURE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return field / (field.std() + 1e-6)


def ramp(value: Image) -> Image:
    """Clip to [0, 1]."""
    return np.clip(value, 0, 1)


def mix(base: Image, colour: np.ndarray | tuple[float, ...], opacity: Image) -> Image:
    """Lay a colour over a texture."""
    return base + (np.asarray(colour, dtype=np.float32) - base) * opacity[..., None]


def skin_colour(person: Identity) -> np.ndarray:
    """Mean skin colour, (3,) float32."""
    return np.clip(np.array(SKINS[person.skin]) * (1 + np.array(person.tone)), 0, 1).astype(np.float32)


def hair_colour(person: Identity) -> np.ndarray:
    """Mean hair colour, (3,) float32."""
    return np.clip(np.array(HAIRS[person.hair]) * (1 + 2 * person.tone[0]), 0, 1).astype(np.float32)


def paint_skin(person: Identity, rng: np.random.Generator) -> Image:
    """Skin with blotches, pores, redness, freckles or wrinkles; (H, W, 3) float32."""
    x, y, shape = LONGITUDE, HEIGHT, person.shape
    eye_x, eye_y = eye_place(shape)
    rough = {"smooth": 0.6, "freckled": 1.0, "wrinkled": 1.25}[person.skin_texture]
    texture = 0.020 * noise(rng, 9, 10) + 0.018 * noise(rng, 30, 34) + rough * 0.026 * noise(rng, 72, 80)
    texture += rough * 0.030 * noise(rng, 144, 160)
    tone = skin_colour(person) * (1 + texture[..., None] * np.array([0.9, 1.0, 1.1], dtype=np.float32))
    red = 0.30 * bump(x, y, (0, 0.27), (0.12, 0.08))
    shade = np.zeros_like(x)
    for side in (-1, 1):
        red += 0.28 * bump(x, y, (side * 0.62, 0.22), (0.20, 0.14))
        shade += 0.17 * bump(x, y, (side * eye_x, eye_y + 0.085), (0.13, 0.03))
        shade += 0.10 * bump(x, y, (side * (eye_x - 0.14), eye_y), (0.07, 0.06))
        shade += 0.60 * bump(x, y, (side * 0.085, 0.315 + 0.03 * shape.nose_length), (0.038, 0.014))
        fold = 0.17 + (y - 0.27) * 0.75
        depth = 0.22 if person.skin_texture == "wrinkled" else 0.13
        line = np.exp(-0.5 * ((side * x - fold) / 0.022) ** 2)
        shade += depth * line * ramp((y - 0.26) / 0.05) * ramp((0.52 - y) / 0.1)
    if person.skin_texture == "wrinkled":
        rows = np.sin((y + 0.05 * np.cos(1.5 * x) + 0.006 * noise(rng, 12, 20)) * 62)
        forehead = ramp((-0.26 - y) / 0.04) * ramp((y + 0.6) / 0.1) * ramp((0.8 - abs(x)) / 0.3)
        shade += 0.22 * ramp(rows - 0.55) / 0.45 * forehead
    if person.skin_texture == "freckled":
        spots = ramp((noise(rng, 60, 66) - 1.25) * 1.6)
        shade += 0.30 * spots * ramp(0.15 + bump(x, np.asarray(y), (0, 0.12), (0.75, 0.22)))
    tone = tone * (1 - ramp(shade))[..., None]
    return tone * (1 - 0.55 * ramp(red)[..., None] * np.array([0.03, 0.20, 0.17], dtype=np.float32))


def beard_opacity(person: Identity, rng: np.random.Generator) -> Image:
    """How much of the skin the beard hides, (H, W) float32."""
    x, y = LONGITUDE, HEIGHT
    mouth_half, mouth_y = mouth_place(person.shape)
    strands = ramp(0.78 + 0.22 * noise(rng, 40, 150))
    edge = 0.03 * noise(rng, 16, 26)
    upper = ramp((mouth_half + 0.02 - abs(x) + edge) / 0.06) * ramp((y - mouth_y + 0.145 + edge) / 0.03)
    moustache = upper * ramp((mouth_y - 0.035 + 0.30 * np.clip(abs(x) - 0.2, 0, 1) - y) / 0.02)
    jaw_line = 0.36 + 0.36 * np.exp(-0.5 * (x / 0.33) ** 2) - 0.32 * ramp((abs(x) - 0.85) / 0.6)
    jaw = ramp((y - jaw_line + edge) / 0.08)
    around = 1 - np.exp(-((x / (mouth_half + 0.03)) ** 4 + ((y - mouth_y - 0.01) / 0.085) ** 4))
    opacity = {
        "no beard": 0 * x,
        "stubble": 0.30 * np.maximum(jaw * around, moustache),
        "moustache": 0.92 * moustache,
        "full beard": 0.95 * np.maximum(jaw * around, moustache),
    }[person.beard]
    return (opacity * strands).astype(np.float32)


def paint_hair(person: Identity, rng: np.random.Generator) -> Image:
    """The shell of hair, colour and opacity, (H, W, 4) float32."""
    x, y = LONGITUDE, HEIGHT
    streaks = 0.6 * noise(rng, 5, 150) + 0.5 * noise(rng, 8, 60) + 0.35 * noise(rng, 30, 160)
    colour = hair_colour(person) * (1 + 0.20 * streaks[..., None]) + 0.02 * ramp(streaks)[..., None]
    top = {"bald": -2.0, "short": -0.60, "fringe": -0.34, "long": -0.60}[person.style]
    bottom = {"bald": -0.05, "short": 0.02, "fringe": 0.05, "long": 1.2}[person.style]
    side = {"bald": 1.42, "short": 1.16, "fringe": 1.10, "long": 0.98}[person.style]
    line = top + 0.035 * person.shape.hairline + 0.10 * (x / 0.9) ** 2
    line = line + 0.035 * noise(rng, 4, 12) + 0.03 * streaks
    over = ramp((line - y) / 0.035)
    sides = ramp((abs(x) - side + 0.03 * streaks) / 0.05) * ramp((bottom - y) / 0.08)
    return np.dstack([np.clip(colour, 0, 1), np.maximum(over, sides)]).astype(np.float32)


def paint_glasses(shape: Shape, rng: np.random.Generator) -> Image:
    """Frames of glasses as a shell, colour and opacity, (H, W, 4) float32."""
    eye_x, eye_y = eye_place(shape)
    squareness = float(rng.choice([2.0, 4.0]))
    thick = float(rng.uniform(0.018, 0.034))
    opacity = 0 * LONGITUDE
    for side in (-1, 1):
        across, down = (LONGITUDE - side * eye_x) / 0.30, (HEIGHT - eye_y - 0.02) / 0.155
        radius = (abs(across) ** squareness + abs(down) ** squareness) ** (1 / squareness)
        opacity = np.maximum(opacity, ramp((thick - abs(radius - 1) * 0.2) / 0.012))
    bridge = ramp((thick - abs(HEIGHT - eye_y + 0.02)) / 0.012) * (abs(LONGITUDE) < eye_x - 0.27)
    temple = ramp((thick - abs(HEIGHT - eye_y + 0.03)) / 0.012) * (abs(LONGITUDE) > eye_x + 0.28)
    colour = np.full((*LONGITUDE.shape, 3), rng.uniform(0.03, 0.22), dtype=np.float32)
    return np.dstack([colour, np.maximum(opacity, np.maximum(bridge, temple))]).astype(np.float32)


def paint_head(person: Identity) -> Head:
    """Paint all of a head that expression does not change.

    Parameters
    ----------
    person : Identity

    Returns
    -------
    Head
    """
    rng = np.random.default_rng(person.seed)
    lift = relief(person.shape)
    albedo = paint_skin(person, rng)
    hair = paint_hair(person, rng)
    hidden = beard_opacity(person, rng)
    albedo = mix(albedo, hair_colour(person) * 0.85 + 0.02, hidden)
    # Hair and hollows keep light away from the skin around them.
    shadow = cv2.GaussianBlur(hair[..., 3], (0, 0), 7)
    hollow = np.clip((cv2.GaussianBlur(lift, (0, 0), 9) - lift) * 7, -0.12, 0.45)
    albedo = albedo * ((1 - 0.30 * shadow) * (1 - hollow))[..., None]
    lift = lift + 0.012 * hidden * ramp(noise(rng, 60, 100) * 0.5 + 0.5)
    # Volume only on the crown: a thick edge at the temples would float beside the face.
    hair_lift = 0.015 + 0.06 * (shadow * ramp((-0.45 - HEIGHT) / 0.35)).astype(np.float32)
    glasses = paint_glasses(person.shape, rng) if person.glasses else None
    normals = surface_normals(lift, person.shape)
    return Head(person, albedo.astype(np.float32), lift, normals, hair, hair_lift, glasses)
