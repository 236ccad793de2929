"""Roots of data sets, as a user names them -> the plan of an extraction."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cache.errors import InputError
from extract.layouts import read_root
from extract.plan import missing_originals, plan_inputs
from extract.video import Sampling

Say = Callable[[str], None]


class Plan(NamedTuple):
    """What is to be read.

    Attributes
    ----------
    layout : str
        Name of the layout, given or recognised; of several roots the name of each.
    inputs : DataFrame
        As `extract.plan.plan_inputs` makes it.
    skipped : list of (path, reason)
    """

    layout: str
    inputs: pd.DataFrame
    skipped: list[tuple[str, str]]


def plan_folder(
    data: Path | Sequence[Path],
    *,
    layout: str = "auto",
    dataset: str | None = None,
    columns: Sequence[str] = (),
    frames: int | None = None,
    fps: float | None = None,
    limit: int | None = None,
    say: Say = lambda sentence: None,
) -> Plan:
    """The plan of an extraction; parameters as those of `extract.job.extract_folder`.

    Raises
    ------
    InputError
        A root is missing, fits no layout or several, is named twice, or holds nothing; options exclude each other.
    """
    if frames is not None and fps is not None:
        raise InputError("--frames and --fps exclude each other; give one")
    if limit is not None and limit < 1:
        raise InputError(f"--limit is 1 or more, not {limit}")
    roots = [Path(data)] if isinstance(data, str | Path) else [Path(root) for root in data]
    listings, layouts, skipped = {}, [], []
    for root in roots:
        found, listing = read_root(root, layout, dataset, columns)
        say(f"{root}: layout {found.layout} ({found.reason})")
        for note in listing.notes:
            say(f"note: {note}")
        listings[root] = listing.sources
        layouts.append(found.layout)
        skipped += [(path if len(roots) == 1 else f"{root}/{path}", reason) for path, reason in listing.skipped]
    if len(listings) < len(roots):
        raise InputError("a root is named twice; name each once")
    inputs = plan_inputs(listings, Sampling(frames=frames, fps=fps), limit)
    say(f"{len(inputs)} inputs, {inputs['slots'].sum()} frames planned")
    videos = inputs.drop_duplicates(["dataset", "compression", "manipulation", "video"])["manipulation"].value_counts()
    say("videos: " + ", ".join(f"{count} {manipulation}" for manipulation, count in videos.sort_index().items()))
    if note := missing_originals(inputs):
        say(f"note: {note}")
    if skipped:
        path, reason = skipped[0]
        say(f"left out, being no input: {len(skipped)} ({path}: {reason})")
    return Plan(", ".join(layouts), inputs, skipped)
