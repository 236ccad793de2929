"""Groups dealt to the sides of a split; a split written to a file, read from one, and searched for leaks."""

import math
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd
import xxhash

from cache.errors import InputError, choose
from cache.schema import FAKE, SPLITS

DISJOINT = {"identity": "group", "scene": "scene", "video": "video_id"}  # what never stands on two sides: its column
FEW = 20  # components, or scenes, with a fake


def assign(
    samples: pd.DataFrame,
    *,
    test_size: float = 0.3,
    seed: int = 0,
    disjoint: str = "identity",
    drop_crossing: bool = False,
    test_only: Collection[str] = (),
) -> pd.Series:
    """Deal whole groups to the training and the test side, once for all manipulations of each data set.

    Groups are dealt within strata of equal composition (the set of manipulations in the group), in an order that
    follows from their names and ``seed`` alone: neither the order of rows nor another data set changes it. The test
    side of a data set gets ``test_size`` of its groups, rounded, at least one and not all where it has two or more;
    each stratum its rounded share, the largest remainders first.

    Parameters
    ----------
    samples : DataFrame
        Columns ``dataset``, ``manipulation``, ``label``, ``group``, ``scene``, ``video_id``, ``identities``; n rows.
    test_size : float in (0, 1)
    disjoint : {"identity", "scene", "video"}
    drop_crossing : bool
        Deal single identities instead of their connected components, and drop the samples whose identities then
        stand on both sides.
    test_only : collection of str
        Data sets that are not split: all of their groups are test (but for those that another data set shares).

    Returns
    -------
    Series of str, shape (n,), index of ``samples``
        "train", "test", or "" for a dropped sample.

    Raises
    ------
    InputError
        ``test_size`` outside (0, 1); ``drop_crossing`` without identities; or swaps so dense that identities make
        fewer than 20 components with a fake, where there are 20 scenes or more. Pairs, as FaceForensics++ swaps
        them, are not dense: a small set of them goes on with few groups.
    """
    if not 0 < test_size < 1:
        raise InputError(f"the test side's share is between 0 and 1, not {test_size:g}")
    column = choose(DISJOINT, disjoint, "kind of disjoint split")
    if drop_crossing and disjoint != "identity":
        raise InputError(f"dropping what crosses is for identities; a split by {disjoint} leaves nothing that crosses")
    dealt = samples[~samples["dataset"].isin(set(test_only))]
    if disjoint == "identity" and not drop_crossing:
        _refuse_dense_swaps(dealt)
    if drop_crossing:
        column = "identities"
        _refuse_nameless(samples)
    units = {value: value.split() if drop_crossing else [value] for value in samples[column].unique()}
    sides = _deal(dealt, dealt[column].map(units), test_size, seed)
    split = {value: _side({sides.get(unit, "test") for unit in members}) for value, members in units.items()}
    return samples[column].map(split).astype(object).rename("split")


def cluster_column(disjoint: str, drop_crossing: bool = False) -> str:
    """The sample column whose values folds and intervals keep whole.

    The scene where crossing fakes were dropped: the identities left on one side are still one dense component.
    """
    return "scene" if drop_crossing else choose(DISJOINT, disjoint, "kind of disjoint split")


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Distinct names in an order that depends on nothing but the names and ``seed``."""
    return sorted(set(names), key=lambda name: (xxhash.xxh3_64_intdigest(f"{seed}\0{name}".encode()), name))


def leaks(samples: pd.DataFrame, split: pd.Series, key: str = "group") -> list[str]:
    """Groups that stand on the training side (train, val) and on the test side, sorted."""
    trained = set(samples.loc[split.isin(["train", "val"]), key])
    return sorted(trained & set(samples.loc[split == "test", key]))


def column_split(samples: pd.DataFrame, *, disjoint: str = "identity", allow_leak: bool = False) -> pd.Series:
    """The split that the data set itself gives: the cache's ``split`` column.

    Raises
    ------
    InputError
        No sample carries a split, or a group stands on two sides.
    """
    if not samples["split"].ne("").any():
        raise InputError("the cache carries no split of its own; leave the split to grouping, or name a split file")
    return _checked(samples, samples["split"], "the cache's own split", disjoint, allow_leak)


def read_split(path: Path, samples: pd.DataFrame, *, disjoint: str = "identity", allow_leak: bool = False) -> pd.Series:
    """The split that a CSV file gives to the samples.

    The file has the columns ``split`` (train, val, test) and ``video_id`` or ``group``. Both train and val are the
    training side: within it grouped folds choose, so that val needs no rows of its own. A sample that the file does
    not name gets "": the caller counts those.

    Parameters
    ----------
    path : Path
    samples : DataFrame
    disjoint : {"identity", "scene", "video"}
        What may not stand on two sides.
    allow_leak : bool
        Take the split although groups stand on two sides.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, holds another value of ``split``, names a video twice, names none
        of the samples, or puts a group on two sides.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the split file {path}: {error}") from error
    key = next((name for name in ("video_id", "group") if name in table), None)
    if key is None or "split" not in table:
        raise InputError(f"{path} has the columns {', '.join(table)}; a split file has split, and video_id or group")
    unknown = sorted(set(table["split"]) - set(SPLITS))
    if unknown:
        raise InputError(f"{path} has the split {unknown[0]!r}; known: {', '.join(SPLITS)}")
    rows = table.drop_duplicates([key, "split"])
    if rows[key].duplicated().any():
        raise InputError(f"{path} gives {rows[key][rows[key].duplicated()].iloc[0]!r} two splits")
    split = samples[key].map(dict(zip(rows[key], rows["split"], strict=True))).fillna("").astype(object).rename("split")
    if not split.ne("").any():
        raise InputError(f"{path} names none of the samples: its first {key} is {_first(rows[key])}, "
                         f"the cache's {_first(samples[key])}")  # fmt: skip
    return _checked(samples, split, str(path), disjoint, allow_leak)


def split_csv(samples: pd.DataFrame, split: pd.Series) -> bytes:
    """A split as a CSV file: video_id, group, split, one row a video; videos on no side are left out."""
    table = samples[["video_id", "group"]].assign(split=split)[split.ne("")]
    rows = table.drop_duplicates().sort_values(["video_id", "split"])
    return rows.to_csv(index=False, lineterminator="\n").encode()


def _refuse_dense_swaps(samples: pd.DataFrame) -> None:
    fakes = samples[samples["label"] == FAKE].groupby("dataset")
    for dataset, counts in fakes[["group", "scene"]].nunique().iterrows():
        if counts["group"] < FEW <= counts["scene"] and counts["scene"] > 2 * counts["group"]:
            raise InputError(
                f"swaps in {dataset} are dense: the identities of its fakes from {counts['scene']} scenes join into "
                f"{counts['group']} components (at least {FEW} are needed); either --drop-crossing "
                "(identities are dealt, fakes that cross are dropped) or --disjoint scene (one person can then stand "
                "on both sides)"
            )


def _refuse_nameless(samples: pd.DataFrame) -> None:
    nameless = samples.loc[samples["identities"].eq(""), "video_id"]
    if len(nameless):
        raise InputError(f"--drop-crossing needs the identities of every sample; {nameless.iloc[0]} has none")


def _deal(samples: pd.DataFrame, units: pd.Series, test_size: float, seed: int) -> dict[str, str]:
    """The side of each unit (a group, or a single identity) of the samples."""
    rows = samples[["dataset", "manipulation"]].assign(unit=units).explode("unit").drop_duplicates()
    members = rows.groupby("unit").agg(lambda names: "\0".join(sorted(set(names))))
    sides = {}
    for _, groups in members.groupby("dataset"):  # a unit that data sets share is dealt among its like
        strata = {str(name): list(stratum.index) for name, stratum in groups.groupby("manipulation")}
        quotas = _quotas({name: len(stratum) for name, stratum in strata.items()}, test_size, shuffled(strata, seed))
        for name, stratum in strata.items():
            ordered = shuffled(stratum, seed)
            sides.update(dict.fromkeys(ordered[: quotas[name]], "test"))
            sides.update(dict.fromkeys(ordered[quotas[name] :], "train"))
    return sides


def _quotas(sizes: dict[str, int], share: float, order: list[str]) -> dict[str, int]:
    """Test groups of each stratum: its share rounded down, and one more by largest remainder (ties in ``order``)."""
    total = sum(sizes.values())
    wanted = min(max(math.floor(share * total + 0.5), 1), total - 1)
    quotas = {name: math.floor(share * size) for name, size in sizes.items()}
    by_remainder = sorted(order, key=lambda name: quotas[name] - share * sizes[name])
    for name in by_remainder[: max(wanted - sum(quotas.values()), 0)]:
        quotas[name] += 1
    return quotas


def _side(sides: set[str]) -> str:
    return sides.pop() if len(sides) == 1 else ""


def _checked(samples: pd.DataFrame, split: pd.Series, source: str, disjoint: str, allow_leak: bool) -> pd.Series:
    column = choose(DISJOINT, disjoint, "kind of disjoint split")
    shared = leaks(samples, split, column)
    if shared and not allow_leak:
        total = samples.loc[split == "test", column].nunique()
        raise InputError(
            f"{source} puts {len(shared)} of {total} test groups into training too, {shared[0]!r} first "
            f"(disjoint by {disjoint}); repair it, or go on with --allow-leak, which every report will state"
        )
    return split


def _first(values: pd.Series) -> str:
    return repr(values.iloc[0]) if len(values) else "missing (no rows)"
