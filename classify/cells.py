"""Which rows a cell trains on and which it tests on: named manipulations, and the reals that belong with them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.schema import FAKE, REAL, UNKNOWN
from cache.splits import SIDES

READ = ("dataset", "compression", "manipulation", "video_id", "label")


def cell_rows(
    samples: pd.DataFrame,
    split: pd.Series,
    train: Sequence[str],
    test: Sequence[str],
    *,
    key: str = "group",
    tested: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to test on.

    Each side takes its fakes of the manipulations named, and the reals of their data sets and compressions; reals of
    another data set would teach a head to tell data sets apart.

    Parameters
    ----------
    samples : DataFrame
        Its index holds the row numbers.
    split : Series of str
        As `cache.splits.SIDES` says, "" on neither side; index as that of ``samples``.
    train, test : sequence of str
        Manipulations; reals join by themselves.
    key : str
        The column of what is dealt whole.
    tested : ndarray of bool, optional
        Samples of another cache: these alone are tested on, and the others alone trained on.

    Returns
    -------
    train_rows, test_rows : ndarray of int
        Sorted.

    Raises
    ------
    InputError
        An unknown manipulation, samples without a label, or a class without samples on a side.
    """
    tables = (samples, samples) if tested is None else (samples[~tested], samples[tested])
    for table, names in zip(tables, (train, test), strict=True):
        check_manipulations(table, names)
        _refuse_unlabelled(table, names)
    read = list(dict.fromkeys([*READ, key]))  # a copy of no more than is looked at
    training, testing = (
        _side_rows(table[read], split, side, names, key)
        for table, side, names in zip(tables, SIDES, (train, test), strict=True)
    )
    return training, testing


def manipulations(samples: pd.DataFrame) -> list[str]:
    """Names of the manipulations whose samples are fakes, sorted."""
    return sorted(samples.loc[samples["label"] == FAKE, "manipulation"].unique())


def check_manipulations(samples: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse names that no fake carries, and an empty list.

    Raises
    ------
    InputError
        Listing the known manipulations with their numbers of videos.
    """
    if not names:
        raise InputError(f"name at least one manipulation to train on and one to test on; known: {_known(samples)}")
    fake = samples["label"] != REAL
    fakes, reals = (set(samples.loc[rows, "manipulation"].unique()) for rows in (fake, ~fake))
    for name in names:
        if name in reals:
            raise InputError(
                f"{name!r} are originals, which join both sides by themselves; manipulations: {_known(samples)}"
            )
        if name not in fakes:
            raise InputError(f"unknown manipulation {name!r}; known: {_known(samples)}")


def _known(samples: pd.DataFrame) -> str:
    """The manipulations and how many videos each has."""
    videos = samples[samples["label"] != REAL].groupby("manipulation")["video_id"].nunique()
    return ", ".join(f"{name} ({count} videos)" for name, count in videos.items()) or "none"


def _refuse_unlabelled(samples: pd.DataFrame, names: Sequence[str]) -> None:
    unlabelled = samples["manipulation"].isin(names) & (samples["label"] == UNKNOWN)
    if unlabelled.any():
        first = samples.loc[unlabelled, "sample_id"].iloc[0]
        raise InputError(f"{first} has no label (-1): it can be predicted, but neither trained on nor tested on")


def _side_rows(samples: pd.DataFrame, split: pd.Series, side: str, names: Sequence[str], key: str) -> np.ndarray:
    present = samples[split[samples.index].isin(SIDES[side])]
    if present.empty:
        if samples[key].nunique() == 1:
            raise InputError(
                f"all samples are one group ({samples[key].iloc[0]}), so there is nothing to test on; add samples "
                "of other groups, or deal smaller ones where there are (--disjoint scene or video)"
            )
        raise InputError(f"no group is left on the {side} side; {_remedy(side)}")
    return np.unique(np.concatenate([_with_reals(present, name, side, samples) for name in names]))


def _with_reals(present: pd.DataFrame, name: str, side: str, samples: pd.DataFrame) -> np.ndarray:
    """Rows of one manipulation on a side and of the reals of its data sets and compressions."""
    fakes = present[present["manipulation"] == name]
    if fakes.empty:
        videos = samples.loc[samples["manipulation"] == name, "video_id"].nunique()
        raise InputError(f"no {name} on the {side} side: none of its {videos} videos was dealt there; {_remedy(side)}")
    keys = ["dataset", "compression"]
    homes = pd.MultiIndex.from_frame(fakes[keys].drop_duplicates())
    reals = present[(present["label"] == REAL) & pd.MultiIndex.from_frame(present[keys]).isin(homes)]
    if reals.empty:
        where = ", ".join("/".join(home) for home in homes)
        if not (samples["label"].eq(REAL) & pd.MultiIndex.from_frame(samples[keys]).isin(homes)).any():
            raise InputError(
                f"no real samples beside {name}, which belongs to {where}: extract the originals with it, or let "
                "--where keep them"
            )
        raise InputError(f"no real samples beside {name} on the {side} side in {where}; {_remedy(side)}")
    return np.concatenate([fakes.index.to_numpy(), reals.index.to_numpy()])


def _remedy(side: str) -> str:
    larger = "a smaller" if side == "training" else "a larger"
    return f"give a split file (--split FILE.csv), {larger} --test-size, or another --seed"
