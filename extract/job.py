"""One extraction as a user names it: a folder, a model, a few words -> a cache."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cache.errors import InputError
from cache.reader import open_cache
from extract.coverage import face_notes
from extract.crops import check_crop, face_crop
from extract.embed import Progress
from extract.encoder import choose_device, load_encoder
from extract.estimate import Estimate, counts, estimate
from extract.frozen import parse_shard
from extract.prepare import Preparation
from extract.prompts import load_prompt_sets
from extract.roots import Plan, Say, plan_folder
from extract.run import PART_ROWS, Summary
from extract.shards import choose_engine, extract_in_shards
from extract.video import Sampling
from extract.wanted import Wanted
from extract.workers import start_early


def extract_folder(
    data: Path | Sequence[Path],
    out: Path,
    *,
    model: str,
    pretrained: str | None = None,
    layout: str = "auto",
    dataset: str | None = None,
    columns: Sequence[str] = (),
    frames: int | None = None,
    fps: float | None = None,
    prompts: Sequence[str] = ("seed_000",),
    tokens: Sequence[str] = (),
    crop: str = "none",
    face_model: Path | None = None,
    no_face: str = "skip",
    views: str = "clean",
    thumbnails: int = 0,
    limit: int | None = None,
    shard: str | None = None,
    shards: int | None = None,
    ray: str | None = None,
    retry_failed: Path | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    part_rows: int = PART_ROWS,
    workers: int | None = None,
    progress: Progress | None = None,
    say: Say = lambda sentence: None,
) -> Summary:
    """Embed the pictures and videos below ``data`` into the cache ``out``.

    Parameters
    ----------
    data : Path or sequence of Path
        Root of the data set, or several: reals from one, fakes from another.
    out : Path
        The cache to make; where its work was interrupted, the work goes on.
    model, pretrained : str
        As `extract.encoder.load_encoder` takes them.
    layout : str
        A name of `LAYOUTS`, or "auto".
    dataset : str, optional
        Name of the data set in the cache; the layout knows one. Of several roots: they are one data set.
    columns : sequence of str
        Of a manifest: words as ``label=is_fake``, ours and the table's column that is meant.
    frames, fps : int, float, optional
        Frames of each video, spread evenly, or a rate; every frame by default.
    prompts : sequence of str
        Names of prompt sets, or TOML files.
    tokens : sequence of str
        "cls" adds the class token before the projection.
    crop : str
        A name of `extract.crops.CROPS`.
    face_model : Path, optional
        With ``crop="face"`` the file of the YuNet detector; by default the one known, fetched where it is not there.
    no_face : str
        With ``crop="face"`` what becomes of a frame without one: a name of
        `extract.faces.NO_FACE_POLICIES`.
    views : str
        Names as `extract.views.parse_view` takes them, joined by commas: a feature space of each.
    thumbnails : int
        Longer side of a small JPEG that is kept of every frame, in pixels; 0: none.
    limit : int, optional
        At most so many videos of each manipulation.
    shard : str, optional
        "i/n": only the i-th of n pieces of the plan, in a cache of its own; `cache merge` puts them together.
    shards : int, optional
        So many pieces, made side by side and joined here; by default one for each device, or as suits the Ray cluster.
    ray : str, optional
        Address of a Ray cluster whose machines share the file system, or "local".
    retry_failed : Path, optional
        A finished cache of the same settings: only what failed there, or is new or changed since, is read.
    say : callable
        Receives sentences for the user.

    Raises
    ------
    InputError
        Whatever the user named does not exist or does not fit.
    """
    names = check_crop(crop, face_model, no_face, views)
    _check_least(
        thumbnails=(thumbnails or None, 8),
        batch_size=(batch_size, 1),
        part_rows=(part_rows, 1),
        shards=(shards, 1),
        workers=(workers, 0),
    )
    parse_shard(shard)
    if shard and batch_size is None and retry_failed is None:
        raise InputError("--shard needs --batch-size N, the same for all shards: batches are not cut")
    prompt_sets = load_prompt_sets(prompts)
    faces = face_crop(crop, face_model, no_face, say)
    start_early(_workers(workers))
    for one in device.split(",") if ray is None else ():
        choose_device(one)  # refuses what is not there, before any work
    alone = shard is not None or retry_failed is not None
    engine = choose_engine(out, device, ray, shards, workers, alone=alone)
    reuse = None if retry_failed is None else open_cache(retry_failed)
    plan = plan_folder(
        data, layout=layout, dataset=dataset, columns=columns, frames=frames, fps=fps, limit=limit, say=say
    )
    wanted = Wanted(
        roots=tuple(sorted(plan.inputs["root"].unique())),
        model=model,
        pretrained=pretrained,
        tokens=tuple(tokens),
        prompts=tuple(prompt_sets),
        sampling=Sampling(frames=frames, fps=fps),
        crop=crop,
        faces=faces,
        views=names,
        thumbnails=thumbnails,
        selection={"layout": plan.layout, "dataset": dataset, "columns": list(columns), "limit": limit},
        part_rows=part_rows,
    )
    if engine is not None:
        summary = extract_in_shards(
            plan.inputs,
            out,
            wanted,
            engine,
            wanted.settings(),
            shards=shards,
            batch_size=batch_size,
            progress=progress,
            say=say,
        )
    else:
        summary = wanted(
            plan.inputs,
            out,
            device=device.partition(",")[0],  # the file is there already, and only looked at
            workers=_workers(workers),
            shard=shard,
            reuse=reuse,
            batch_size=batch_size,
            progress=progress,
            say=say,
        )
    if faces is not None:
        summary.notes += face_notes(open_cache(out))
    return summary


def list_folder(
    data: Path | Sequence[Path],
    *,
    model: str | None = None,
    pretrained: str | None = None,
    layout: str = "auto",
    dataset: str | None = None,
    columns: Sequence[str] = (),
    frames: int | None = None,
    fps: float | None = None,
    prompts: Sequence[str] = ("seed_000",),
    tokens: Sequence[str] = (),
    crop: str = "none",
    face_model: Path | None = None,
    no_face: str = "skip",
    views: str = "clean",
    thumbnails: int = 0,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    say: Say = lambda sentence: None,
) -> tuple[Plan, pd.DataFrame, Estimate | None]:
    """What `extract_folder` would read and cost, without writing; parameters as there.

    Returns
    -------
    plan : Plan
    counts : DataFrame
        As `extract.estimate.counts` gives them.
    estimate : Estimate or None
        None where no model is named.
    """
    names = check_crop(crop, face_model, no_face, views)
    prompt_sets = load_prompt_sets(prompts)
    plan = plan_folder(
        data, layout=layout, dataset=dataset, columns=columns, frames=frames, fps=fps, limit=limit, say=say
    )
    if model is None:
        return plan, counts(plan.inputs), None
    workers = _workers(workers)
    start_early(workers)
    encoder = load_encoder(model, pretrained, device.partition(",")[0], tokens)
    say(f"{encoder.model_name} on {encoder.device}, {encoder.precision}: what follows is for this device alone")
    faces = face_crop(crop, face_model, no_face, say)
    preparation = Preparation(encoder.preprocessing, Sampling(frames=frames, fps=fps), names, thumbnails, faces)
    size = batch_size or encoder.fitting_batch_size()
    expected = estimate(plan.inputs, encoder, prompt_sets, preparation, size, workers)
    return plan, counts(plan.inputs), expected


def _workers(asked: int | None) -> int:
    return (os.cpu_count() or 1) if asked is None else asked


def _check_least(**options: tuple[int | None, int]) -> None:
    for name, (value, lowest) in options.items():
        if value is not None and value < lowest:
            raise InputError(f"--{name.replace('_', '-')} is {lowest} or more, not {value}")
