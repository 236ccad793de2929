"""One row of a table, under our names of its columns -> the source of its file."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cache.errors import InputError, choose
from cache.identity import REAL_MANIPULATION, Name, canonical, folder_says, is_real, parse_video
from cache.schema import FAKE, REAL, SPLITS
from extract.layouts.base import (
    LAST_FRAME,
    NO_FRAME,
    WHOLE_VIDEO,
    Source,
    frame_numbers,
    parse_file,
    parse_folders,
    who,
)
from extract.layouts.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from extract.layouts.table import COLUMNS, Row

LABELS = {"0": REAL, "0.0": REAL, "real": REAL, "false": REAL, "1": FAKE, "1.0": FAKE, "fake": FAKE, "true": FAKE}
SPLIT_NAMES = {**{name: name for name in SPLITS}, "valid": "val", "validation": "val"}
FRAME_STEM = re.compile(r"(?:frame|image|img|face)?[_-]?(\d+)", re.IGNORECASE)  # a name that names no video


def row_source(row: Row, path: str, dataset: str | None, default: str) -> Source:
    """What one row says of its file; ``default`` names the data set where neither the user nor the row does.

    The original of a fake is its scene. What the fake's own name says beside it, as `018_019` does, keeps its donor
    on the same side of a split.

    Raises
    ------
    InputError
        A value means nothing, or the label contradicts the manipulation or the folder.
    """
    label = choose(LABELS, row.label.lower(), "label")
    manipulation = _manipulation(row.manipulation, label)
    _refuse_contradiction(path, label)
    is_video = posixpath.splitext(path)[1].lower() in VIDEO_SUFFIXES
    name = _name(row, path, manipulation, is_video)
    where = dataset or row.dataset or default
    original = _parse_cell(row.original, REAL_MANIPULATION)
    shown = name.identities if name.sources or not (original.video and label == FAKE) else ()
    people = (*(original.identities if original.video else ()), *shown, *filter(None, [_plain(row.group)]))
    scene, identities = who(where, original.target or name.target, people)
    return Source(
        path=path,
        dataset=where,
        compression=row.compression or "unknown",
        manipulation=manipulation,
        video=name.video,
        frame=WHOLE_VIDEO if is_video else _frame(row.frame, name),
        is_video=is_video,
        scene=scene,
        identities=identities,
        label=label,
        split=choose(SPLIT_NAMES, row.split.lower(), "split") if row.split else "",
    )


def _refuse_contradiction(path: str, label: int) -> None:
    """Refuse a label that the nearest folder whose name says real or fake denies."""
    folder, said = _told_by_folder(posixpath.dirname(path))
    if said and (said == "real") != (label == REAL):
        called = "real" if label == REAL else "fake"
        raise InputError(
            f"the label says {called}, but {path} lies in the folder {folder!r}; correct the label (1 is fake), or"
            " rename the folder"
        )


@lru_cache(maxsize=4096)
def _told_by_folder(place: str) -> tuple[str, str]:
    """The nearest folder that says real or fake, and what it says; ("", "") where none does."""
    told = ((folder, folder_says(folder)) for folder in reversed(place.split("/")))
    return next(((folder, said) for folder, said in told if said), ("", ""))


@lru_cache(maxsize=1024)
def _manipulation(text: str, label: int) -> str:
    manipulation = canonical(text) if text else REAL_MANIPULATION if label == REAL else "fake"
    if is_real(manipulation) != (label == REAL):
        called = "real" if label == REAL else "fake"
        raise InputError(
            f"the label says {called}, the manipulation {text!r}; correct one of them, or rename the column"
            f" where it is no manipulation ({', '.join(COLUMNS['manipulation'])} are read as one)"
        )
    return manipulation


def _name(row: Row, path: str, manipulation: str, is_video: bool) -> Name:
    """Video, who is in it, and frame; without a column for the video, as class folders are read.

    A name that says no video is a frame of its folder: frames of one video must never count as several videos.
    """
    if row.video:
        return _parse_cell(row.video, manipulation)
    folder, stem = posixpath.split(posixpath.splitext(path)[0])
    if is_video:
        return parse_video(stem, manipulation)
    numbered = FRAME_STEM.fullmatch(stem)
    if numbered and folder:
        number = int(numbered[1])  # too long for a frame: a time; several in one folder are then refused as one sample
        return parse_folders(folder, manipulation)._replace(frame=number if number <= LAST_FRAME else None)
    return parse_file(path, manipulation)


@lru_cache(maxsize=4096)  # frames of a video stand together
def _parse_cell(text: str, manipulation: str) -> Name:
    return parse_video(_plain(text), manipulation)


def _plain(name: str) -> str:
    """A video as tables name it: the name of a file counts without folders and suffix, so that 'x.mp4' is 'x'."""
    if "." not in name:
        return name
    stem, suffix = posixpath.splitext(posixpath.basename(name.replace("\\", "/")))
    return stem if suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES else name


def _frame(text: str, name: Name) -> int:
    if not text:
        return NO_FRAME if name.frame is None else name.frame
    number = re.fullmatch(r"(\d{1,10})(\.0)?", text)
    if not number or int(number[1]) > LAST_FRAME:
        raise InputError(f"frame {text!r}; a frame is a whole number from 0 to {LAST_FRAME}")
    return int(number[1])


def number_frames(rows: Sequence[Row], sources: Sequence[Source]) -> list[Source]:
    """Number the pictures of a video that the table names without their frames: by their names, else by their order."""
    unnumbered = defaultdict(list)
    for place, (row, source) in enumerate(zip(rows, sources, strict=True)):
        if row.video and not row.frame and not source.is_video:
            unnumbered[source.dataset, source.compression, source.manipulation, source.video].append(place)
    numbered = list(sources)
    for places in unnumbered.values():
        if len(places) == 1:  # a picture that stands for its video
            continue
        numbers = frame_numbers([sources[place].path for place in places])
        if len(set(numbers)) < len(numbers):
            numbers = list(range(len(places)))
        for place, number in zip(places, numbers, strict=True):
            if number != sources[place].frame:
                numbered[place] = replace(sources[place], frame=number)
    return numbered
