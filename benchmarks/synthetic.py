"""Finished caches of any size, drawn block by block: videos, scenes, identities and groups as FaceForensics++ has them.

    python benchmarks/synthetic.py /tmp/synthetic.h5 --rows 200000 --columns 768

A block of whole groups at a time is drawn and sealed as a part, as `extract` does, so that memory stays that of a block
however many rows there are; on disk the file stands twice while its parts are joined.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xxhash

from cache.schema import FAKE, REAL, SAMPLE_COLUMNS, PromptScores, Provenance, Space
from cache.store import assemble, row_blocks, write_cache

MANIPULATIONS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
PROMPTS = {"pair": 2}  # name of a set -> its number of prompts
PART = 16_384  # rows drawn, and sealed, at a time
SCENES = 2  # of a group: each is the other's donor
COMMON, CONTENT, TRACES, FRAME = (
    2.0,
    1.0,
    0.5,
    0.3,
)  # spread of what all share, of groups and scenes, of videos, of frames
STRENGTH = 1.45  # of a manipulation, in spreads of a trace over videos
ALIKE = 0.28  # cosine between the traces of two manipulations
SPOKEN = 0.15  # share of the traces in what a prompt says


@dataclass(frozen=True)
class Directions:
    """What all rows of a cache share.

    Attributes
    ----------
    common : ndarray of float32, shape (D,)
    spread : ndarray of float32, shape (D,)
        Of contents and noise; it falls off over the directions as that of embeddings does.
    basis : ndarray of float32, shape (1 + M, D)
        Orthonormal: a direction that all manipulations share, and one of each.
    shifts : ndarray of float32, shape (1 + M, 1 + M)
        Along the basis: none for reals, then what each manipulation adds.
    """

    common: np.ndarray
    spread: np.ndarray
    basis: np.ndarray
    shifts: np.ndarray


def make_cache(
    path: Path,
    rows: int,
    columns: int,
    frames: int = 16,
    manipulations: Sequence[str] = MANIPULATIONS,
    prompts: Mapping[str, int] = PROMPTS,
    seed: int = 0,
) -> None:
    """Write a finished cache of float16 features in which a linear head does neither badly nor well.

    Trained on one manipulation, `logistic` has an AUC of videos of about .85 on it and of about .65 on others, given
    some hundred groups. The sample table follows from ``rows``, ``frames`` and ``manipulations`` alone, and of two
    sizes the smaller is the beginning of the larger: caches of other ``seed`` or ``columns`` are other encoders on the
    same samples.

    Parameters
    ----------
    path : Path
        Must not exist.
    rows : int
        The last group is cut off where they end.
    columns : int
        Of the embedding; more than there are manipulations.
    frames : int
        Of a video.
    manipulations : sequence of str
        A group is two scenes, and each has a real video and one of each manipulation.
    prompts : mapping of str to int
        Name of each prompt set, and how many prompts it has: real and fake ones in turn.
    seed : int
        Of the features.
    """
    directions = _directions(columns, len(manipulations), seed)
    of_group = SCENES * (1 + len(manipulations)) * frames
    texts = {name: _texts(directions, name, count) for name, count in prompts.items()}
    provenance = _provenance(columns, frames, prompts, seed)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts: list[Path] = []
        for groups, count in _portions(rows, of_group):
            samples = _samples(groups, frames, manipulations).iloc[:count]
            part = Path(folder) / f"{len(parts):06d}.h5"
            space = _space(directions, groups, frames, texts, provenance, count, seed)
            write_cache(part, samples, {"clean": space}, kind="part")
            parts.append(part)
        assemble(path, parts, scratch=Path(folder))


def _portions(rows: int, of_group: int) -> Iterator[tuple[range, int]]:
    """Whole groups, and how many of their rows are wanted."""
    at_once, total = max(PART // of_group, 1), -(-rows // of_group)
    for start in range(0, total, at_once):
        yield range(start, min(start + at_once, total)), min(at_once * of_group, rows - start * of_group)


def _directions(columns: int, manipulations: int, seed: int) -> Directions:
    rng = np.random.default_rng((seed, 0))
    spread = np.arange(1, columns + 1) ** -0.6
    basis = np.linalg.qr(rng.normal(size=(columns, 1 + manipulations)))[0].T
    own = np.eye(1 + manipulations)[1:] * (1 - ALIKE) ** 0.5
    own[:, 0] = ALIKE**0.5
    shifts = np.vstack([np.zeros(1 + manipulations), STRENGTH * own])
    common = COMMON * rng.normal(size=columns) / columns**0.5
    single = [array.astype(np.float32) for array in (common, spread / np.linalg.norm(spread), basis, shifts)]
    return Directions(*single)


def _samples(groups: range, frames: int, manipulations: Sequence[str]) -> pd.DataFrame:
    """The sample table of some groups: scene by scene, manipulation by manipulation, frame by frame."""
    videos = [
        _video(f"{target:06d}", f"{source:06d}", f"{2 * group:06d}", name)
        for group in groups
        for target, source in ((2 * group, 2 * group + 1), (2 * group + 1, 2 * group))
        for name in ("real", *manipulations)
    ]
    table = pd.DataFrame(videos)
    table = table.loc[np.repeat(np.arange(len(table)), frames)].reset_index(drop=True)
    table["frame"] = np.tile(np.arange(frames) * 10, len(videos))
    numbers = table["frame"].map("{:04d}".format)
    table["sample_id"] = table["video_id"] + "/" + numbers
    table["path"] = table["video_id"].str.removeprefix("FF++/c23/") + "/" + numbers + ".png"
    table["file_hash"] = [xxhash.xxh3_128_hexdigest(name.encode()) for name in table["sample_id"]]
    table["pixel_hash"] = [xxhash.xxh3_128_hexdigest(f"{name}#".encode()) for name in table["sample_id"]]
    table["byte_size"] = 50_000 + np.array([int(name[:4], 16) for name in table["file_hash"]])
    return table.assign(root="synthetic", width=256, height=256, format="PNG", quantization="")[list(SAMPLE_COLUMNS)]


def _video(target: str, source: str, group: str, manipulation: str) -> dict[str, object]:
    real = manipulation == "real"
    name = target if real else f"{target}_{source}"
    return {
        "dataset": "FF++",
        "compression": "c23",
        "manipulation": manipulation,
        "video_id": f"FF++/c23/{manipulation}/{name}",
        "scene": f"FF++/{target}",
        "identities": f"FF++/{target}" if real else f"FF++/{target} FF++/{source}",
        "group": f"FF++/{group}",
        "split": "",
        "label": REAL if real else FAKE,
    }


def _space(
    directions: Directions,
    groups: range,
    frames: int,
    texts: dict[str, PromptScores],
    provenance: Provenance,
    count: int,
    seed: int,
) -> Space:
    """Features of the first rows of some groups, and their similarities to the prompts."""
    *of_videos, of_frames = (np.random.default_rng((seed, 1 + which, groups.start)) for which in range(4))
    videos = _videos(directions, len(groups), of_videos)
    embedding = np.empty((count, len(directions.common)), np.float16)
    similarity = {name: np.empty((count, len(one.texts)), np.float32) for name, one in texts.items()}
    noise = FRAME * directions.spread
    for block in row_blocks(count, 4096):
        exact = of_frames.standard_normal((block.stop - block.start, embedding.shape[1]), np.float32)
        exact *= noise
        exact += videos[np.arange(block.start, block.stop) // frames]
        embedding[block] = exact
        exact /= np.linalg.norm(exact, axis=1, keepdims=True)
        for name, one in texts.items():
            similarity[name][block] = exact @ one.text_embeddings.T
    prompts = {
        name: PromptScores(one.texts, one.labels, one.text_embeddings, similarity[name]) for name, one in texts.items()
    }
    return Space(provenance, {"embedding": embedding}, {"logit_scale": 100.0, "encoder_parameters": 8.6e7}, prompts)


def _videos(directions: Directions, groups: int, rngs: Sequence[np.random.Generator]) -> np.ndarray:
    """The middle of each video of some groups, float32, (videos, D); each part of it has draws of its own."""
    kinds, columns = len(directions.shifts), len(directions.common)
    shapes = ((groups, 1, 1, columns), (groups, SCENES, 1, columns), (groups, SCENES, kinds, kinds))
    group, scene, trace = (rng.standard_normal(shape, np.float32) for rng, shape in zip(rngs, shapes, strict=True))
    traces = TRACES * (trace + directions.shifts) @ directions.basis
    return (directions.common + CONTENT * directions.spread * (group + scene) + traces).reshape(-1, columns)


def _texts(directions: Directions, name: str, count: int) -> PromptScores:
    """Prompts that speak of no video in particular; fake ones a little of what all manipulations share."""
    rng = np.random.default_rng(list(name.encode()))
    labels = np.arange(count, dtype=np.int8) % 2
    embeddings = rng.normal(size=(count, len(directions.common))) / len(directions.common) ** 0.5
    embeddings += SPOKEN * labels[:, None] * directions.basis.sum(axis=0)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    texts = [f"a {('real', 'fake')[label]} face, {index // 2}" for index, label in enumerate(labels)]
    return PromptScores(texts, labels, embeddings.astype(np.float32), np.empty((0, count), np.float32))


def _provenance(columns: int, frames: int, prompts: Mapping[str, int], seed: int) -> Provenance:
    return Provenance(
        model="synthetic",
        architecture=f"drawn-{columns}",
        weights=xxhash.xxh3_128_hexdigest(f"{columns}/{seed}".encode()),
        adapter="none",
        preprocessing="none",
        decoder="none",
        sampling=f"{frames} frames",
        crop="face",
        view="clean",
        tokens="none",
        precision="float32",
        prompts=" ".join(f"{name}:{count}" for name, count in sorted(prompts.items())) or "none",
        software=f"numpy {np.__version__}",
    )


def main() -> None:
    """Write one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    make_cache(given.path, given.rows, given.columns, given.frames, seed=given.seed)


if __name__ == "__main__":
    main()
