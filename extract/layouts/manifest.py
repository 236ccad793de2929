"""A folder with a table of its files: the table says which are real and which fake, and what else is known of each."""

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cache.errors import InputError, choose
from cache.identity import REAL_MANIPULATION, Name, canonical, is_real, parse_video
from cache.schema import FAKE, REAL, SPLITS
from extract.layouts.base import (
    LAST_FRAME,
    NO_FRAME,
    WHOLE_VIDEO,
    Listing,
    Source,
    frame_numbers,
    parse_file,
    parse_folders,
    sorted_listing,
    who,
)
from extract.layouts.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_files, valid_text
from extract.layouts.table import COLUMNS, Row, find_table, read_rows

LABELS = {"0": REAL, "0.0": REAL, "real": REAL, "false": REAL, "1": FAKE, "1.0": FAKE, "fake": FAKE, "true": FAKE}
SPLIT_NAMES = {**{name: name for name in SPLITS}, "valid": "val", "validation": "val"}
FRAME_STEM = re.compile(r"(?:frame|image|img|face)?[_-]?(\d+)", re.IGNORECASE)  # a name that names no video


def list_sources(root: Path, dataset: str | None = None) -> Listing:
    """Sources that a table at the top of a folder names.

    The table is one of `TABLES`, with a row for each picture or video file and the columns of `COLUMNS`, recognised
    whatever their case; ``path`` and ``label`` (1 or "fake", 0 or "real") must be there. Files that the table does
    not name are listed as skipped, and so are rows whose file is not there.

    Parameters
    ----------
    root : Path
    dataset : str, optional
        By default the table's column, else the root's name.

    Raises
    ------
    InputError
        The root is missing; there is no table or more than one; it cannot be read, lacks a column, holds a value that
        means nothing, contradicts itself, or names a file twice; two files give the same sample; no file is there.
    """
    files = list_files(root)
    table = find_table(root)
    rows = read_rows(root / table)
    default = valid_text(root.resolve().name)
    sources = []
    for row in rows:
        try:
            sources.append(_source(row, _relative(row.path, root), dataset, default))
        except InputError as error:
            raise InputError(f"{_at(table, row)}: {error}") from error
    _refuse_repeated(table, rows, sources)
    there = {valid_text(path) for path in (*files.images, *files.videos)}
    skipped = [(valid_text(path), reason) for path, reason in files.skipped if path != table]
    named = {source.path for source in sources}
    gone = named - there - {path for path, _ in skipped}
    skipped += [(path, f"not in {table}") for path in there - named]
    skipped += [(path, f"{table} names it, but it is not there") for path in gone]
    if not named & there:
        raise InputError(
            f"of the {len(rows)} files that {table} names none is a picture or video in {root}, such as"
            f" {sources[0].path}; write paths relative to the folder of the table"
        )
    try:
        return sorted_listing(root, [one for one in _number(rows, sources) if one.path in there], skipped)
    except InputError as error:
        raise InputError(f"{error}, or tell them apart by columns 'video' and 'frame' in {table}") from error


def _at(table: str, row: Row) -> str:
    return f"{table}, {'row' if table.endswith('.parquet') else 'line'} {row.line}"


def _relative(path: str, root: Path) -> str:
    """A path of the table relative to the root, with forward slashes."""
    text = posixpath.normpath(path.replace("\\", "/"))
    if posixpath.isabs(text):
        tops = (os.path.abspath(root), os.path.realpath(root))
        ways = (posixpath.relpath(text, top) for top in tops)
        text = next((way for way in ways if not way.startswith("../")), "..")
    if text == "." or text.split("/")[0] == "..":
        raise InputError(f"path {path!r} names no file inside {root}")
    return valid_text(text)


def _source(row: Row, path: str, dataset: str | None, default: str) -> Source:
    """What one row says of its file.

    The original of a fake is its scene. What the fake's own name says beside it, as `018_019` does, keeps its donor
    on the same side of a split.
    """
    label = choose(LABELS, row.label.lower(), "label")
    manipulation = _manipulation(row.manipulation, label)
    is_video = posixpath.splitext(path)[1].lower() in VIDEO_SUFFIXES
    name = _name(row, path, manipulation, is_video)
    where = dataset or row.dataset or default
    original = _plain(row.original)
    shown = (name.target, *name.sources) if name.sources or not (original and label == FAKE) else ()
    people = [person for person in (original, *shown, _plain(row.group)) if person]
    scene, identities = who(where, people[0], tuple(people[1:]))
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
    folder, stem = posixpath.split(posixpath.splitext(path)[0])
    if row.video or is_video:
        return parse_video(_plain(row.video) or stem, manipulation)
    numbered = FRAME_STEM.fullmatch(stem)
    if numbered and folder:
        number = int(numbered[1])  # too long for a frame: a time; several in one folder are then refused as one sample
        return parse_folders(folder, manipulation)._replace(frame=number if number <= LAST_FRAME else None)
    return parse_file(path, manipulation)


def _plain(name: str) -> str:
    """A video as tables name it: the name of a file counts without folders and suffix, so that 'x.mp4' is 'x'."""
    stem, suffix = posixpath.splitext(posixpath.basename(name.replace("\\", "/")))
    return stem if suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES else name


def _frame(text: str, name: Name) -> int:
    if not text:
        return NO_FRAME if name.frame is None else name.frame
    number = re.fullmatch(r"(\d{1,10})(\.0)?", text)
    if not number or int(number[1]) > LAST_FRAME:
        raise InputError(f"frame {text!r}; a frame is a whole number from 0 to {LAST_FRAME}")
    return int(number[1])


def _number(rows: Sequence[Row], sources: Sequence[Source]) -> list[Source]:
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
            numbered[place] = replace(sources[place], frame=number)
    return numbered


def _refuse_repeated(table: str, rows: Iterable[Row], sources: Iterable[Source]) -> None:
    first: dict[str, Row] = {}
    for row, source in zip(rows, sources, strict=True):
        if first.setdefault(source.path, row) is not row:
            raise InputError(f"{_at(table, first[source.path])} and {row.line} both name {source.path}; remove one")
