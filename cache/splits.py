"""Groups dealt to the sides of a split, and any split searched for leaks."""

import math
from collections.abc import Collection, Iterable

import pandas as pd
import xxhash

from cache.errors import InputError, choose
from cache.schema import FAKE, REAL

BOTH = "both"  # value of a split: trained on and tested on, the leak of many a published protocol
SIDES = {"training": ("train", "val", BOTH), "test": ("test", BOTH)}  # the side of a split -> its values
DISJOINT = {"identity": "group", "scene": "scene", "video": "video_id"}  # what never stands on two sides: its column
NAMES = {"group": "groups", "scene": "scenes", "video_id": "videos", "identities": "identities"}
DEALT_BY = ("dataset", "manipulation", "label", "group", "scene", "video_id", "identities")  # columns
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
    dealt = samples.loc[~samples["dataset"].isin(set(test_only)), list(DEALT_BY)]  # a copy: of no more than is needed
    if disjoint == "identity" and not drop_crossing:
        _refuse_dense_swaps(dealt)
    if drop_crossing:
        column = "identities"
        _refuse_nameless(samples)
    sides = _deal(_compositions(dealt, column), test_size, seed)
    values = samples[column].unique()
    split = {value: _side({sides.get(unit, "test") for unit in _units(value, column)}) for value in values}
    return samples[column].map(split).astype(object).rename("split")


def by_manipulation(
    samples: pd.DataFrame, train: Collection[str], test: Collection[str], *, test_size: float = 0.3, seed: int = 0
) -> pd.Series:
    """Put whole manipulations on a side, as most published protocols do.

    Who is in a fake is not asked: inside one data set this leaks; between data sets of other people it does not. The
    reals of a data set and compression go where its fakes go; where both sides have fakes their videos are dealt, in
    an order that follows from their names and ``seed`` alone, or all stand on both sides.

    Parameters
    ----------
    samples : DataFrame, n rows
    train, test : collection of str
        Manipulations of each side.
    test_size : float in (0, 1]
        Share of the real videos that are dealt to the test side; 1: all are trained on and tested on.

    Returns
    -------
    Series of str, shape (n,)
        "train", "test", "both", or "" for what belongs to no manipulation named.

    Raises
    ------
    InputError
        ``test_size`` outside (0, 1], or a manipulation of both sides.
    """
    if not 0 < test_size <= 1:
        raise InputError(f"the test side's share is above 0 and at most 1, not {test_size:g}")
    if crossing := sorted(set(train) & set(test)):
        raise InputError(
            f"a split by manipulation puts each one whole on a side, and {crossing[0]} is to be on both: name others "
            "to train on than to test on"
        )
    real = samples["label"] == REAL
    split = pd.Series("", samples.index, dtype=object, name="split")
    split[~real & samples["manipulation"].isin(set(train))] = "train"
    split[~real & samples["manipulation"].isin(set(test))] = "test"
    homes = samples["dataset"] + "\0" + samples["compression"]
    trained, tested = (homes.isin(homes[split == side].unique()) for side in ("train", "test"))
    split[real & trained] = "train"
    split[real & tested] = "test"
    shared = real & trained & tested
    if test_size == 1:
        split[shared] = BOTH
    elif shared.any():
        sides = _deal(_compositions(samples[shared], "scene"), test_size, seed)
        split[shared] = samples.loc[shared, "scene"].map(sides)
    return split


def cluster_column(disjoint: str, drop_crossing: bool = False) -> str:
    """The sample column whose values folds and intervals keep whole.

    The scene where crossing fakes were dropped: the identities left on one side are still one dense component.
    """
    return "scene" if drop_crossing else choose(DISJOINT, disjoint, "kind of disjoint split")


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Distinct names in an order that depends on nothing but the names and ``seed``."""
    return sorted(set(names), key=lambda name: (xxhash.xxh3_64_intdigest(f"{seed}\0{name}".encode()), name))


def leaks(samples: pd.DataFrame, split: pd.Series, key: str = "group") -> list[str]:
    """What stands on the training side (train, val, both) and on the test side (test, both), sorted.

    Parameters
    ----------
    samples : DataFrame
    split : Series of str
    key : str
        The column of what may not: the values of ``group``, ``scene`` or ``video_id``, each one of ``identities``.
    """
    trained, tested = (_members(samples.loc[split.isin(values), key]) for values in SIDES.values())
    return sorted(trained & tested)


def refuse_leaks(
    samples: pd.DataFrame, split: pd.Series, source: str, key: str = "group", remedy: str = "repair it"
) -> None:
    """Refuse a split that puts something on two sides.

    Parameters
    ----------
    source, remedy : str
        What gives the split, and what helps, for the sentence.

    Raises
    ------
    InputError
        Counting what is on both sides, with the first of them.
    """
    if shared := leaks(samples, split, key):
        total = len(_members(samples.loc[split.isin(SIDES["test"]), key]))
        raise InputError(
            f"{source} puts {len(shared)} of {total} test {NAMES[key]} into training too, {shared[0]!r} first; "
            f"{remedy}, or go on with --allow-leak, which every report will state"
        )


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


def _compositions(samples: pd.DataFrame, column: str) -> dict[str, dict[str, list[str]]]:
    """Units (values, or single identities) by what they hold: data sets -> manipulations -> units."""
    pairs: dict[tuple[str, str], int] = {}  # (data set, manipulation) -> its bit
    held: dict[str, int] = {}
    for value, *pair in samples[[column, "dataset", "manipulation"]].drop_duplicates().itertuples(index=False):
        bit = pairs.setdefault((pair[0], pair[1]), 1 << len(pairs))
        for unit in _units(value, column):
            held[unit] = held.get(unit, 0) | bit
    names = {bits: _names([pair for pair, bit in pairs.items() if bits & bit]) for bits in set(held.values())}
    found: dict[str, dict[str, list[str]]] = {}
    for unit, bits in held.items():
        datasets, manipulations = names[bits]
        found.setdefault(datasets, {}).setdefault(manipulations, []).append(unit)
    return found


def _names(pairs: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Data sets, and manipulations, as one string each."""
    datasets, manipulations = ("\0".join(sorted(set(names))) for names in zip(*pairs, strict=True))
    return datasets, manipulations


def _units(value: str, column: str) -> list[str]:
    """What of a column's value is dealt: each of the identities, else the value."""
    return value.split() if column == "identities" else [value]


def _deal(compositions: dict[str, dict[str, list[str]]], test_size: float, seed: int) -> dict[str, str]:
    """The side of each unit; one that data sets share is dealt among its like."""
    sides = {}
    for strata in compositions.values():
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


def _members(values: pd.Series) -> set[str]:
    """Distinct values; of ``identities`` each one that they name."""
    return {unit for value in values.unique() for unit in _units(value, str(values.name))}
