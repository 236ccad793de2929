"""Pictures and videos, embedded as the features of a head were, into a cache that is only scored."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import Provenance
from extract.crops import face_crop
from extract.embed import Progress
from extract.encoder import Encoder, load_encoder
from extract.faces import FaceCrop
from extract.frozen import describe
from extract.named import UNREADABLE, Unit, list_named, nothing_read, with_failures
from extract.prompts import load_prompt_sets
from extract.roots import Say
from extract.run import extract
from extract.video import Sampling
from extract.workers import start_early

FRAMES = 32  # of a video: the most that the field's benchmarks take
FRAMES_PER_WORKER = 64  # fewer are sooner read than a process is started
ONE_BATCH = 32  # so many frames or fewer need no search for a batch size, nor padding


def embed_paths(
    paths: Sequence[Path],
    out: Path,
    made: Provenance,
    accept: Callable[[Provenance], object],
    *,
    model: str | None = None,
    pretrained: str | None = None,
    frames: int = FRAMES,
    prompts: str | None = None,
    tokens: Sequence[str] = (),
    face_model: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    say: Say = lambda sentence: None,
) -> list[Unit]:
    """Embed pictures, videos and folders of them into the cache ``out``; what failed is told, and nothing dropped.

    Parameters
    ----------
    paths : sequence of Path
    out : Path
        May hold no sample in the end.
    made : Provenance
        Of the features that a head was trained on: crop and view are taken from it.
    accept : callable
        Takes the provenance of what is about to be made, and raises where the head cannot go by it.
    model, pretrained : str, optional
        The encoder, as `extract.encoder.load_encoder` takes it; that of the demo needs no name.
    frames : int
        Of each video, spread evenly.
    prompts : str, optional
        Prompt set, or a TOML file, whose similarities the head takes.
    tokens : sequence of str
        "cls" where the head takes the class token.
    face_model, device
        As `extract.job.extract_folder` takes them.
    say : callable
        Receives sentences for the user.

    Returns
    -------
    list of Unit
        The pictures and videos, in the order named.

    Raises
    ------
    InputError
        A path does not exist, nothing can be read at all, or the encoder is not named or is not known.
    """
    sampling = Sampling(frames=frames)
    inputs, units = list_named(paths, sampling)
    if inputs.empty:
        raise InputError(nothing_read(units))
    sets = [] if prompts is None else load_prompt_sets([prompts])
    faces = _faces(made.crop, face_model, say)
    slots = int(inputs["slots"].sum())
    workers = min(os.cpu_count() or 1, slots // FRAMES_PER_WORKER)
    start_early(workers)
    encoder = _encoder(made.model, model, pretrained, device, tokens)
    accept(describe(encoder, sets, sampling, made.crop, made.view, faces))
    extract(
        inputs,
        out,
        encoder,
        sets,
        sampling,
        crop=made.crop,
        faces=faces,
        views=[made.view],
        shard="1/1",  # a shard is written without a sample, too, and lists what failed
        batch_size=slots if slots <= ONE_BATCH else encoder.fitting_batch_size(),
        workers=workers,
        progress=progress,
    )
    units = with_failures(units, inputs, open_cache(out))
    if {unit.failed for unit in units} == {UNREADABLE}:
        raise InputError(nothing_read(units))
    return units


def _faces(crop: str, face_model: Path | None, say: Say) -> FaceCrop | None:
    """How frames are cropped to a face, where a head was trained on such crops."""
    if not crop.startswith("face "):
        if crop == "given":
            say("this model was trained on pictures that were cropped before: they are taken as they are, uncropped")
        if face_model is not None:
            raise InputError(f"--face-model is for a model trained on crops that were detected, not on crop {crop!r}")
        return None
    no_face = "full" if crop.endswith("the whole frame") else "skip"
    return face_crop("face", face_model, no_face, say)


def _encoder(made_by: str, model: str | None, pretrained: str | None, device: str, tokens: Sequence[str]) -> Encoder:
    if model is None and made_by == "demo":
        model = made_by
    if model is None:
        raise InputError(
            f"name the encoder that made the features of this model, {made_by!r}, as for `extract`: "
            "--model ViT-B-32 --pretrained openai"
        )
    return load_encoder(model, pretrained, device.partition(",")[0], tokens)
