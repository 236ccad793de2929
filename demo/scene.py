"""What surrounds the person: head motion, light, backdrop and the camera, drawn once per imagined video."""

from dataclasses import dataclass, replace

import numpy as np

from demo.identity import Rgb

BACKDROPS = ("plain", "outdoors", "office")
# Mean azimuth of the light and its spread, radians.
LIGHTS: dict[str, tuple[float, float]] = {
    "from the left": (-0.9, 0.25),
    "from the front": (0.0, 0.15),
    "from the right": (0.9, 0.25),
}
QUALITY_RANGE = (62, 93)  # of the JPEG files


@dataclass(frozen=True)
class Pose:
    """One instant of a head: angles in radians, expression in units of their usual reach."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    brow: float = 0.0
    blink: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True)
class Motion:
    """A head's motion over time: one sinusoid about a mean for every angle and expression."""

    mean: tuple[float, ...]
    reach: tuple[float, ...]
    period: tuple[float, ...]
    phase: tuple[float, ...]

    def at(self, frame: int) -> Pose:
        """The pose at a frame number of the imagined video (25 frames a second)."""
        wave = np.sin(2 * np.pi * frame / np.array(self.period) + np.array(self.phase))
        yaw, pitch, roll, mouth, smile, brow, blink, gaze_x, gaze_y = np.array(self.mean) + np.array(self.reach) * wave
        return Pose(
            yaw=float(yaw),
            pitch=float(pitch),
            roll=float(roll),
            mouth=float(np.clip(mouth, 0.0, 1.0)),
            smile=float(smile),
            brow=float(brow),
            blink=float(np.clip((blink - 0.8) / 0.2, 0.0, 1.0)),
            gaze_x=float(gaze_x),
            gaze_y=float(gaze_y),
        )


@dataclass(frozen=True)
class Scene:
    """One imagined video: motion, light, backdrop, clothing and camera."""

    motion: Motion
    light: str
    light_direction: tuple[float, float, float]
    ambient: float
    warmth: float
    backdrop: str
    backdrop_colours: tuple[Rgb, Rgb]
    clothing: Rgb
    head_size: float
    blur: float
    noise: float
    gain: float
    contrast: float
    quality: int
    seed: int


def sample_motion(rng: np.random.Generator) -> Motion:
    """Draw how a head moves in one video."""
    spread = np.array([0.28, 0.10, 0.07, 0.22, 0.55, 0.5, 0.0, 0.35, 0.15])
    reach = np.array([0.16, 0.07, 0.05, 0.35, 0.35, 0.5, 1.0, 0.4, 0.2]) * rng.uniform(0.5, 1.0, 9)
    reach[6] = 1.0
    mean = rng.normal(0, spread)
    mean[0] = np.clip(mean[0], -0.55, 0.55)
    mean[3] = abs(mean[3])
    return Motion(
        mean=tuple(mean.tolist()),
        reach=tuple(reach.tolist()),
        period=tuple(rng.uniform(35, 150, 9).tolist()),
        phase=tuple(rng.uniform(0, 2 * np.pi, 9).tolist()),
    )


def sample_scene(rng: np.random.Generator, like: Scene | None = None) -> Scene:
    """Draw everything about one imagined video that is not the person.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of every choice.
    like : Scene, optional
        A video whose light and head direction the new one nearly shares, as a face swapper's donor would.

    Returns
    -------
    Scene
    """
    light = str(rng.choice(list(LIGHTS)))
    azimuth, spread = LIGHTS[light]
    angle = azimuth + rng.normal(0, spread)
    height = rng.uniform(0.15, 0.8)
    direction = np.array([np.sin(angle), -height, np.cos(angle)])
    direction /= np.linalg.norm(direction)
    colours = rng.uniform(0.08, 0.9, (3, 1)) * (1 + rng.normal(0, 0.25, (3, 3)))
    first, second, clothing = (tuple(np.clip(colour, 0, 1).tolist()) for colour in colours)
    scene = Scene(
        motion=sample_motion(rng),
        light=light,
        light_direction=tuple(direction.tolist()),
        ambient=float(rng.uniform(0.35, 0.62)),
        warmth=float(rng.normal(0, 0.05)),
        backdrop=str(rng.choice(BACKDROPS)),
        backdrop_colours=(first, second),
        clothing=clothing,
        head_size=float(rng.uniform(72, 90)),
        blur=float(rng.uniform(0.25, 0.95)),
        noise=float(rng.uniform(0.004, 0.020)),
        gain=float(rng.uniform(0.85, 1.15)),
        contrast=float(rng.uniform(0.85, 1.15)),
        quality=int(rng.integers(*QUALITY_RANGE)),
        seed=int(rng.integers(2**31)),
    )
    if like is None:
        return scene
    yaw = like.motion.mean[0] + float(rng.normal(0, 0.08))
    motion = replace(scene.motion, mean=(yaw, *scene.motion.mean[1:]))
    nearby = np.array(like.light_direction) + rng.normal(0, 0.35, 3)
    nearby /= np.linalg.norm(nearby)
    return replace(scene, motion=motion, light=like.light, light_direction=tuple(nearby.tolist()))
