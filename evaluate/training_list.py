"""A list of the samples that somebody trained on: which of them, or of their groups, stand in a test again."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cache.errors import InputError
from cache.identity import folder_says
from cache.schema import FAKE, REAL, UNKNOWN
from evaluate.caveats import LEAK
from evaluate.class_folders import class_folder
from evaluate.path_table import LABELS, SPLIT_NAMES, mapped, plain_path, recognised
from evaluate.scores import SCORE_COLUMNS, identified
from evaluate.table_file import TableFile, open_table, texts
from evaluate.wording import CLASS, listed, plural

SLASH = re.compile(r"[/\\]")  # in a path


class Leak(NamedTuple):
    """What stands in training and in test.

    Attributes
    ----------
    groups : list of str
        Groups of the test with somebody who was in training.
    videos, frames : int
        How many of the test's own videos and frames were in training.
    """

    groups: list[str]
    videos: int
    frames: int


def read_training(path: Path) -> pd.DataFrame:
    """Samples that were trained on, by the rules of `evaluate.scores.read_scores`.

    Of a table with a split the rows of train and val count, else all. Labels may be left out where folders tell them.
    Paths alone, one a line without a header, are a list too.

    Raises
    ------
    InputError
        The table cannot be read, names no samples, or does not tell reals from fakes.
    """
    file = _with_header(open_table(Path(path)))
    found = recognised(file, (), {name: names for name, names in SCORE_COLUMNS.items() if name != "score"})
    if found.keys().isdisjoint(("path", "video", "sample_id")):
        raise InputError(
            f"{path} names no samples: it has {', '.join(file.header)}; a list of training samples has a column path "
            "or video, and may have label and split, or is of paths alone, one a line"
        )
    cells = file.read([*dict.fromkeys(found.values())])
    told = pd.DataFrame({name: texts(cells[theirs]) for name, theirs in found.items()})
    if "split" in told:
        split = mapped(told["split"], SPLIT_NAMES, "split", file)
        if not split.eq("train").any():
            raise InputError(f"{path} has no row of split train: name the list of what was trained on")
        told = told[split.isin(("train", "val"))]
    labels = mapped(told["label"], LABELS, "label", file) if "label" in told else _labels_by_name(told)
    if (unknown := labels == UNKNOWN).any():
        raise InputError(
            f"{file.at(unknown.idxmax())}: neither a label nor a folder tells real or fake; add a column label"
        )
    return identified(told.assign(label=labels, split="train"), file, once=False)


def own_training(path: Path, columns: Mapping[str, str]) -> pd.DataFrame | None:
    """The training rows that a file of scores holds itself; None where it has none.

    Parameters
    ----------
    path : Path
    columns : mapping
        Ours -> the file's name of each column that was read.
    """
    if "split" not in columns:
        return None
    file = open_table(Path(path))
    split = mapped(texts(file.read([columns["split"]])[columns["split"]]), SPLIT_NAMES, "split", file)
    return read_training(path) if split.eq("train").any() else None


def _with_header(file: TableFile) -> TableFile:
    """The table, or where every line from the first on is a path, the table of these."""
    if file.unit != "line" or len(file.header) != 1 or not SLASH.search(file.header[0]):
        return file
    below = file.read(file.header)[file.header[0]]
    lines = pd.concat([pd.Series(file.header, [1]), below])
    if not lines.str.contains(SLASH).all():
        return file
    return file._replace(header=["path"], read=lambda names: pd.DataFrame(dict.fromkeys(names, lines)))


def _labels_by_name(told: pd.DataFrame) -> pd.Series:
    """Labels that the manipulation or the class folder of each row tells; -1 where neither does."""
    blank = pd.Series("", told.index)
    names = next(told[name] for name in ("path", "video", "sample_id") if name in told)
    pairs = zip(names, told.get("manipulation", blank), strict=True)
    return pd.Series([_label_by_name(*pair) for pair in pairs], index=told.index, dtype=int)


def _label_by_name(name: str, manipulation: str) -> int:
    if manipulation:
        return REAL if folder_says(manipulation) == CLASS[REAL] else FAKE
    tells = class_folder(posixpath.dirname(plain_path(name)), FAKE).tells
    return {"": UNKNOWN, CLASS[REAL]: REAL, CLASS[FAKE]: FAKE}[tells]


def find_leak(test: pd.DataFrame, training: pd.DataFrame) -> Leak:
    """Which of the test stands in training.

    A group of the test leaks where anybody in it was in training. Where one of the two tables does not tell its data
    sets, names are compared without them.

    Parameters
    ----------
    test, training : DataFrame
        As `evaluate.scores.identified` gives them.
    """
    bare = any(table["dataset"].eq("unknown").any() for table in (test, training))
    known = {one for people in _people(training, bare) for one in people}
    shared = [not known.isdisjoint(people) for people in _people(test, bare)]
    videos = set(_names(test, "video_id", bare)) & set(_names(training, "video_id", bare))
    frames = set(_names(test, "sample_id", bare)) & set(_names(training, "sample_id", bare))
    return Leak(sorted(set(test.loc[shared, "group"])), len(videos), len(frames))


def leak_sentence(leak: Leak, test: pd.DataFrame, training: pd.DataFrame) -> str:
    """What `find_leak` found, for a report."""
    groups = test["group"].nunique()
    if not (leak.groups or leak.videos or leak.frames):
        return (
            f"None of the {plural(groups, 'test group')} has anybody of the {plural(len(training), 'training sample')} "
            "that were listed, by name: files that are called otherwise would not be noticed"
        )
    own = [f"{leak.videos:,} of {plural(test['video_id'].nunique(), 'video')}"] * (leak.videos > 0)
    own += [f"{leak.frames:,} of {plural(len(test), 'frame')}"] * (leak.frames > 0)
    return (
        f"{LEAK} {len(leak.groups):,} of {groups:,} test groups were in training: {listed(leak.groups, 3)}"
        f"{f'; {listed(own)} were trained on themselves' if own else ''}"
    )


def _people(table: pd.DataFrame, bare: bool) -> list[tuple[str, ...]]:
    """Who is in each row."""
    return [
        tuple(one.removeprefix(re.sub(r"\s", "%20", f"{dataset}/")) if bare else one for one in people.split())
        for people, dataset in zip(table["identities"], table["dataset"], strict=True)
    ]


def _names(table: pd.DataFrame, column: str, bare: bool) -> list[str]:
    """Videos or frames without their compression, for it makes no others of them; with their data set if known."""
    names = []
    for name, dataset, compression in zip(table[column], table["dataset"], table["compression"], strict=True):
        rest = name.removeprefix(f"{dataset}/")
        before = "" if bare else f"{dataset}/"
        names.append(before + rest.removeprefix(f"{compression}/"))
    return names
