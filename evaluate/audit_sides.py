"""What stands in training and in test at once: groups, identities, scenes, pairs, videos, exact frames."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pandas as pd

from cache.errors import choose
from cache.schema import FAKE
from cache.splits import DISJOINT
from evaluate.audit_findings import Finding, finding

FRAME_KEYS = {"pixel_hash": "by their pixels", "file_hash": "by their files' bytes", "path": "by their paths"}
COLUMNS = (  # that `leaks` reads of a table, where it has them
    "dataset", "manipulation", "video_id", "scene", "identities", "group", "label", "root", *reversed(FRAME_KEYS),
)  # fmt: skip
FEW = 0.01  # share of test frames of which the pixels may be in training, and it is a warning: black frames, titles


class Kind(NamedTuple):
    """What must not stand on both sides, and the splits that allow it nevertheless."""

    column: str
    noun: str
    allowed_by: tuple[str, ...] = ()


KINDS = {
    "group": Kind("group", "groups", ("scene", "video")),
    "identity": Kind("identities", "identities", ("scene", "video")),
    "scene": Kind("scene", "scenes", ("video",)),
    "video": Kind("video_id", "videos"),
}


def leaks(
    trained: pd.DataFrame, tested: pd.DataFrame, *, disjoint: str = "identity", drop_crossing: bool = False
) -> list[Finding]:
    """What stands on both sides of a split.

    Parameters
    ----------
    trained, tested : DataFrame
        Samples of the two sides (`cache.schema.SAMPLE_COLUMNS`), of one cache or of two: ``group``, ``identities``,
        ``scene``, ``video_id``, ``manipulation``, ``label``, and ``pixel_hash``, ``file_hash`` or ``path``.
    disjoint : {"identity", "scene", "video"}
        What the split promises to keep apart; what it openly does not is a warning, no leak.
    drop_crossing : bool
        Single identities were dealt: components of identities then stand on both sides, which is a note.

    Returns
    -------
    list of Finding
        One of each kind: group, identity, scene, pair, video, frame.
    """
    choose(DISJOINT, disjoint, "kind of disjoint split")
    found = []
    for name, kind in KINDS.items():
        severity = "warning" if disjoint in kind.allowed_by else "leak"
        if name == "group" and drop_crossing:
            severity = "note"
        found += list(_shared(name, kind, trained, tested, severity, disjoint))
        if name == "scene":
            found += list(_same_pairs(trained, tested, severity))
    return [*found, *_same_frames(trained, tested)]


def shared_validation(trained: pd.DataFrame, validation: pd.DataFrame) -> list[Finding]:
    """Groups that stand in training and in validation: no leak into test, but what is chosen there is chosen badly."""
    groups = set(validation["group"].unique())
    shared = groups & set(trained["group"].unique())
    if not shared:
        return []
    text = f"{len(shared):,} of {len(groups):,} validation groups were in training"
    after = ": thresholds and models chosen on them are chosen on what was learned"
    counts = {"shared": len(shared), "total": len(groups)}
    return [finding("validation", "warning", text, counts, _names(shared, trained, validation), after)]


def _shared(
    name: str, kind: Kind, trained: pd.DataFrame, tested: pd.DataFrame, severity: str, disjoint: str
) -> Iterator[Finding]:
    groups = _values(tested[kind.column], split=name == "identity")
    shared = groups & _values(trained[kind.column], split=name == "identity")
    if not shared:
        return
    after = {
        "leak": "",
        "warning": f", which a split by {disjoint} does not exclude",
        "note": ", as components of identities do where crossing fakes were dropped",
    }[severity]
    text = f"{len(shared):,} of {len(groups):,} test {kind.noun} were in training"
    counts = {"shared": len(shared), "total": len(groups)}
    yield finding(name, severity, text, counts, _names(shared, trained, tested), after)


def _same_pairs(trained: pd.DataFrame, tested: pd.DataFrame, severity: str) -> Iterator[Finding]:
    """Test fakes of a target and a source that training shows together under another manipulation."""
    ours, theirs = _fake_videos(tested), _fake_videos(trained)
    known = theirs.groupby("pair")["manipulation"].agg(set).to_dict()
    other = [
        sorted(known.get(pair, set()) - {manipulation})
        for pair, manipulation in zip(ours["pair"], ours["manipulation"], strict=True)
    ]
    hit = [bool(names) for names in other]
    if not any(hit):
        return
    total = int(tested.loc[tested["label"] == FAKE, "video_id"].nunique())
    seen = sorted({name for names in other for name in names})
    text = (
        f"{sum(hit):,} of {total:,} test fakes join the same target and source as a fake in training of another "
        f"manipulation ({', '.join(seen)}): the same scene, as a fake, on both sides"
    )
    examples = _names(ours.loc[hit, "video_id"], trained, tested)
    yield finding("pair", severity, text, {"shared": sum(hit), "total": total}, examples)


def _fake_videos(samples: pd.DataFrame) -> pd.DataFrame:
    """One row for each fake video of which target and source are known."""
    fakes = samples.loc[samples["label"] == FAKE, ["video_id", "manipulation", "scene", "identities"]]
    videos = fakes.drop_duplicates("video_id")
    people = videos["identities"].str.split()
    pairs = videos["scene"] + "\0" + people.map(sorted).str.join(" ")
    return videos.assign(pair=pairs)[people.str.len() > 1]


def _same_frames(trained: pd.DataFrame, tested: pd.DataFrame) -> Iterator[Finding]:
    key = frame_key(trained, tested)
    if key is None:
        return
    shared = tested[key].ne("") & tested[key].isin(trained[key].unique())
    if not shared.any():
        return
    text = f"{int(shared.sum()):,} of {len(tested):,} test frames were in training, {FRAME_KEYS[key]}"
    examples = tested.loc[shared, "path" if "path" in tested else "video_id"].iloc[:3]
    is_few = key == "pixel_hash" and shared.mean() < FEW
    after = ": so few may be black frames or titles, which many videos share" if is_few else ""
    counts = {"shared": int(shared.sum()), "total": len(tested)}
    yield finding("frame", "warning" if is_few else "leak", text, counts, examples, after)


def frame_key(*tables: pd.DataFrame) -> str | None:
    """The column by which exact frames can be told: the first that all tables have filled."""
    named = [key for key in FRAME_KEYS if key != "path" or not any("root" in table for table in tables)]
    filled = (key for key in named if all(key in table and table[key].ne("").any() for table in tables))
    return next(filled, None)  # a path below one root is another file below another


def _values(column: pd.Series, *, split: bool) -> set[str]:
    values = column.unique()
    return {one for value in values for one in value.split()} if split else {value for value in values if value}


def _names(names: Iterable[str], *tables: pd.DataFrame) -> list[str]:
    """Names in order, without the data set in front where there is only one."""
    datasets = {dataset for table in tables for dataset in table["dataset"].unique()}
    prefix = f"{next(iter(datasets))}/" if len(datasets) == 1 else ""
    return sorted(name.removeprefix(prefix) for name in names)
