"""Write the demo's data set, FaceForensics++ in miniature: `python -m demo.generate ROOT`."""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from cache.errors import InputError
from demo.faces import Pixels, Shot, film
from demo.identity import Identity, sample_identity
from demo.manipulations import MANIPULATIONS
from demo.scene import Scene, sample_scene
from demo.skin import paint_head

VERSION = 1  # raise it when the same parameters give other pictures
DEMO_STREAM = 1  # keeps these people apart from those on whom the small CLIP was trained (stream 2)
FRAME_STEP = 25  # frames of the imagined video between two pictures
COMPRESSION = "c23"
NOTE = "demo.json"


def cast(seed: int, scene: int, like: tuple[Identity, Scene] | None = None) -> tuple[Identity, Scene]:
    """Who plays in a scene, and the scene itself; with ``like``, those of a donor for it."""
    rng = np.random.default_rng([DEMO_STREAM, seed, scene])
    person, setting = like or (None, None)
    return sample_identity(rng, person), sample_scene(rng, setting)


def film_pair(seed: int, pair: int, frames: list[int]) -> tuple[list[Shot], list[Shot]]:
    """Film scenes 2k and 2k+1, whose people resemble each other as donors do."""
    first, first_scene = cast(seed, 2 * pair)
    second, second_scene = cast(seed, 2 * pair + 1, like=(first, first_scene))
    heads = paint_head(first), paint_head(second)
    return (
        [film(heads[0], first_scene, frame) for frame in frames],
        [film(heads[1], second_scene, frame) for frame in frames],
    )


def pictures_of_pair(seed: int, pair: int, frames: list[int]) -> Iterator[tuple[str, Pixels, int]]:
    """Every picture of two scenes: its path in the tree, its pixels, its JPEG quality."""
    shots = film_pair(seed, pair, frames)
    for side in (0, 1):
        scene, donor_scene = 2 * pair + side, 2 * pair + 1 - side
        for number, target, donor in zip(frames, shots[side], shots[1 - side], strict=True):
            place = f"{COMPRESSION}/frames/{scene:03d}"
            quality = target.scene.quality
            yield f"original_sequences/youtube/{place}/{number:03d}.jpg", target.crop(target.image), quality
            for index, (name, manipulate) in enumerate(MANIPULATIONS.items()):
                # The same draws for every frame: a manipulation's settings belong to the video.
                rng = np.random.default_rng([DEMO_STREAM, seed, scene, index + 1])
                path = f"manipulated_sequences/{name}/{place}_{donor_scene:03d}/{number:03d}.jpg"
                yield path, target.crop(manipulate(target, donor, rng)), quality


def write_pair(root: Path, seed: int, frames: list[int], pair: int) -> None:
    """Write every picture of two scenes, encoded once."""
    cv2.setNumThreads(1)
    for path, pixels, quality in pictures_of_pair(seed, pair, frames):
        encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded.tobytes())


def is_complete(root: Path, note: dict[str, int]) -> bool:
    """Whether ``root`` is this very data set; refuses a folder that is something else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    file = root / NOTE
    found = file.read_text(encoding="utf-8") if file.is_file() else "no demo.json"
    if found == json.dumps(note):
        return True
    raise InputError(
        f"{root} is not the demo asked for: found {found}, wanted {json.dumps(note)};"
        " name another folder or remove this one"
    )


def make_demo(root: Path, n_scenes: int = 150, n_frames: int = 5, seed: int = 0, workers: int | None = None) -> Path:
    """Make the demo's data set: a small FaceForensics++ of rendered faces, as JPEG face crops.

    Parameters
    ----------
    root : Path
        Folder to make, in the native tree: ``original_sequences/youtube/c23/frames/000/025.jpg`` and
        ``manipulated_sequences/<method>/c23/frames/000_001/025.jpg`` (target_source).
        It appears when it is complete.
    n_scenes : int
        Videos of real faces, an even number from 2 to 1000: scenes 2k and 2k+1 are each other's donors.
    n_frames : int
        Pictures of a video, at least 1.
    seed : int
        Draws other people and scenes.
    workers : int, optional
        Processes; the number of cores by default. The pictures do not depend on it.

    Returns
    -------
    Path
        ``root``. Nothing is done when it holds this very data set already.

    Raises
    ------
    InputError
        ``root`` holds something else, or a number is out of range.
    """
    if n_scenes % 2 or not 2 <= n_scenes <= 1000 or n_frames < 1 or seed < 0:
        raise InputError(
            f"cannot make {n_scenes} scenes of {n_frames} frames with seed {seed}:"
            " scenes come in pairs, from 2 to 1000; frames are 1 or more; the seed is 0 or more"
        )
    root = Path(root)
    note = {"version": VERSION, "n_scenes": n_scenes, "n_frames": n_frames, "seed": seed}
    if is_complete(root, note):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    workers = workers or os.cpu_count() or 1
    draft = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        write = partial(write_pair, draft, seed, [FRAME_STEP * i for i in range(n_frames)])
        if workers == 1:
            list(map(write, range(n_scenes // 2)))
        else:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                list(pool.map(write, range(n_scenes // 2)))
        (draft / NOTE).write_text(json.dumps(note), encoding="utf-8")
        draft.chmod(0o755)
        draft.replace(root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return root


def main() -> None:
    """Parse the command line and make the data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder to make")
    parser.add_argument("--scenes", type=int, default=150, help="videos of real faces (default %(default)s)")
    arguments = parser.parse_args()
    print(make_demo(arguments.root, n_scenes=arguments.scenes))


if __name__ == "__main__":
    main()
