"""Pictures of one side that look like pictures of the other although their groups differ."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from cache.splits import shuffled
from evaluate.audit_findings import Finding, finding
from evaluate.wording import plural

NEAR = 0.95  # cosine, after the mean of all is taken off
SAME_PIXELS = 0.97  # correlation of two small grey pictures
MOST = 20_000  # videos of a side that are compared
COMPARED = 200  # pairs whose pixels are looked at, the most alike first
BLOCK = 1024  # test videos at a time


class Pairs(NamedTuple):
    """Test videos and, of each, the training video most like it: row numbers and cosines, the most alike first."""

    tested: np.ndarray
    trained: np.ndarray
    cosine: np.ndarray


def near_duplicates(
    trained: pd.DataFrame,
    tested: pd.DataFrame,
    embed: Callable[[np.ndarray], np.ndarray],
    pixels: Callable[[int], np.ndarray | None],
) -> list[Finding]:
    """Test videos that look like a training video of another group, by one frame of each.

    Parameters
    ----------
    trained, tested : DataFrame
        Samples of the two sides with ``video_id``, ``group``; the index holds the rows that the functions take.
    embed : callable
        Rows (n,) to embeddings (n, D). Their mean is taken off first: embeddings of faces share most of their
        direction.
    pixels : callable
        Row to a small grey picture, float (h, w) of one shape for all, or None where it cannot be had. Pairs whose
        pixels can be compared and differ are no duplicates.

    Returns
    -------
    list of Finding
        Of kind "near"; empty where nothing looks alike. A warning: whether two pictures are the same is for the eye.
    """
    pairs, compared = _alike(_one_frame(trained), _one_frame(tested), embed)
    if not len(pairs.tested):
        return []
    both = list(zip(pairs.tested.tolist(), pairs.trained.tolist(), strict=True))
    same = [_same_pixels(pixels(one), pixels(other)) for one, other in both[:COMPARED]]
    same += [None] * (len(both) - len(same))
    confirmed, refuted = same.count(True), same.count(False)
    left = len(same) - refuted
    names = {**trained["video_id"].to_dict(), **tested["video_id"].to_dict()}
    examples = [
        f"{names[one]} and {names[other]}"
        for (one, other), verdict in zip(both, same, strict=True)
        if verdict is not False
    ]
    counts = {
        "alike": len(same), "confirmed": confirmed, "refuted": refuted, "compared_videos": compared,
    }  # fmt: skip
    text = (
        f"by embedding (cosine from {NEAR}) {len(same)} of {plural(compared, 'test video')} look like a training video "
        f"of another group; by pixels {confirmed} of these are the same, {refuted} are not, "
        f"{len(same) - confirmed - refuted} were not compared"
    )
    return [finding("near", "warning" if left else "note", text, counts, examples)]


def _one_frame(samples: pd.DataFrame) -> pd.DataFrame:
    """The middle frame of each video, of at most `MOST` videos."""
    place = samples.groupby("video_id", sort=False).cumcount()
    size = samples.groupby("video_id", sort=False)["video_id"].transform("size")
    middle = samples.loc[place == size // 2, ["video_id", "group"]]
    if len(middle) <= MOST:
        return middle
    return middle[middle["video_id"].isin(set(shuffled(middle["video_id"], 0)[:MOST]))]


def _alike(trained: pd.DataFrame, tested: pd.DataFrame, embed: Callable[[np.ndarray], np.ndarray]) -> tuple[Pairs, int]:
    """Pairs of different groups whose cosine reaches `NEAR`, and how many test videos were compared."""
    ours, theirs = (_unit(np.asarray(embed(rows.index.to_numpy()), np.float32)) for rows in (tested, trained))
    middle = np.concatenate([ours, theirs]).mean(axis=0)
    ours, theirs = _unit(ours - middle), _unit(theirs - middle)
    codes, _ = pd.factorize(pd.concat([tested["group"], trained["group"]]))
    mine, other = codes[: len(tested)], codes[len(tested) :]
    best, cosine = np.zeros(len(tested), int), np.full(len(tested), -1.0)
    for start in range(0, len(tested) if len(trained) else 0, BLOCK):
        rows = slice(start, start + BLOCK)
        found = ours[rows] @ theirs.T
        found[mine[rows][:, None] == other[None]] = -1  # of one group: told by the groups themselves
        best[rows], cosine[rows] = found.argmax(axis=1), found.max(axis=1)
    hit = np.flatnonzero(cosine >= NEAR)
    hit = hit[np.argsort(-cosine[hit], kind="stable")]
    return Pairs(tested.index.to_numpy()[hit], trained.index.to_numpy()[best[hit]], cosine[hit]), len(tested)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _same_pixels(one: np.ndarray | None, other: np.ndarray | None) -> bool | None:
    if one is None or other is None:
        return None
    left, right = (picture - picture.mean() for picture in (one, other))
    scale = float(np.linalg.norm(left) * np.linalg.norm(right))
    return bool((left * right).sum() >= SAME_PIXELS * scale)
