"""Plan -> prepare -> embed -> write: one extraction, which can be stopped anywhere and taken up again."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from cache.errors import InputError, InterruptedWork, NothingReadableError
from cache.ledger import Ledger
from cache.parts import Part, read_attribute, sealed_parts
from cache.reader import Cache, open_cache
from cache.schema import Provenance
from cache.store import assemble
from extract.collect import Collected
from extract.device import Encoder
from extract.embed import Progress, embed_slots
from extract.faces import FaceCrop
from extract.frozen import (
    describe,
    file_attributes,
    freeze,
    open_ranges,
    parse_shard,
    plan_hash,
    refuse_differences,
    shard_slots,
    whole_batches,
    work_folder,
)
from extract.plan import rewritten
from extract.prepare import Preparation
from extract.prompts import PromptSet
from extract.reuse import reused_parts
from extract.stopping import stop_signals
from extract.video import Sampling
from extract.views import parse_views

PART_ROWS = 16_384


@dataclass
class Summary:
    """What an extraction did."""

    path: Path
    samples: int
    failures: pd.DataFrame
    seconds: float
    complete_before: bool = False
    notes: list[str] = field(default_factory=list)


def extract(
    inputs: pd.DataFrame,
    out: Path,
    encoder: Encoder,
    prompts: Sequence[PromptSet],
    sampling: Sampling,
    *,
    crop: str = "none",
    faces: FaceCrop | None = None,
    selection: dict[str, Any] | None = None,
    views: Sequence[str] = ("clean",),
    thumbnails: int = 0,
    shard: str | None = None,
    reuse: Cache | None = None,
    batch_size: int | None = None,
    part_rows: int = PART_ROWS,
    workers: int = 2,
    progress: Progress | None = None,
) -> Summary:
    """Embed every planned frame into the cache ``out``; an interrupted run is taken up where its sealed parts end.

    Parameters
    ----------
    inputs : DataFrame
        The plan, as `extract.plan.plan_inputs` makes it.
    crop : str
        "none" or "given", where there are no ``faces``.
    faces : FaceCrop, optional
        How frames are cropped to a face.
    selection : dict, optional
        How the inputs were chosen (layout, limit ...): compared when the work is taken up again.
    views : sequence of str
        Names as `extract.views.parse_view` takes them: a feature space of each.
    thumbnails : int
        Longer side of a small JPEG that is kept of every frame, in pixels; 0: none.
    shard : str, optional
        "i/n": only the i-th of n pieces of the plan, cut between batches; `cache.merge` puts the n files together.
    reuse : Cache, optional
        A finished cache with the same settings: what it has is taken over, what failed there, or is new or of another
        size since, is read.
    batch_size : int, optional
        By default as the encoder says; fixed by the first run, because the last bits of an embedding depend on it.
    part_rows : int
        Slots in a sealed part.
    workers : int
        Processes that decode and resize.
    progress : callable, optional
        Called with (slots done, slots in all).

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        ``out`` or its unfinished work was made with other settings, another extraction is at work on it, or nothing
        could be read.
    InterruptedWork
        By SIGINT or SIGTERM, once the work so far is sealed; by a disk that is full or fails; by a worker that died;
        by a frame without a face, where that is asked for.
    """
    started = time.monotonic()
    parse_shard(shard)
    names = parse_views(",".join(views), has_faces=faces is not None)
    preparation = Preparation(encoder.preprocessing, sampling, names, thumbnails, faces)
    spaces = {view: describe(encoder, prompts, sampling, crop, view, faces) for view in names}
    settings = {"roots": sorted(inputs["root"].unique()), "batch_size": batch_size, "shard": shard, **(selection or {})}
    settings |= {"views": ",".join(spaces), "thumbnails": thumbnails, "provenance": asdict(next(iter(spaces.values())))}
    if reuse is not None:
        settings["batch_size"] = _batch_size_of(reuse, out, settings, spaces)
    if out.exists():
        return _finished(out, Ledger(settings, inputs))
    folder = work_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0), _faults_told(out):
            if out.exists():  # another extraction has finished since
                return _finished(out, Ledger(settings, inputs))
            ledger, notes = freeze(folder, Ledger(settings, inputs), encoder)
            parts, damaged = _kept_parts(folder)
            notes += [f"{path.name} was damaged and is made again" for path in damaged]
            first, stop = shard_slots(ledger)
            if parts:
                notes.append(f"went on from {_slots(parts)} of {stop - first} frames, sealed before")
            if reuse is not None:
                taken = reused_parts(reuse, ledger, open_ranges(ledger, parts, part_rows), folder)
                notes.append(f"took {_slots(taken)} of {stop - first} frames from {reuse.path}")
                parts = sorted([*parts, *taken])
            rows = whole_batches(part_rows, ledger.settings["batch_size"])
            collected = Collected(
                ledger, encoder, prompts, spaces, folder, rows=rows, has_thumbnails=thumbnails > 0, faces=faces
            )
            ranges = list(open_ranges(ledger, parts, part_rows))
            embed_slots(ledger, ranges, preparation, encoder, collected, workers=workers, progress=progress)
            parts = sorted([*parts, *collected.sealed])
            _check_tiled(parts, first, stop)
            attributes = file_attributes(ledger)
            if (at_once := _rows_at_once(parts)) < ledger.settings["batch_size"]:
                attributes["rows_at_once"] = at_once
                notes.append(f"memory did not suffice for every batch: some were embedded {at_once} frames at a time")
            paths = [part.path for part in parts]
            with stop_signals():  # nearly done: only a second one ends it
                samples = assemble(out, paths, scratch=folder, attributes=attributes, may_be_empty=shard is not None)
    except Timeout:
        raise InputError(f"another extraction is at work on {out}; wait for it, or name another file") from None
    except InputError as error:
        if isinstance(error, NothingReadableError) or not (folder / "ledger.jsonl").exists():
            shutil.rmtree(folder)  # nothing is lost, and mended files or other options are taken the next time
        raise
    shutil.rmtree(folder, ignore_errors=True)  # the file is there: nothing can make that a failure any more
    return Summary(out, samples, open_cache(out).failures, time.monotonic() - started, notes=notes)


@contextlib.contextmanager
def _faults_told(out: Path) -> Iterator[None]:
    """A disk that is full or fails ends the work with a sentence; what is sealed is kept."""
    try:
        yield
    except OSError as error:
        raise InterruptedWork(
            f"cannot go on with {out}: {error.strerror or error}; what is sealed is kept: once that is mended, "
            "the same command goes on from there"
        ) from error


def _finished(out: Path, wanted: Ledger) -> Summary:
    """The finished file where it is the one asked for."""
    cache = open_cache(out)
    made = _settings(cache)
    refuse_differences(out, wanted.settings, made)
    shutil.rmtree(work_folder(out), ignore_errors=True)  # left by a kill between the last two steps
    notes = []
    if plan_hash(Ledger(made, wanted.inputs)) != cache.plan:
        notes = [f"the inputs are not those of {out} any more; a finished file never changes: name another --out"]
    elif paths := rewritten(wanted.inputs, out.stat().st_mtime):
        notes = [f"{len(paths)} inputs were written to since {out} was made ({paths[0][1]}); a finished file stays"]
    return Summary(out, len(cache), cache.failures, 0.0, complete_before=True, notes=notes)


def _batch_size_of(reuse: Cache, out: Path, settings: dict[str, Any], spaces: dict[str, Provenance]) -> int:
    """Batch size of a cache that is taken over; refused where it was made otherwise, or is the file to be written."""
    if out.exists() and out.samefile(reuse.path):
        raise InputError(f"{out} is finished and never changes: name another --out for what is read again")
    made = _settings(reuse)
    refuse_differences(reuse.path, settings, made)
    if {name: reuse.provenance(name) for name in reuse.spaces} != spaces:  # merged with additions since
        raise InputError(
            f"{reuse.path} holds other spaces or prompts than are wanted here; take the cache without them"
        )
    return made["batch_size"]


def _settings(cache: Cache) -> dict[str, Any]:
    if not cache.plan:
        raise InputError(f"{cache.path} was merged or cut from others, not extracted in one go; name another file")
    return json.loads(cache.settings)


def _kept_parts(folder: Path) -> tuple[list[Part], list[Path]]:
    """The verified parts; damaged ones and unfinished files are removed."""
    parts, damaged = sealed_parts(folder)
    for path in [*damaged, *folder.glob(".*.tmp")]:
        path.unlink()
    return parts, damaged


def _check_tiled(parts: Sequence[Part], first: int, stop: int) -> None:
    """Whether sorted parts cover each slot once; anything else would be our mistake, and must not become a file."""
    edges = [first, *(edge for part in parts for edge in (part.start, part.stop)), stop]
    if edges[0::2] != edges[1::2]:
        raise AssertionError(f"parts do not follow one another: {[(part.start, part.stop) for part in parts]}")


def _slots(parts: Sequence[Part]) -> int:
    return sum(part.stop - part.start for part in parts)


def _rows_at_once(parts: Sequence[Part]) -> float:
    """The fewest frames that were embedded at a time."""
    return min(read_attribute(part, "rows_at_once") for part in parts)
