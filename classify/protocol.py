"""The split that all cells of a command share, and what has to be said about it beside every number."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.schema import FAKE, REAL
from cache.splits import DISJOINT, assign, cluster_column, column_split, read_split

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
    def key(self) -> str:
        """The sample column that stands as ``group`` in predictions: what folds and intervals keep whole."""
        return cluster_column(self.disjoint, self.drop_crossing)

    def apply(self, samples: pd.DataFrame, test_only: Collection[str]) -> pd.Series:
        """Side of each sample: "train", "val", "test", or ""."""
        if self.method == "grouped":
            return assign(
                samples,
                test_size=self.test_size,
                seed=self.seed,
                disjoint=self.disjoint,
                drop_crossing=self.drop_crossing,
                test_only=test_only,
            )
        if self.drop_crossing:
            raise InputError(
                "crossing fakes are dropped where groups are dealt (--split grouped), not from a given split"
            )
        if self.method == "column":
            return column_split(samples, disjoint=self.disjoint, allow_leak=self.allow_leak)
        return read_split(Path(self.method), samples, disjoint=self.disjoint, allow_leak=self.allow_leak)

    def describe(self) -> dict[str, Any]:
        """The plan as ``run.json`` states it."""
        grouped = self.method == "grouped"
        named = self.method in ("grouped", "column")
        return {
            **asdict(self),
            "method": self.method if named else "file",
            "file": None if named else self.method,
            "test_size": self.test_size if grouped else None,
            "seed": self.seed if grouped else None,
        }


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


def protocol_caveats(
    plan: SplitPlan, samples: pd.DataFrame, split: pd.Series, train: np.ndarray, test: np.ndarray
) -> list[str]:
    """Sentences on what the protocol of a run does not exclude, for every report.

    Parameters
    ----------
    plan : SplitPlan
    samples : DataFrame
        All samples selected; its index holds the row numbers.
    split : Series of str
    train, test : ndarray of int
        Rows of the run.
    """
    found = []
    trained, tested = samples.loc[train], samples.loc[test]
    column = DISJOINT[plan.disjoint]
    shared = set(trained[column]) & set(tested[column])
    if shared and not plan.drop_crossing:
        found.append(f"LEAK: {len(shared)} of {tested[column].nunique()} test groups were in training")
    if plan.drop_crossing:
        found.append(_crossing(samples, split))
    elif plan.disjoint != "identity":
        stays = {"scene": "the same person", "video": "the same person and scene"}[plan.disjoint]
        found.append(f"split by {plan.disjoint}: {stays} can stand on both sides")
    missing = samples.loc[split == "", "video_id"].nunique()
    if missing and not plan.drop_crossing:
        found.append(f"{missing} of {samples['video_id'].nunique()} videos are not in the split and were left out")
    return found + _imbalance(trained)


def _crossing(samples: pd.DataFrame, split: pd.Series) -> str:
    fakes = samples[samples["label"] == FAKE]
    dropped = fakes.loc[split[fakes.index] == "", "video_id"].nunique()
    return (
        f"split by identity, crossing fakes dropped: {dropped} of {fakes['video_id'].nunique()} fake videos join "
        "identities of both sides and were left out; folds and intervals keep scenes whole"
    )


def _imbalance(trained: pd.DataFrame) -> list[str]:
    real, fake = (trained.loc[trained["label"] == label, "video_id"].nunique() for label in (REAL, FAKE))
    if max(real, fake) < IMBALANCE * min(real, fake):
        return []
    return [f"classes are uneven in training ({real} real and {fake} fake videos); rows are weighted to even them out"]
