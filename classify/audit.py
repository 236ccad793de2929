"""The audit of a cache or of a CSV under a protocol; and the part of it that every training runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.reader import select
from cache.schema import UNKNOWN
from classify.caches import check_alike, open_caches
from classify.cells import cell_rows, manipulations
from classify.protocol import SplitPlan
from evaluate.audit import audit_pictures, audit_samples, with_detector_score
from evaluate.audit_findings import Finding, finding, gravest_first
from evaluate.audit_pictures import Pictures
from evaluate.audit_sides import COLUMNS, leaks
from evaluate.audit_table import read_split_table


def audit(
    source: Path | str,
    *,
    test_cache: Path | str | None = None,
    train: Sequence[str] = (),
    test: Sequence[str] = (),
    split: str | None = None,
    test_size: float = 0.3,
    disjoint: str = "identity",
    drop_crossing: bool = False,
    where: Sequence[str] = (),
    columns: Sequence[str] = (),
    deep: bool = False,
    seed: int = 0,
    additions: Sequence[Path | str] = (),
) -> list[Finding]:
    """Find what makes the numbers of a protocol mean something else than they seem to.

    Parameters
    ----------
    source : path of a finished cache, or of a CSV file with a path, a label and a split in each row
    test_cache : path of a finished cache, optional
        Where `source` is trained on and another cache is tested on.
    train, test : sequence of str
        The manipulations of each side, as for `classify.runs.classify`; by default all, on both.
    split : str, optional
        Of a cache: "grouped", "column", or what else `classify` takes; by default its own where it has one.
    test_size, drop_crossing, seed
        Of a split that is dealt here.
    disjoint : {"identity", "scene", "video"}
        What the protocol promises never to stand on both sides.
    where : sequence of str
        Of a cache: ``column=value``, the samples to use.
    columns : sequence of str
        Of a CSV: ``ours=theirs``, as ``label=is_fake``.
    deep : bool
        Of a cache: fit probes on the background and on shuffled labels. Of a CSV: read its files, to find equal ones.
    additions : sequence of paths

    Returns
    -------
    list of Finding
        The gravest first; `evaluate.audit_findings` says what they mean for the exit code.

    Raises
    ------
    InputError
        Anything that cannot be used.
    """
    if Path(source).suffix.lower() in (".csv", ".tsv", ".json", ".parquet"):
        options = {"--test-cache": test_cache, "--split": split, "--where": where, "--with": additions}
        _refuse({**options, "--drop-crossing": drop_crossing}, "a CSV carries its split itself and")
        samples = read_split_table(Path(source), columns, hash_files=deep)
        sides = _restricted(samples, samples["split"], train, test)
        return audit_samples(samples, sides, disjoint=disjoint, seed=seed)
    _refuse({"--column": columns}, "a cache's columns have their names and it")
    caches = open_caches(source, test_cache, additions)
    samples = caches.samples.loc[select(caches.samples, where)] if where else caches.samples
    differences = check_alike(caches, None, ("crop", "view"))
    has_its_own = {"train", "test"} <= set(caches.train.column("split"))
    plan = SplitPlan(split or ("column" if has_its_own else "grouped"), test_size, disjoint, drop_crossing, True, seed)
    named = _named(caches.samples, train, test, caches.tested)
    sides = plan.apply(caches.samples, _test_only(caches.samples, train), caches.tested, named)[samples.index]
    other = None if caches.tested is None else caches.tested[samples.index]
    sides = _restricted(samples, sides, train, test, other)
    pictures = Pictures(caches.train, caches.test)
    described = with_detector_score(samples, pictures)
    found = audit_samples(described, sides, disjoint=disjoint, drop_crossing=drop_crossing, seed=seed)
    found += [finding("difference", "note", sentence) for sentence in differences]
    return gravest_first([*found, *audit_pictures(pictures, samples, sides, deep=deep, seed=seed)])


def cell_leaks(samples: pd.DataFrame, train: np.ndarray, test: np.ndarray, plan: SplitPlan) -> list[str]:
    """Sentences on what stands on both sides of a training, the cheap part of the audit.

    Parameters
    ----------
    samples : DataFrame
        Its index holds the row numbers.
    train, test : ndarray of int
        Rows of the two sides.

    Raises
    ------
    InputError
        There is a leak, and the plan does not allow it.
    """
    looked_at = samples[[name for name in COLUMNS if name in samples]]
    found = leaks(looked_at.loc[train], looked_at.loc[test], disjoint=plan.disjoint, drop_crossing=plan.drop_crossing)
    leaking = [one.sentence for one in found if one.severity == "leak"]
    if leaking and not plan.allow_leak:
        raise InputError(
            f"{'; '.join(leaking)}. Leave these samples out (--where, or a split file), join their groups, or go on "
            "with --allow-leak, which every report will state"
        )
    return leaking + [one.sentence for one in found if one.kind == "frame" and one.severity == "warning"]


def _restricted(
    samples: pd.DataFrame,
    split: pd.Series,
    train: Sequence[str],
    test: Sequence[str],
    tested: np.ndarray | None = None,
) -> pd.Series:
    """The split with "" for what the manipulations named leave out; without any, all labelled samples stay."""
    if not train and not test and tested is None:
        return split.where(samples["label"] != UNKNOWN, "")
    read = ("sample_id", "dataset", "compression", "manipulation", "video_id", "group", "label")
    table = samples[[name for name in read if name in samples]]  # what is copied is no more than is looked at
    rows = cell_rows(table, split, *_named(samples, train, test, tested), tested=tested)
    return split.where(samples.index.isin(np.concatenate(rows)), "")


def _named(
    samples: pd.DataFrame, train: Sequence[str], test: Sequence[str], tested: np.ndarray | None
) -> tuple[list[str], list[str]]:
    """Manipulations of each side: those named; all to train on, and all others to test on, where none are."""
    ours, theirs = (samples, samples) if tested is None else (samples[~tested], samples[tested])
    others = [name for name in manipulations(theirs) if tested is not None or name not in train]
    return sorted(set(train)) or manipulations(ours), sorted(set(test)) or others


def _test_only(samples: pd.DataFrame, train: Sequence[str]) -> set[str]:
    """Data sets with nothing to train on, where training manipulations are named."""
    if not train:
        return set()
    return set(samples["dataset"]) - set(samples.loc[samples["manipulation"].isin(train), "dataset"])


def _refuse(options: dict[str, object], why: str) -> None:
    if given := [name for name, value in options.items() if value]:
        raise InputError(f"{why} takes no {', '.join(given)}")
