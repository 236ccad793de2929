"""Who is in the picture: the attributes and the face shape of one imagined person."""

from dataclasses import dataclass, replace

import numpy as np

Rgb = tuple[float, float, float]

SKINS: dict[str, Rgb] = {
    "pale": (0.93, 0.77, 0.69),
    "fair": (0.86, 0.67, 0.55),
    "olive": (0.75, 0.57, 0.42),
    "brown": (0.60, 0.42, 0.31),
    "dark": (0.43, 0.29, 0.22),
}
HAIRS: dict[str, Rgb] = {
    "black": (0.09, 0.08, 0.08),
    "brown": (0.28, 0.18, 0.11),
    "blond": (0.76, 0.60, 0.36),
    "red": (0.55, 0.24, 0.10),
    "grey": (0.60, 0.59, 0.58),
}
EYES: dict[str, Rgb] = {"brown": (0.30, 0.18, 0.10), "blue": (0.30, 0.47, 0.65), "green": (0.34, 0.44, 0.26)}
STYLES = ("bald", "short", "fringe", "long")
BEARDS = ("no beard", "stubble", "moustache", "full beard")
TEXTURES = ("smooth", "freckled", "wrinkled")


@dataclass(frozen=True)
class Shape:
    """Deviations of one face from the mean face, each about standard normal."""

    width: float
    jaw: float
    eye_gap: float
    eye_size: float
    eye_height: float
    eye_tilt: float
    brow_height: float
    brow_weight: float
    nose_width: float
    nose_length: float
    mouth_width: float
    mouth_height: float
    lips: float
    chin: float
    cheeks: float
    hairline: float


@dataclass(frozen=True)
class Identity:
    """One person: nameable attributes, a shape, and the seed of what has no name (pores, streaks)."""

    skin: str
    skin_texture: str
    hair: str
    style: str
    beard: str
    eyes: str
    glasses: bool
    shape: Shape
    tone: Rgb
    seed: int


def sample_identity(rng: np.random.Generator, like: Identity | None = None) -> Identity:
    """Draw a person; with ``like``, one whom a face swapper would pick as the other's donor.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of every choice.
    like : Identity, optional
        A person whose skin, hair colour, beard and glasses the new one shares.

    Returns
    -------
    Identity
    """
    shape = Shape(*(float(value) for value in np.clip(rng.standard_normal(16), -2.0, 2.0)))
    person = Identity(
        skin=str(rng.choice(list(SKINS))),
        skin_texture=str(rng.choice(TEXTURES, p=(0.5, 0.25, 0.25))),
        hair=str(rng.choice(list(HAIRS))),
        style=str(rng.choice(STYLES, p=(0.13, 0.33, 0.24, 0.3))),
        beard=str(rng.choice(BEARDS, p=(0.58, 0.14, 0.14, 0.14))),
        eyes=str(rng.choice(list(EYES))),
        glasses=bool(rng.random() < 0.25),
        shape=shape,
        tone=(float(rng.normal(0, 0.025)), float(rng.normal(0, 0.012)), float(rng.normal(0, 0.012))),
        seed=int(rng.integers(2**31)),
    )
    if like is None:
        return person
    return replace(person, skin=like.skin, hair=like.hair, beard=like.beard, glasses=like.glasses)
