"""Pictures and videos, embedded as the features of a head were, into a cache that is only scored."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import FAKE, REAL, Provenance
from extract.crops import face_crop
from extract.embed import Progress
from extract.encoder import Encoder, load_encoder
from extract.faces import FaceCrop
from extract.frozen import describe
from extract.named import UNREADABLE, Unit, list_named, nothing_read, with_failures
from extract.prompts import PromptSet
from extract.roots import Say
from extract.run import extract
from extract.video import Sampling
from extract.workers import start_early

FRAMES = 32  # of a video: the most that the field's benchmarks take
FRAMES_PER_WORKER = 64  # fewer are sooner read than a process is started
ONE_BATCH = 32  # so many frames or fewer need no search for a batch size, nor padding
AS_IT_IS = "taken as it is, uncropped"


def embed_paths(
    paths: Sequence[Path],
    out: Path,
    made: Provenance,
    accept: Callable[[Provenance], object],
    *,
    model: str | None = None,
    pretrained: str | None = None,
    frames: int = FRAMES,
    prompts: Mapping[str, Any] | None = None,
    tokens: Sequence[str] = (),
    differ: Collection[str] = (),
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
        Takes the provenance of what is about to be made, and raises where the head cannot go by it. Where no video
        is among the paths nothing is sampled: the sampling is then that of ``made``.
    model, pretrained : str, optional
        The encoder, as `extract.encoder.load_encoder` takes it; that of the demo needs no name.
    frames : int
        Of each video, spread evenly.
    prompts : dict, optional
        Prompt set whose similarities the head takes: ``name``, ``texts``, ``labels`` (0 real, 1 fake), and
        ``fingerprint``, None where it is not known.
    tokens : sequence of str
        "cls" where the head takes the class token.
    differ : collection of str
        "crop" allows videos where ``made`` is of pictures that were cropped before.
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
        A path does not exist, nothing can be read at all, the encoder is not named or is not known, videos are named
        that nobody can have cropped before, or the prompts are not those of their fingerprint.
    """
    sampling = Sampling(frames=frames)
    inputs, units = list_named(paths, sampling)
    if inputs.empty:
        raise InputError(nothing_read(units))
    cropped_before = made.crop == "given"
    if cropped_before and inputs["is_video"].any() and "crop" not in differ:
        raise InputError(
            "this model was trained on pictures that were cropped to the face before, and frames of a video are not: "
            "name such pictures, or have the frames taken whole, which makes scores doubtful: --differ crop"
        )
    sets = [] if prompts is None else [_prompt_set(**prompts)]
    faces = _faces(made.crop, face_model, say)
    slots = int(inputs["slots"].sum())
    workers = min(os.cpu_count() or 1, slots // FRAMES_PER_WORKER)
    start_early(workers)
    encoder = _encoder(made.model, model, pretrained, device, tokens)
    provenance = describe(encoder, sets, sampling, made.crop, made.view, faces)
    has_videos = any(unit.kind == "video" for unit in units)
    accept(provenance if has_videos else replace(provenance, sampling=made.sampling))
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
    return [_as_it_is(unit) for unit in units] if cropped_before else units


def _prompt_set(name: str, texts: Sequence[str], labels: Sequence[int], fingerprint: str | None) -> PromptSet:
    """A prompt set from its texts; templates that it may have had are not among them, but in its fingerprint."""
    real, fake = (tuple(text for text, one in zip(texts, labels, strict=True) if one == of) for of in (REAL, FAKE))
    prompts = PromptSet(name, real, fake)
    if fingerprint not in (None, prompts.fingerprint()):
        raise InputError(
            f"the prompts {name!r} of this model have templates, which it does not keep: extract a cache of the "
            f"pictures with --prompts {name}.toml, and predict that"
        )
    return prompts


def _as_it_is(unit: Unit) -> Unit:
    return unit if unit.failed else unit._replace(note="; ".join(filter(None, (unit.note, AS_IT_IS))))


def _faces(crop: str, face_model: Path | None, say: Say) -> FaceCrop | None:
    """How frames are cropped to a face, where a head was trained on such crops."""
    if not crop.startswith("face "):
        if crop == "given":
            say("this model was trained on pictures that were cropped before: all is taken as it is, uncropped")
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
