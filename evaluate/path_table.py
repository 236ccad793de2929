"""What the rows of others' tables say of their samples: columns by the names in use, and videos and people by paths."""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any

import pandas as pd

from cache.errors import InputError
from cache.identity import Name, canonical, connected_groups, folder_says, parse_frame, parse_video
from cache.schema import FAKE, REAL, SPLITS
from evaluate.class_folders import ClassFolder, class_folder
from evaluate.table_file import TableFile
from evaluate.wording import CLASS

Accepted = Mapping[str, tuple[str, ...]]
COLUMNS: dict[str, tuple[str, ...]] = {  # ours -> names accepted, in lower case
    "path": ("path", "file", "filename", "file_name", "image", "image_path", "file_path", "filepath", "frame_path",
             "img", "img_path"),
    "label": ("label", "target", "is_fake", "class", "y", "true_label", "y_true", "ground_truth"),
    "video": ("video", "video_id", "clip", "video_name", "video_path"),
    "manipulation": ("manipulation", "method", "category", "forgery", "type"),
    "original": ("original", "source", "original_video", "target_video"),
    "group": ("group", "identity", "subject"),
    "dataset": ("dataset",),
    "compression": ("compression",),
}  # fmt: skip
LABELS = {"0": REAL, "0.0": REAL, "real": REAL, "false": REAL, "1": FAKE, "1.0": FAKE, "fake": FAKE, "true": FAKE}
SPLIT_NAMES = {
    **{name: name for name in SPLITS}, "": "", "training": "train", "valid": "val", "validation": "val",
    "testing": "test",
}  # fmt: skip
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
TOLD = ("manipulation", "video", "original", "group", "dataset", "compression")  # columns that names would tell else
READ = ("dataset", "compression", "manipulation", "video_id", "scene", "identities", "frame")


def recognised(
    file: TableFile, columns: Iterable[str], accepted: Accepted, decisive: Sequence[str] = ()
) -> dict[str, str]:
    """Ours -> the table's name of each column that is there.

    Parameters
    ----------
    file : TableFile
    columns : iterable of str
        ``ours=theirs``: which column is meant, where names do not tell.
    accepted : mapping of str to sequence of str
        Names accepted for each of ours, in lower case.
    decisive : sequence of str
        Of these two candidates are refused unless one is called as ours; of others the first accepted counts.

    Raises
    ------
    InputError
        A column given is not there, two could be meant, or the one meant stands twice.
    """
    found: dict[str, str] = {}
    for mapping in columns:
        ours, equals, theirs = mapping.partition("=")
        if not equals or ours not in accepted or theirs not in file.header:
            known = f"ours is one of {', '.join(accepted)}, theirs one of {', '.join(file.header)}"
            raise InputError(f"--column {mapping}: write OURS=THEIRS; of {file.path} {known}")
        found[ours] = theirs
    for ours, names in accepted.items():
        plain = map(plain_name, file.header)
        there = sorted((names.index(name), at) for at, name in enumerate(plain) if name in names)
        if ours in found or not there:
            continue
        candidates = [*dict.fromkeys(file.header[at] for _, at in there)]
        if ours in decisive and len(candidates) > 1 and [plain_name(one) for one in candidates].count(ours) != 1:
            raise InputError(
                f"{file.path} has several columns that may be the {ours}: {', '.join(candidates)}; say which with "
                f"--column {ours}=NAME"
            )
        found[ours] = candidates[0]
    if twice := [name for name in found.values() if file.header.count(name) > 1]:
        raise InputError(
            f"{file.path} has {file.header.count(twice[0])} columns called {twice[0]!r}: rename all but one"
        )
    return found


def plain_name(name: str) -> str:
    """A column's name as the lists of those accepted have it: ``Fake Prob`` is ``fake_prob``."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def mapped(values: pd.Series, known: Mapping[str, int | str], kind: str, file: TableFile) -> pd.Series:
    """Words as what they mean, whatever their case; one that means nothing is refused with its row."""
    lower = values.str.lower()
    if not lower.isin(known).all():
        row = (~lower.isin(known)).idxmax()
        raise InputError(f"{file.at(row)}: {kind} {values[row]!r} means nothing; known: "
                         f"{', '.join(name for name in known if name)}")  # fmt: skip
    return lower.map(dict(known))


def plain_path(path: str) -> str:
    """A path with slashes, without what stands for nothing: ``.\\a\\\\b`` is ``a/b``."""
    return posixpath.normpath(path.replace("\\", "/"))


def named(table: pd.DataFrame, file: TableFile) -> pd.DataFrame:
    """The table with what names say: who is in each row's file, and of which video it is.

    Folders that all rows share tell no class where both classes are there.

    Parameters
    ----------
    table : DataFrame
        ``path`` ("" where the video has to do), ``label``, and text columns of `TOLD` where there are any, which count
        for more than paths.
    file : TableFile
        Where it is from, for messages.

    Returns
    -------
    DataFrame
        With the columns `READ` and ``group``, without those of `TOLD` that are not among them.

    Raises
    ------
    InputError
        A label contradicts the class folder or the manipulation.
    """
    blank = [""] * len(table)
    told = {name: table[name].tolist() if name in table else blank for name in TOLD}
    shared = _shared_folders(table["path"].tolist(), told["video"]) if table["label"].nunique() > 1 else 0
    rows = zip(table.index, table["path"].tolist(), table["label"].tolist(), *told.values(), strict=True)
    columns = dict(zip(READ, zip(*_read_rows(rows, shared, file), strict=True), strict=True))
    result = table.drop(columns=[name for name in TOLD if name in table]).assign(**columns)
    result["group"] = connected_groups([tuple(one.split()) for one in columns["identities"]])
    return result


def _read_rows(rows: Iterable[tuple[Any, ...]], shared: int, file: TableFile) -> Iterator[tuple[str, ...]]:
    for at, *row in rows:
        try:
            yield _row(shared, *row)
        except InputError as error:
            raise InputError(f"{file.at(at)}: {error}") from error


def _shared_folders(paths: Iterable[str], videos: Iterable[str]) -> int:
    """How many folders all paths begin with, or the videos where there is no path."""
    folders = {posixpath.dirname(path or plain_path(video)) for path, video in zip(paths, videos, strict=True)}
    places = zip(*[folder.split("/") for folder in folders], strict=False)
    return sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, places))


def _row(shared: int, path: str, label: int, manipulation: str, video: str, *others: str) -> tuple[str, ...]:
    """`READ` of one row; what does not depend on the file's own name is worked out once for its folder."""
    folder, _, file = (path or plain_path(video)).rpartition("/")
    in_video = class_folder(folder, label, shared).between and not file.lower().endswith(VIDEO_SUFFIXES)
    told = video and (video if path else file)
    return _read(folder, "" if video or in_video else file, label, shared, bool(path), manipulation, told, *others)


@lru_cache(maxsize=10_000)
def _read(
    folder: str, file: str, label: int, shared: int, has_path: bool, manipulation: str, video: str, original: str,
    group: str, dataset: str, compression: str,
) -> tuple[str, ...]:  # fmt: skip
    above = class_folder(folder, label, shared)
    kind, says = above.manipulation, above.tells
    if manipulation:
        says = folder_says(manipulation) or (CLASS[FAKE] if label == FAKE else "")
        kind = canonical(manipulation) if says else CLASS[REAL]  # a method's own reals are real
    if says and says != CLASS[label]:
        raise InputError(
            f"the label {label} ({CLASS[label]}) of {folder}/{file or video} contradicts {kind!r}, which is {says}: "
            "here 1 means fake; correct the labels, or name each row's manipulation in a column"
        )
    name = _name("" if video and has_path else folder, file, _stem(video), above, kind, shared)
    if not name.video:
        raise InputError(f"{folder}/{file} names neither a file nor a video")
    before = f"{dataset}/" if dataset else ""
    original = _stem(original) if label == FAKE else ""
    shown = name.identities if name.sources or not original else ()
    people = [re.sub(r"\s", "%20", f"{before}{one}") for one in (original, *shown, _stem(group)) if one]
    compression = compression or above.compression
    key = "/".join(part for part in (dataset, compression, kind, name.video) if part)
    frame = "" if name.frame is None else str(name.frame)
    return dataset, compression or "unknown", kind, key, f"{before}{original or name.target}", " ".join(people), frame


def _name(folder: str, file: str, video: str, above: ClassFolder, kind: str, shared: int) -> Name:
    own = "/".join(folder.split("/")[shared:])  # where the table lies is no part of a name
    stem, suffix = os.path.splitext(file)
    if video or suffix.lower() in VIDEO_SUFFIXES:
        name = parse_video(video or stem, kind)
    elif above.between:
        return parse_video(above.between.rsplit("/", 1)[-1], kind)._replace(video=above.between)
    elif not above.tells and stem.isdigit() and folder:
        name, own = parse_video(posixpath.basename(folder), kind), posixpath.dirname(own)
    else:
        name = parse_frame(stem, kind)
    if above.tells or name.sources or not own:
        return name
    return name._replace(video=f"{own}/{name.video}", target=f"{own}/{name.target}")  # others may be called alike


def _stem(text: str) -> str:
    """A video as it is called, without folder and suffix."""
    return re.sub(r"\.[A-Za-z]\w{2,3}$", "", posixpath.basename(text.replace("\\", "/").rstrip("/")))
