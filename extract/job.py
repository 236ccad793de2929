"""One extraction as a user names it: a folder, a model, a few words -> a cache."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cache.errors import InputError, choose
from extract.encoder import load_encoder
from extract.layouts import LAYOUTS, recognise
from extract.plan import plan_inputs
from extract.prompts import load_prompt_sets
from extract.run import CROPS, PART_ROWS, Progress, Summary, extract
from extract.video import Sampling

Say = Callable[[str], None]


def extract_folder(
    data: Path,
    out: Path,
    *,
    model: str,
    pretrained: str | None = None,
    layout: str = "auto",
    dataset: str | None = None,
    frames: int | None = None,
    fps: float | None = None,
    prompts: Sequence[str] = ("seed_000",),
    tokens: Sequence[str] = (),
    crop: str = "none",
    limit: int | None = None,
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
    data : Path
        Root of the data set.
    out : Path
        The cache to make; where its work was interrupted, the work goes on.
    model, pretrained : str
        As `extract.encoder.load_encoder` takes them.
    layout : str
        A name of `LAYOUTS`, or "auto".
    dataset : str, optional
        Name of the data set in the cache; the layout knows one.
    frames, fps : int, float, optional
        Frames of each video, spread evenly, or a rate; every frame by default.
    prompts : sequence of str
        Names of prompt sets, or TOML files.
    tokens : sequence of str
        "cls" adds the class token before the projection.
    crop : str
        A name of `CROPS`.
    limit : int, optional
        At most so many videos of each manipulation.
    say : callable
        Receives sentences for the user.

    Raises
    ------
    InputError
        Whatever the user named does not exist or does not fit.
    """
    choose(CROPS, crop, "crop")
    if frames is not None and fps is not None:
        raise InputError("--frames and --fps exclude each other; give one")
    least = {"limit": (limit, 1), "batch-size": (batch_size, 1), "part-rows": (part_rows, 1), "workers": (workers, 0)}
    for option, (value, lowest) in least.items():
        if value is not None and value < lowest:
            raise InputError(f"--{option} is {lowest} or more, not {value}")
    sampling = Sampling(frames=frames, fps=fps)
    prompt_sets = load_prompt_sets(prompts)
    name = recognise(data) if layout == "auto" else layout
    listing = choose(LAYOUTS, name, "layout")(data, dataset)
    inputs = plan_inputs(data, listing.sources, sampling, limit)
    say(f"{data}: layout {name}, {len(inputs)} inputs, {inputs['slots'].sum()} frames planned")
    videos = inputs.drop_duplicates(["dataset", "compression", "manipulation", "video"])["manipulation"].value_counts()
    say("videos: " + ", ".join(f"{count} {manipulation}" for manipulation, count in videos.sort_index().items()))
    if listing.skipped:
        path, reason = listing.skipped[0]
        say(f"left out, being no input: {len(listing.skipped)} ({path}: {reason})")
    encoder = load_encoder(model, pretrained, device, tokens)
    say(f"{encoder.model_name} on {encoder.device}, {encoder.precision}")
    return extract(
        inputs,
        data,
        out,
        encoder,
        prompt_sets,
        sampling,
        crop=crop,
        selection={"layout": name, "dataset": dataset, "limit": limit},
        batch_size=batch_size,
        part_rows=part_rows,
        workers=(os.cpu_count() or 1) if workers is None else workers,
        progress=progress,
    )
