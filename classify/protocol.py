"""The split that all cells of a command share, and what has to be said about it beside every number."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError, choose
from cache.given_splits import NothingNamedError, column_split, ffpp_split, read_split
from cache.schema import FAKE, REAL
from cache.splits import BOTH, DISJOINT, SIDES, assign, by_manipulation, cluster_column, refuse_leaks

DEALT = ("grouped", "manipulation")  # ways to make a split here; others are given
FFPP = "ffpp:"  # before the folder of the official lists
SHARED = "name a split that says of both caches what is test (--split)"
IMBALANCE = 3.0  # videos of one class per video of the other, from which on it is said


@dataclass(frozen=True)
class SplitPlan:
    """How groups come to their side; see `classify.runs.classify` for the fields."""

    method: str = "grouped"
    test_size: float = 0.3
    disjoint: str = "identity"
    drop_crossing: bool = False
    allow_leak: bool = False
    seed: int = 0

    @property
    def kind(self) -> str:
        """What gives the split: "grouped", "manipulation", "column", "ffpp" or "file"."""
        if self.method in (*DEALT, "column"):
            return self.method
        return "ffpp" if self.method.startswith(FFPP) else "file"

    @property
    def path(self) -> str | None:
        """The file or folder that gives it, where one does."""
        return None if self.kind in (*DEALT, "column") else self.method.removeprefix(FFPP)

    @property
    def key(self) -> str:
        """The sample column that stands as ``group`` in predictions: what folds and intervals keep whole."""
        return cluster_column(self.disjoint, self.drop_crossing)

    @property
    def apart(self) -> str:
        """The sample column of what never stands on two sides."""
        return "identities" if self.drop_crossing else choose(DISJOINT, self.disjoint, "kind of disjoint split")

    def apply(
        self,
        samples: pd.DataFrame,
        test_only: Collection[str] = (),
        tested: np.ndarray | None = None,
        named: tuple[Sequence[str], Sequence[str]] = ((), ()),
    ) -> pd.Series:
        """Side of each sample.

        Parameters
        ----------
        samples : DataFrame
        test_only : collection of str
            Data sets with nothing to train on. A given split that says nothing of one of them leaves it whole.
        tested : ndarray of bool, optional
            Samples of another cache, which is tested on and not split: all are test, or those that a given split
            puts there.
        named : pair of sequences of str
            The manipulations trained on and those tested on, for a split by manipulation.

        Returns
        -------
        Series of str, index of ``samples``
            "train", "val", "test", "both", or "".

        Raises
        ------
        InputError
            The split cannot be made or read, or something stands on two sides and that is not allowed.
        """
        other = np.zeros(len(samples), bool) if tested is None else tested
        split = pd.Series("", samples.index, dtype=object, name="split")
        split[~other] = self._side(samples[~other], test_only, (named[0], () if other.any() else named[1]))
        if other.any():
            split[other] = self._tested_side(samples[other])
        if not self.allow_leak:
            source, remedy = {
                "grouped": ("the split", "repair it"),
                "manipulation": ("a split by manipulation", "deal groups (--split grouped)"),
                "column": ("the cache's own split", "repair it"),
            }.get(self.kind, (str(self.path), "repair it"))
            refuse_leaks(samples[~other], split[~other], source, self.apart, remedy)
            refuse_leaks(samples, split, "the test cache", self.apart, SHARED)
        return split

    def describe(self) -> dict[str, Any]:
        """The plan as ``run.json`` states it."""
        dealt = self.kind in DEALT
        return {
            **asdict(self),
            "method": self.kind,
            "file": self.path,
            "test_size": self.test_size if dealt else None,
            "seed": self.seed if dealt else None,
        }

    def _side(
        self, samples: pd.DataFrame, test_only: Collection[str], named: tuple[Sequence[str], Sequence[str]]
    ) -> pd.Series:
        if self.drop_crossing and self.kind != "grouped":
            raise InputError(
                "crossing fakes are dropped where groups are dealt (--split grouped), not from a given split or one by "
                "manipulation"
            )
        if self.kind == "manipulation":
            return by_manipulation(samples, *named, test_size=self.test_size, seed=self.seed)
        if self.kind != "grouped":
            return _whole_where_unnamed(self._given(samples), samples, samples["dataset"].isin(set(test_only)))
        return assign(
            samples,
            test_size=self.test_size,
            seed=self.seed,
            disjoint=self.disjoint,
            drop_crossing=self.drop_crossing,
            test_only=test_only,
        )

    def _given(self, samples: pd.DataFrame) -> pd.Series:
        if self.kind == "column":
            return column_split(samples)
        return (ffpp_split if self.kind == "ffpp" else read_split)(Path(str(self.path)), samples)

    def _tested_side(self, samples: pd.DataFrame) -> pd.Series:
        split = pd.Series("", samples.index)
        if self.kind not in DEALT:
            with contextlib.suppress(NothingNamedError):
                split = self._given(samples)
        whole = _whole_where_unnamed(split, samples, pd.Series(True, samples.index))
        return whole.isin(SIDES["test"]).map({True: "test", False: ""})


def _whole_where_unnamed(split: pd.Series, samples: pd.DataFrame, tested: pd.Series) -> pd.Series:
    """All of a data set is test where it is only tested on and the split says nothing of it."""
    named = split.ne("").groupby(samples["dataset"]).transform("any")
    return split.mask(tested & ~named, "test")


def check_split(out: Path, split: bytes, plan: SplitPlan) -> None:
    """See that ``splits.csv`` can hold this split: all runs below a folder share one.

    Raises
    ------
    InputError
        Another split is there, and runs that belong to it; or it is the user's own file, which is never replaced.
    """
    path = out / "splits.csv"
    if not path.exists() or path.read_bytes() == split:
        return
    given = path.absolute() == Path(plan.method).absolute()
    if given or any(not run.parent.name.startswith(".") for run in out.glob("*/*/run.json")):  # drafts are no runs
        raise InputError(
            f"{path} holds another split than this one; all runs below a folder share one: name another --out"
        )


def publish_split(out: Path, split: bytes, plan: SplitPlan) -> None:
    """Write ``splits.csv``; `check_split` says where it may not."""
    check_split(out, split, plan)
    draft = out / ".splits.csv.tmp"
    try:
        draft.write_bytes(split)
        draft.replace(out / "splits.csv")
    finally:
        draft.unlink(missing_ok=True)


def split_counts(
    samples: pd.DataFrame, split: pd.Series, train: np.ndarray, test: np.ndarray, key: str
) -> dict[str, Any]:
    """Groups and videos of the rows that a run uses, and how many videos stand on no side."""
    sides = {"train": samples.loc[train], "test": samples.loc[test]}
    return {
        "groups": {side: int(rows[key].nunique()) for side, rows in sides.items()},
        "videos": {side: int(rows["video_id"].nunique()) for side, rows in sides.items()},
        "unassigned": int(samples.loc[split == "", "video_id"].nunique()),
    }


def protocol_caveats(plan: SplitPlan, samples: pd.DataFrame, split: pd.Series, train: np.ndarray) -> list[str]:
    """Sentences on what the protocol of a run does not exclude, for every report; leaks are the audit's.

    Parameters
    ----------
    plan : SplitPlan
    samples : DataFrame
        All samples selected; its index holds the row numbers.
    split : Series of str
    train : ndarray of int
        Training rows of the run.
    """
    found = []
    if plan.drop_crossing:
        found.append(_crossing(samples, split))
    elif plan.disjoint != "identity":
        stays = {"scene": "the same person", "video": "the same person and scene"}[plan.disjoint]
        found.append(f"split by {plan.disjoint}: {stays} can stand on both sides")
    if plan.kind == "manipulation":
        found.append(_by_manipulation(plan, samples, split))
    missing = samples.loc[split == "", "video_id"].nunique()
    if missing and not (plan.drop_crossing or plan.kind == "manipulation"):
        found.append(f"{missing} of {samples['video_id'].nunique()} videos are not in the split and were left out")
    return found + _imbalance(samples.loc[train])


def _crossing(samples: pd.DataFrame, split: pd.Series) -> str:
    fakes = samples[samples["label"] == FAKE]
    dropped = fakes.loc[split[fakes.index] == "", "video_id"].nunique()
    return (
        f"split by identity, crossing fakes dropped: {dropped} of {fakes['video_id'].nunique()} fake videos join "
        "identities of both sides and were left out; folds and intervals keep scenes whole"
    )


def _by_manipulation(plan: SplitPlan, samples: pd.DataFrame, split: pd.Series) -> str:
    told = "split by manipulation: fakes stand on the side of their manipulation, whoever is in them"
    if both := samples.loc[split == BOTH, "video_id"].nunique():
        return f"{told}; {both} real videos were trained on and are tested on"
    reals = samples.assign(split=split)[(samples["label"] == REAL) & split.ne("")]
    if (reals.groupby(["dataset", "compression"])["split"].nunique() > 1).any():
        return f"{told}; real videos are dealt, {plan.test_size:g} of them to test"
    return told


def _imbalance(trained: pd.DataFrame) -> list[str]:
    real, fake = (trained.loc[trained["label"] == label, "video_id"].nunique() for label in (REAL, FAKE))
    if max(real, fake) < IMBALANCE * min(real, fake):
        return []
    return [f"classes are uneven in training ({real} real and {fake} fake videos); rows are weighted to even them out"]
