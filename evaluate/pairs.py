"""Runs against each other on the samples that both have: paired differences of AUC, corrected for their number."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache.errors import InputError
from evaluate.caveats import ALL
from evaluate.cell_draws import CellDraws, DrawnCell, Place
from evaluate.compare import differences, holm, judged, sentence
from evaluate.delong import delong
from evaluate.intervals import GroupDraws
from evaluate.levels import LEVELS, has_few_groups

KINDS = {True: "mean of seen cells", False: "mean of unseen cells", None: "mean of cells of unnamed fakes"}
EVERY = "mean of all cells"  # of training that is unknown
FILES = 6  # whose training is unknown: more are compared with the first alone
SEVERAL = "a mean over cells has no such test"

Record = dict[str, Any]


class Pair(NamedTuple):
    """One cell of two runs, on the rows that both have.

    Attributes
    ----------
    rows : DataFrame
        ``label``, ``group``, ``first``, ``second`` (scores).
    left_out : tuple of int
        Rows that only the first has, and only the second.
    values : ndarray of float, shape (1 + B,), or None
        Second minus first: the difference of their AUCs, then that of each draw; None where a class is missing.
    """

    rows: pd.DataFrame
    left_out: tuple[int, int]
    values: np.ndarray | None


def comparisons(drawn: CellDraws, order: Sequence[str]) -> list[Record]:
    """Every head against the first one, at each level: their means, and each cell of the same training.

    Runs of different trainings are not compared: that is what the matrix of a head is for. Runs whose training is
    unknown have no first for a reason: up to `FILES` of them are compared each with each, and over all test rows
    together too.

    Parameters
    ----------
    drawn : CellDraws
    order : sequence of str
        The heads; the first is what the others are compared with (those whose training is unknown with the first of
        these), so it must be first for a reason that no test figure gave: the best out of fold, or the first that was
        named.

    Returns
    -------
    list of dict
        ``level``, ``family`` ("means", "cells"), ``first``, ``second``, ``train`` (None: over several), ``test``,
        ``seen``, ``metric``, ``value`` (second minus first), ``low``, ``high``, ``p`` (all None where there is nothing
        to compare), ``p_holm`` (corrected over the ``comparisons`` of the same level and family), ``delong_p`` or
        else ``delong_why`` not, ``few_groups``, ``lost_draws``, ``draws`` (that count), ``n_common`` (rows, of a mean
        over all its cells), ``left_out`` ([rows that only the first has, the second]), ``sentence``.

    Raises
    ------
    InputError
        A sample is real in one run and fake in the other.
    """
    matched = list(_matched(drawn, order))
    records = [record for level in LEVELS for names in matched for record in _against(drawn, level, *names)]
    for family in {(record["level"], record["family"]) for record in records}:
        _correct([record for record in records if (record["level"], record["family"]) == family])
    trains, tests = (len({record[key] for record in records} - {None}) > 1 for key in ("train", "test"))
    for record in records:
        trained = f", trained on {record['train']}" if trains and record["train"] else ""
        tested = f", {record['test']}" if tests else ""
        record["sentence"] = sentence(record, trained + tested + _left_out(record))
    return records


def _matched(drawn: CellDraws, order: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which heads are compared."""
    unknown = [head for head in order if all(run.trained_on is None for run in drawn.runs[head])]
    known = [head for head in order if head not in unknown]
    yield from ((known[0], head) for head in known[1:])
    yield from combinations(unknown, 2) if len(unknown) <= FILES else ((unknown[0], head) for head in unknown[1:])


def _left_out(record: Record) -> str:
    """How many rows only one of the two has, where any."""
    if record["value"] is None or not any(record["left_out"]):
        return ""
    return f", on the {record['n_common']:,} rows that both have ({sum(record['left_out']):,} left out)"


def pair(first: DrawnCell, second: DrawnCell, draws: GroupDraws, names: tuple[str, str]) -> Pair:
    """One cell of two runs on the rows that both have; where these are all, the draws that are there are used."""
    mine, other = first.rows, second.rows
    left_out = 0, 0
    if not mine.index.equals(other.index):
        common = mine.index.intersection(other.index, sort=False)
        left_out = len(mine) - len(common), len(other) - len(common)
        mine, other = mine.loc[common], other.loc[common]
    contradicted = mine.index[mine["label"].to_numpy() != other["label"].to_numpy()]
    if len(contradicted):
        raise InputError(
            f"{contradicted[0]} is real in one of {names[0]} and {names[1]} and fake in the other ({len(contradicted)} "
            "such samples): the labels of one are wrong, or the two name different samples alike"
        )
    rows = mine[["label", "group"]].assign(first=mine["score"], second=other["score"])
    if rows["label"].nunique() < 2:
        return Pair(rows, left_out, None)
    if not any(left_out):
        return Pair(rows, left_out, second.paired - first.paired)
    labels, groups, one_scores, other_scores = (rows[name].to_numpy() for name in rows)
    return Pair(rows, left_out, differences(labels, one_scores, other_scores, groups, draws))


def _against(drawn: CellDraws, level: str, first: str, second: str) -> Iterator[Record]:
    """One head against the first at one level: means before the cells that they are of."""
    mine, other = drawn.cells[level][first], drawn.cells[level][second]
    names = first, second
    pairs = {place: pair(mine[place], other[place], drawn.draws[level], names) for place in mine if place in other}
    base = {"level": level, "first": first, "second": second, "metric": "auc"}
    for kind, test in KINDS.items():
        of = [pairs[place] for place in drawn.shared if mine[place].seen is kind]
        if len(of) > 1:
            name = EVERY if kind is None and len(of) == len(drawn.shared) else test
            yield {**base, "family": "means", "train": None, "test": name, "seen": kind, **_mean(of)}
    for train, whole in drawn.whole[level][first].items():
        if train in drawn.whole[level][second]:
            one = pair(whole, drawn.whole[level][second][train], drawn.draws[level], names)
            yield {**base, "family": "cells", **_place((train, ALL), None), **_one(one)}
    for place, found in pairs.items():
        yield {**base, "family": "cells", **_place(place, mine[place].seen), **_one(found)}


def _place(place: Place, seen: bool | None) -> Record:
    return {"train": place[0], "test": place[1], "seen": seen}


def _one(found: Pair) -> Record:
    why = _not_independent(found)
    p = None if why else delong(*(found.rows[name].to_numpy() for name in ("label", "first", "second")))
    why = why or ("the scores leave no variance to judge by" if p is None else None)
    return {**_judged([found]), "delong_p": p, "delong_why": why}


def _mean(of: Sequence[Pair]) -> Record:
    return {**_judged(of), "delong_p": None, "delong_why": SEVERAL}


def _judged(of: Sequence[Pair]) -> Record:
    values = [one.values for one in of if one.values is not None]
    found: Record = {"value": None, "low": None, "high": None, "p": None, "lost_draws": 0, "draws": 0}
    if len(values) == len(of):
        mean = np.mean(values, axis=0)
        found = {**judged(mean), "draws": int(np.isfinite(mean[1:]).sum())}
    left_out = [sum(one.left_out[side] for one in of) for side in (0, 1)]
    few = any(has_few_groups(one.rows) for one in of if one.values is not None)
    return {**found, "few_groups": few, "n_common": sum(len(one.rows) for one in of), "left_out": left_out}


def _not_independent(found: Pair) -> str | None:
    """Why DeLong's test, which takes rows as independent, is not offered."""
    if found.values is None:
        return "they share no samples of both classes"
    sizes = found.rows["group"].value_counts()
    several = int((sizes > 1).sum())
    return f"{several:,} of {len(sizes):,} groups hold several rows, which are not independent" if several else None


def _correct(family: Sequence[Record]) -> None:
    """Add the corrected p-value to each record of a family."""
    known = [record for record in family if record["p"] is not None]
    for record in family:
        record |= {"p_holm": None, "comparisons": len(known)}
    for record, p in zip(known, holm([record["p"] for record in known]), strict=True):
        record["p_holm"] = p
