"""Other people's split files: a CSV with a path, a label and a split in each row -> samples as the audit reads them."""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xxhash

from cache.errors import InputError
from cache.identity import Name, canonical, connected_groups, folder_says, is_real, parse_frame, parse_video
from cache.schema import FAKE, REAL, SPLITS

COLUMNS: dict[str, tuple[str, ...]] = {  # ours -> names accepted, in lower case; the first that a table has counts
    "path": ("path", "file", "filename", "image", "image_path", "file_path", "filepath", "frame_path"),
    "label": ("label", "target", "is_fake", "class", "y", "true_label"),
    "split": ("split", "set", "partition", "fold", "subset"),
    "video": ("video", "video_id", "clip"),
    "manipulation": ("manipulation", "method", "category", "forgery", "type"),
    "original": ("original", "source", "original_video", "target_video"),
    "group": ("group", "identity", "subject"),
    "dataset": ("dataset",),
    "compression": ("compression",),
    "pixel_hash": ("pixel_hash",),
    "file_hash": ("file_hash", "hash", "md5", "sha1", "sha256"),
    "byte_size": ("byte_size", "file_size", "filesize", "bytes", "size"),
    "width": ("width",),
    "height": ("height",),
    "format": ("format",),
}
REQUIRED = ("path", "label", "split")
WHOLE_NUMBERS = ("byte_size", "width", "height")
LABELS = {"0": REAL, "0.0": REAL, "real": REAL, "false": REAL, "1": FAKE, "1.0": FAKE, "fake": FAKE, "true": FAKE}
SPLIT_NAMES = {
    **{name: name for name in SPLITS}, "": "", "training": "train", "valid": "val", "validation": "val",
    "testing": "test",
}  # fmt: skip
COMPRESSIONS = {"raw", "c0", "c23", "c40"}
CONTAINERS = {"frames", "images", "videos", "faces", "crops"} | COMPRESSIONS  # folders that name no video
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
CLASS = {REAL: "real", FAKE: "fake"}
TOLD = ("manipulation", "video", "original", "group", "dataset", "compression")  # columns that names would tell else
READ = ("dataset", "compression", "manipulation", "video_id", "scene", "identities")


class ClassFolder(NamedTuple):
    """What the folders of a path say.

    Attributes
    ----------
    tells : str
        The class that the last of them names: real, fake, or "".
    between : str
        The folders between that one and the file, which name the video.
    manipulation, compression : str
    """

    tells: str
    between: str
    manipulation: str
    compression: str


def read_split_table(path: Path, columns: Iterable[str] = (), *, hash_files: bool = False) -> pd.DataFrame:
    """Samples that a CSV file names, by the rules of `cache.identity`.

    The class folder, the video and its identities are read from the path, unless columns tell them. Where the files
    are there (relative to the table), their sizes are looked up.

    Parameters
    ----------
    path : Path
    columns : iterable of str
        ``ours=theirs``: which column is meant, where the table calls it otherwise (`COLUMNS`).
    hash_files : bool
        Read the files too, so that equal ones are found whatever they are called.

    Returns
    -------
    DataFrame
        One row a line: path, label, split, dataset, compression, manipulation, video_id, scene, identities, group, and
        what metadata there are (byte_size, width, height, format, file_hash, pixel_hash).

    Raises
    ------
    InputError
        The table cannot be read, is empty, lacks a column, or a row says something that means nothing or contradicts
        the folder that it names.
    """
    cells = _cells(path)
    found = _recognised(list(cells), columns, path)
    table = pd.DataFrame({name: cells[theirs].str.strip() for name, theirs in found.items()})
    if (empty := table["path"] == "").any():
        raise InputError(f"{path}, line {int(empty.argmax()) + 2}: no path; name the file, or leave the line out")
    table["path"] = [_plain_path(one) for one in table["path"]]
    table["label"] = _mapped(table["label"], LABELS, "label", path)
    table["split"] = _mapped(table["split"], SPLIT_NAMES, "split", path)
    for name in WHOLE_NUMBERS:
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce").fillna(0)
    return _with_files(_named(table, path), path.parent, hash_files)


def _cells(path: Path) -> pd.DataFrame:
    try:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} as a UTF-8 table with commas: {str(error).strip()}") from error
    if cells.empty:
        raise InputError(f"{path} has a header and no rows")
    return cells


def _recognised(header: list[str], columns: Iterable[str], path: Path) -> dict[str, str]:
    """Ours -> the table's name of each column that is there."""
    given: dict[str, str] = {}
    for mapping in columns:
        ours, equals, theirs = mapping.partition("=")
        if not equals or ours not in COLUMNS or theirs not in header:
            known = f"ours is one of {', '.join(COLUMNS)}, theirs one of {', '.join(header)}"
            raise InputError(f"--column {mapping}: write OURS=THEIRS; {known}")
        given[ours] = theirs
    names = {re.sub(r"[\s-]+", "_", name.strip().lower()): name for name in reversed(header)}
    for ours, accepted in COLUMNS.items():
        there = [name for name in accepted if name in names]
        if ours not in given and there:
            given[ours] = names[there[0]]
        elif ours not in given and ours in REQUIRED:
            raise InputError(
                f"{path} has no column for the {ours}: it has {', '.join(header)}; accepted: {', '.join(accepted)}, or "
                f"say which with --column {ours}=NAME (a splits.csv of `classify` is audited with its cache: audit "
                f"CACHE --split {path})"
            )
    return given


def _mapped(values: pd.Series, known: Mapping[str, int | str], kind: str, path: Path) -> pd.Series:
    lower = values.str.lower()
    if not lower.isin(known).all():
        line = int((~lower.isin(known)).to_numpy().argmax())
        raise InputError(f"{path}, line {line + 2}: {kind} {values.iloc[line]!r} means nothing; known: "
                         f"{', '.join(name for name in known if name)}")  # fmt: skip
    return lower.map(dict(known))


def _named(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with what names say: who is in each row's file, and of which video it is."""
    blank = [""] * len(table)
    told = {name: table[name].tolist() if name in table else blank for name in TOLD}
    try:
        read = [_row(*row) for row in zip(table["path"].tolist(), table["label"].tolist(), *told.values(), strict=True)]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    named = table.drop(columns=[name for name in TOLD if name in table])
    for name, values in zip(READ, zip(*read, strict=True), strict=True):
        named[name] = values
    named["group"] = connected_groups([tuple(one.split()) for one in named["identities"].tolist()])
    if "format" not in named:
        named["format"] = [os.path.splitext(one)[1].lower() for one in named["path"].tolist()]
    return named


def _row(path: str, label: int, manipulation: str, video: str, *others: str) -> tuple[str, ...]:
    """`READ` of one row; what does not depend on the file's own name is worked out once for its folder."""
    folder, _, file = path.rpartition("/")
    class_folder = _class_folder(folder, label)
    is_frame = class_folder.between and not file.lower().endswith(VIDEO_SUFFIXES)
    return _read(folder, "" if video or is_frame else file, label, manipulation, video, *others)


@lru_cache(maxsize=10_000)
def _read(
    folder: str, file: str, label: int, manipulation: str, video: str, original: str, group: str, dataset: str,
    compression: str,
) -> tuple[str, ...]:  # fmt: skip
    above = _class_folder(folder, label)
    kind = canonical(manipulation) if manipulation else above.manipulation
    says = CLASS[REAL if is_real(kind) else FAKE] if manipulation else above.tells
    if says and says != CLASS[label]:
        raise InputError(
            f"the label {label} ({CLASS[label]}) of {folder}/{file} contradicts {kind!r}, which is {says}: here 1 "
            "means fake; correct the labels, or name each row's manipulation in a column"
        )
    name = _name(folder, file, _stem(video), above, kind)
    before = f"{dataset}/" if dataset else ""
    original = _stem(original) if label == FAKE else ""
    shown = name.identities if name.sources or not original else ()
    people = [re.sub(r"\s", "%20", f"{before}{one}") for one in (original, *shown, _stem(group)) if one]
    compression = compression or above.compression
    key = "/".join(part for part in (dataset, compression, kind, name.video) if part)
    return dataset, compression or "unknown", kind, key, f"{before}{original or name.target}", " ".join(people)


def _name(folder: str, file: str, video: str, above: ClassFolder, kind: str) -> Name:
    if video:
        return parse_video(video, kind)
    stem, suffix = os.path.splitext(file)
    if suffix.lower() in VIDEO_SUFFIXES:
        name = parse_video(stem, kind)
    elif above.between:
        return parse_video(above.between.rsplit("/", 1)[-1], kind)._replace(video=above.between)
    elif not above.tells and stem.isdigit() and folder:
        name = parse_video(posixpath.basename(folder), kind)
    else:
        name = parse_frame(stem, kind)
    if above.tells or name.sources or not folder:
        return name
    return Name(f"{folder}/{name.video}", f"{folder}/{name.target}")  # another folder may have one of the same name


@lru_cache(maxsize=10_000)
def _class_folder(folder: str, label: int) -> ClassFolder:
    parts = folder.split("/")
    compression = next((part for part in reversed(parts) if part in COMPRESSIONS), "")
    for at in range(len(parts) - 1, -1, -1):
        says = folder_says(parts[at])
        if says:
            kind = canonical(parts[at]) if says == CLASS[label] else parts[at]
            between = "/".join(part for part in parts[at + 1 :] if part.lower() not in CONTAINERS)
            return ClassFolder(says, between, kind, compression)
    return ClassFolder("", "", CLASS[label], compression)


def _with_files(table: pd.DataFrame, folder: Path, hash_files: bool) -> pd.DataFrame:
    """The table with the sizes of its files, and their hashes where wanted, where all of them are there."""
    if not (folder / table["path"].iloc[0]).is_file():
        return table
    paths = [folder / one for one in table["path"]]
    try:
        if "byte_size" not in table:
            table["byte_size"] = [path.stat().st_size for path in paths]
        if hash_files and "file_hash" not in table and "pixel_hash" not in table:
            table["file_hash"] = [xxhash.xxh3_128_hexdigest(path.read_bytes()) for path in paths]
    except OSError as error:
        raise InputError(f"{error.filename} is named but cannot be read: {error.strerror}") from error
    return table


def _plain_path(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _stem(text: str) -> str:
    """A video as it is called, without folder and suffix."""
    return re.sub(r"\.[A-Za-z]\w{2,3}$", "", posixpath.basename(text.replace("\\", "/").rstrip("/")))
