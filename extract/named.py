"""Pictures, videos and folders as a user names them -> what is to be read, and a row for each that was named."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cache.errors import InputError
from cache.identity import Name
from cache.reader import Cache
from extract.layouts import unlabelled
from extract.layouts.base import NO_FRAME, UNLABELLED, WHOLE_VIDEO, ClassFolder, Source, file_path, make_source
from extract.layouts.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, check_root
from extract.plan import plan_inputs, video_id
from extract.video import Sampling

NO_FACE, UNREADABLE = "no face", "unreadable"  # what a unit is called in the place of real or fake
NO_INPUT = "neither a picture nor a video by its suffix"


class Unit(NamedTuple):
    """A picture or a video that was named, or that lies in a folder that was.

    Attributes
    ----------
    path : str
        As the user would write it.
    kind : str
        "picture" or "video"; "" of what is neither.
    video_id : str
        In the cache.
    failed : str
        "", or `NO_FACE` or `UNREADABLE` where there is nothing to be scored.
    note : str
        Why; also where only some frames of a video failed.
    """

    path: str
    kind: str
    video_id: str = ""
    failed: str = ""
    note: str = ""


def list_named(paths: Sequence[Path], sampling: Sampling) -> tuple[pd.DataFrame, list[Unit]]:
    """The inputs of an extraction, each file once, and the units in the order named.

    In a folder below one that is named, pictures whose names are only numbers are the frames of one video.

    Parameters
    ----------
    paths : sequence of Path
    sampling : Sampling

    Returns
    -------
    inputs : DataFrame
        As `extract.plan.plan_inputs` makes it; empty where nothing is a picture or a video.
    units : list of Unit

    Raises
    ------
    InputError
        A path does not exist, or a folder holds no picture and no video.
    """
    plans, units = [], []
    seen: set[Path] = set()
    for number, path in enumerate(paths):
        root, sources, skipped = _below(path, f"{number:06d}")
        files = {file_path(root, source.path).resolve(): source for source in reversed(sources)}
        new = [source for file, source in reversed(files.items()) if file not in seen]
        seen |= set(files)
        if new:
            plans.append(plan_inputs({root: new}, sampling))
        found = {video_id(source): source for source in reversed(new)}
        units += [_unit(path, source) for source in reversed(found.values())]
        units += [Unit(_written(path, below), "", failed=UNREADABLE, note=reason) for below, reason in skipped]
    return pd.concat(plans, ignore_index=True) if plans else pd.DataFrame(), units


def with_failures(units: Sequence[Unit], inputs: pd.DataFrame, cache: Cache) -> list[Unit]:
    """The units, and of each what of it could not be read or had no face.

    Parameters
    ----------
    units : sequence of Unit
    inputs : DataFrame
    cache : Cache
        What became of the inputs.
    """
    names = ["dataset", "compression", "manipulation", "video"]
    of_file = inputs[["root", "path"]].assign(video_id=inputs[names].agg("/".join, axis=1))
    failures = cache.failures[["root", "path", "stage", "reason", "frames"]].merge(of_file, on=["root", "path"])
    scored = set(cache.column("video_id"))
    told = dict(iter(failures.groupby("video_id")))
    return [_with_failure(unit, told[unit.video_id], scored) if unit.video_id in told else unit for unit in units]


def nothing_read(units: Sequence[Unit]) -> str:
    """The sentence on units of which none could be read."""
    first = units[0]
    return f"none of the {len(units)} files named can be read: {first.path}: {first.note}"


def _below(path: Path, dataset: str) -> tuple[Path, list[Source], list[tuple[str, str]]]:
    """Root, sources and left out files of what a user named."""
    if path.is_dir():
        listing = unlabelled.list_sources(path, dataset)
        hidden = [below for below, _ in listing.skipped if any(part.startswith(".") for part in below.split("/"))]
        return path, listing.sources, [pair for pair in listing.skipped if pair[0] not in hidden]
    if not path.exists():
        raise InputError(f"{path} does not exist; name pictures, videos, folders of them, or a feature cache (.h5)")
    check_root(path.parent)
    stem, suffix = os.path.splitext(path.name)
    if suffix.lower() not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
        return path.parent, [], [(path.name, NO_INPUT)]
    frame = WHOLE_VIDEO if suffix.lower() in VIDEO_SUFFIXES else NO_FRAME
    folder = ClassFolder("", dataset, "unknown", UNLABELLED)
    return path.parent, [make_source(path.name, folder, Name(stem, stem), frame)], []


def _unit(named: Path, source: Source) -> Unit:
    is_file = source.is_video or source.video == os.path.splitext(source.path)[0]  # else a frame in a video's folder
    kind = "picture" if is_file and not source.is_video else "video"
    return Unit(_written(named, source.path if is_file else source.video), kind, video_id(source))


def _written(named: Path, below: str) -> str:
    return str(named / below if named.is_dir() else named)


def _with_failure(unit: Unit, failures: pd.DataFrame, scored: set[str]) -> Unit:
    reasons = failures.groupby("reason", sort=False)["frames"].sum()
    counted = [f"{count} frame{'s' * (count > 1)}: {reason}" for reason, count in reasons.items()]
    note = "; ".join(map(str, reasons.index) if unit.kind == "picture" else counted)
    if unit.video_id in scored:
        return unit._replace(note=note)
    return unit._replace(failed=NO_FACE if (failures["stage"] == "face").any() else UNREADABLE, note=note)
