"""What the two sides consist of: classes, groups, people, data sets; and what could not be read of each class."""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from cache.schema import FAKE, REAL
from evaluate.audit_findings import Finding, finding
from evaluate.intervals import FEW_GROUPS
from evaluate.wording import listed, number, plural

COVERAGE_GAP = 0.02  # from which on a difference in coverage is told


def sides_differ(trained: pd.DataFrame, tested: pd.DataFrame) -> list[Finding]:
    """Classes and the majority baseline, groups, people and data sets of the two sides.

    Parameters
    ----------
    trained, tested : DataFrame
        Samples of the two sides, with ``dataset``, ``compression``, ``manipulation``, ``video_id``, ``group``,
        ``scene``, ``identities``, ``label``.
    """
    both = pd.concat([side[["video_id", "scene", "identities", "label"]] for side in (trained, tested)])
    return [
        *_balance("training", trained), *_balance("test", tested), *_composition(tested), *_people(both),
        *_originals(both), *_homes("training", trained), *_homes("test", tested),
    ]  # fmt: skip


def _balance(side: str, samples: pd.DataFrame) -> Iterator[Finding]:
    """Videos and frames of each class, and what a constant answer reaches."""
    videos = samples.drop_duplicates("video_id")["label"].value_counts()
    frames = samples["label"].value_counts()
    real, fake = (int(videos.get(label, 0)) for label in (REAL, FAKE))
    counts = {
        "real_videos": real, "fake_videos": fake,
        "real_frames": int(frames.get(REAL, 0)), "fake_frames": int(frames.get(FAKE, 0)),
    }  # fmt: skip
    if not real or not fake:
        missing = "real" if fake else "fake"
        text = f"{side} holds no {missing} video: no figure of the two classes is possible"
        yield finding("balance", "warning", text, counts)
        return
    majority = max(real, fake) / (real + fake)
    text = (
        f"{side}: {real:,} real and {plural(fake, 'fake video')} ({counts['real_frames']:,} and "
        f"{counts['fake_frames']:,} frames); always answering {'fake' if fake >= real else 'real'} is right for "
        f"{number(majority)} of the videos"
    )
    yield finding("balance", "note", text, {**counts, "majority_baseline": majority})


def _composition(tested: pd.DataFrame) -> Iterator[Finding]:
    """How many test groups there are, and of which class."""
    classes = tested[tested["label"].isin([REAL, FAKE])].groupby("group")["label"].agg(["min", "max"])
    real, fake = (int(((classes["min"] == label) & (classes["max"] == label)).sum()) for label in (REAL, FAKE))
    mixed = len(classes) - real - fake
    counts = {"groups": len(classes), "only_real": real, "only_fake": fake, "mixed": mixed}
    text = f"test: {plural(tested['video_id'].nunique(), 'video')} in {plural(len(classes), 'group')}"
    after = f" ({fake:,} only fake, {real:,} only real, {mixed:,} mixed)"
    if min(real, fake) + mixed < FEW_GROUPS:
        after += f"; fewer than {FEW_GROUPS} of a class are too few for an interval that can be trusted"
    yield finding("groups", "note", text, counts, after=after)


def _people(samples: pd.DataFrame) -> Iterator[Finding]:
    """Whether reals and fakes show the same people."""
    real, fake = (_identities(samples[samples["label"] == label]) for label in (REAL, FAKE))
    shared = len(real & fake)
    if not real or not fake or shared == len(real):
        return
    text = f"{shared:,} of the {len(real):,} identities of reals occur among the {len(fake):,} of fakes"
    after = ": where the classes show different people, a head can learn people"
    yield finding("people", "note", text, {"shared": shared, "real": len(real), "fake": len(fake)}, after=after)


def _identities(samples: pd.DataFrame) -> set[str]:
    return {one for value in samples["identities"].unique() for one in value.split()}


def _originals(samples: pd.DataFrame) -> Iterator[Finding]:
    """Fakes whose original is not there."""
    fakes = samples[samples["label"] == FAKE].drop_duplicates("video_id")
    absent = ~fakes["scene"].isin(samples.loc[samples["label"] == REAL, "scene"].unique())
    if not absent.any():
        return
    counts = {"absent": int(absent.sum()), "total": len(fakes)}
    text = f"the originals of {counts['absent']:,} of {plural(len(fakes), 'fake video')} are not among the reals"
    yield finding("original", "note", text, counts)


def _homes(side: str, samples: pd.DataFrame) -> Iterator[Finding]:
    """Fakes of a data set and compression of which no real is there."""
    homes = samples["dataset"].astype(str) + "/" + samples["compression"].astype(str)
    real, fake = (homes[samples["label"] == label] for label in (REAL, FAKE))
    apart = sorted(set(fake.unique()) - set(real.unique()))
    if not apart or real.empty:
        return
    fakes = samples[(samples["label"] == FAKE) & homes.isin(apart)]
    count = int(fakes["video_id"].nunique())
    text = (
        f"{plural(count, 'fake video')} of {side} ({listed(sorted(fakes['manipulation'].unique()))}) come from "
        f"{listed(apart)}, the reals from {listed(sorted(real.unique()))}: a head can tell these apart instead"
    )
    yield finding("home", "warning", text, {"videos": count})


def coverage(manipulations: np.ndarray, failures: pd.DataFrame, used: Collection[str]) -> list[Finding]:
    """Whether frames of one class were lost more often than those of another.

    Parameters
    ----------
    manipulations : ndarray of str, shape (N,)
        Of all frames that were read.
    failures : DataFrame
        What was not (`cache.schema.FAILURE_COLUMNS`): ``manipulation``, ``frames``.
    used : collection of str
        The manipulations to compare, reals among them.
    """
    read = pd.Series(manipulations).value_counts()
    lost = failures.groupby("manipulation")["frames"].sum()
    read, lost = (counts.reindex(sorted(used), fill_value=0) for counts in (read, lost))
    if not lost.any():
        return []
    share = read / (read + lost)
    gap = float(share.max() - share.min())
    text = "frames read: " + ", ".join(f"{name} {value:.1%}" for name, value in share.items())
    if gap < COVERAGE_GAP:
        return [finding("coverage", "note", text, {"gap": gap})]
    after = ": what is missing of one class and not of another is itself a difference between them"
    return [finding("coverage", "warning", text, {"gap": gap}, after=after)]
