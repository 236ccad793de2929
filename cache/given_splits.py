"""Splits that are given: by the data set's own column, by a file, or by the official lists of FaceForensics++.

They are read here as they stand; `cache.splits.refuse_leaks` looks for what stands on two sides.
"""

import json
from pathlib import Path

import pandas as pd

from cache.errors import InputError
from cache.identity import FAKES
from cache.schema import SPLITS
from cache.splits import BOTH

KEYS = ("video_id", "group")  # what a split file may name; the first that names anything counts


class NothingNamedError(InputError):
    """A given split says nothing of the samples."""


def column_split(samples: pd.DataFrame) -> pd.Series:
    """The split that the data set itself gives: the cache's ``split`` column.

    Returns
    -------
    Series of str, index of ``samples``
        "train", "val", "test", or "" where the data set says nothing.

    Raises
    ------
    NothingNamedError
        No sample carries a split.
    """
    if not samples["split"].ne("").any():
        raise NothingNamedError(
            "the cache carries no split of its own; leave the split to grouping, or name a split file"
        )
    return samples["split"].astype(object)


def read_split(path: Path, samples: pd.DataFrame) -> pd.Series:
    """The split that a CSV file gives to the samples.

    The file has the columns ``split`` (train, val, test, both) and ``video_id`` or ``group``. Train and val are the
    training side: within it grouped folds choose, so that val needs no rows of its own. What is "both" is trained on
    and tested on, as `cache.splits.by_manipulation` gives it: a leak. A sample that the file does
    not name gets "": the caller counts those. Where the file has both columns and names none of the videos, as for
    another compression of the same data set, its groups count.

    Raises
    ------
    NothingNamedError
        The file names none of the samples.
    InputError
        The file cannot be read, lacks a column, holds another value of ``split``, or gives a video two splits.
    """
    table = _read_table(path)
    for key in [key for key in KEYS if key in table]:
        rows = table.drop_duplicates([key, "split"])
        known = rows[rows[key].isin(samples[key].unique())]
        if known.empty:
            continue
        twice = known[key][known[key].duplicated()]  # of those that are not here it may say what it likes
        if len(twice):
            raise InputError(f"{path} gives {twice.iloc[0]!r} two splits")
        sides = dict(zip(known[key], known["split"], strict=True))
        return samples[key].map(sides).fillna("").astype(object).rename("split")
    key = next(key for key in KEYS if key in table)
    raise NothingNamedError(
        f"{path} names none of the samples: its first {key} is {_first(table[key])}, the cache's {_first(samples[key])}"
    )


def ffpp_split(folder: Path, samples: pd.DataFrame) -> pd.Series:
    """The split of the official lists of FaceForensics++: a sample stands where all of its identities stand.

    A list names pairs of videos; of each pair A, B come the reals A and B and the fakes A_B and B_A of every
    manipulation and compression. A sample with an identity that no list names, or with identities of two lists, gets
    "". Identities are compared without the name of their data set.

    Parameters
    ----------
    folder : Path
        Holds ``train.json``, ``val.json`` and ``test.json``.
    samples : DataFrame
        Its column ``identities`` is read.

    Raises
    ------
    NothingNamedError
        The lists name none of the samples.
    InputError
        A list cannot be read, is no list of pairs, or a video stands in two of them.

    References
    ----------
    A. Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019; the lists:
    https://github.com/ondyari/FaceForensics, dataset/splits
    """
    side_of = _read_lists(folder)
    swapped = samples["manipulation"].isin(set(FAKES.values()))
    homes = set(samples["dataset"][swapped]) or set(samples["dataset"])  # others may have videos of such numbers, too
    keys = pd.Series(list(zip(samples["dataset"], samples["identities"], strict=True)), samples.index)
    sides = {}
    for dataset, identities in keys.unique():
        videos = [name.removeprefix(f"{dataset}/") for name in identities.split()] if dataset in homes else []
        found = {side_of.get(video, "") for video in videos}
        sides[dataset, identities] = found.pop() if len(found) == 1 else ""
    split = keys.map(sides).astype(object).rename("split")
    if not split.ne("").any():
        raise NothingNamedError(
            f"the lists in {folder} name none of the samples: they name {next(iter(side_of))!r} first, "
            f"the cache {_first(samples['identities'])}"
        )
    return split


def split_csv(samples: pd.DataFrame, split: pd.Series) -> bytes:
    """A split as a CSV file: video_id, group, split, one row a video; videos on no side are left out."""
    table = samples[["video_id", "group"]].assign(split=split)[split.ne("")]
    rows = table.drop_duplicates().sort_values(["video_id", "split"])
    return rows.to_csv(index=False, lineterminator="\n").encode()


def _read_table(path: Path) -> pd.DataFrame:
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, not a CSV file; official lists of FaceForensics++ are --split ffpp:{path}"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the split file {path}: {error}") from error
    if "split" not in table or not any(key in table for key in KEYS):
        raise InputError(f"{path} has the columns {', '.join(table)}; a split file has split, and video_id or group")
    if unknown := sorted(set(table["split"]) - {*SPLITS, BOTH}):
        raise InputError(f"{path} has the split {unknown[0]!r}; known: {', '.join(SPLITS)}, {BOTH}")
    return table


def _read_lists(folder: Path) -> dict[str, str]:
    """The side of each video that the lists name."""
    sides: dict[str, str] = {}
    for side in SPLITS:
        path = folder / f"{side}.json"
        try:
            pairs = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read the list {path}: {error}; a folder of FaceForensics++'s splits has "
                             f"{', '.join(f'{name}.json' for name in SPLITS)}") from error  # fmt: skip
        if not (isinstance(pairs, list) and pairs and all(map(_is_pair, pairs))):
            raise InputError(f'{path} is no list of pairs of videos, [["071", "054"], ...]')
        for name in (name for pair in pairs for name in pair):
            if sides.setdefault(name, side) != side:
                raise InputError(f"video {name!r} stands in {sides[name]}.json and in {side}.json of {folder}")
    return sides


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(name, str) for name in value)


def _first(values: pd.Series) -> str:
    return repr(values.iloc[0]) if len(values) else "missing (no rows)"
