"""Fewer samples than a cache holds: some frames of each video, some groups of the training side."""

from math import ceil

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.splits import shuffled


def check_thinning(frames: int | None, fraction: float | None) -> None:
    """Refuse numbers that leave nothing, or more than there is.

    Raises
    ------
    InputError
        Fewer than one frame, or a share that is not above 0 and at most 1.
    """
    if frames is not None and frames < 1:
        raise InputError(f"frames of each video are 1 or more, not {frames}")
    if fraction is not None and not 0 < fraction <= 1:
        raise InputError(f"a fraction of the training groups is above 0 and at most 1, not {fraction}")


def spread_frames(samples: pd.DataFrame, frames: int | None) -> pd.DataFrame:
    """At most so many frames of each video, evenly from its first to its last one, as an extraction takes them.

    Parameters
    ----------
    samples : DataFrame
        Columns ``video_id`` and ``frame``.
    frames : int, optional
        All where it is not given.

    Returns
    -------
    DataFrame
        The rows kept, in their order.

    Examples
    --------
    >>> table = pd.DataFrame({"video_id": ["a", "a", "b", "a", "a"], "frame": [9, 0, 0, 3, 6]})
    >>> spread_frames(table, 2).index.tolist()
    [0, 1, 2]
    """
    if frames is None:
        return samples
    codes, names = pd.factorize(samples["video_id"])
    counts = np.bincount(codes, minlength=len(names))
    order = np.lexsort((samples["frame"].to_numpy(), codes))
    place = np.empty(len(samples), int)  # of a frame in its video
    place[order] = np.arange(len(samples)) - np.repeat(np.cumsum(counts) - counts, counts)
    count = counts[codes]
    step = (count - 1) / max(frames - 1, 1)
    nearest = np.rint(place / np.where(count > 1, step, 1))  # the slot that could take this frame
    taken = (np.rint(nearest * step) == place) & (nearest < frames)
    return samples[taken | (count <= frames)]


def keep_groups(
    samples: pd.DataFrame, rows: np.ndarray, key: str, fraction: float | None, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Training rows of some of their groups; a smaller fraction keeps groups that a larger one keeps, too.

    Groups of only reals, of only fakes, and of both are thinned apart, so that both classes stay.

    Parameters
    ----------
    samples : DataFrame
        Its index holds the row numbers.
    rows : ndarray of int
    key : str
        The column of what is kept or left whole.
    fraction : float, optional
        All are kept where it is not given.
    seed : int

    Returns
    -------
    rows : ndarray of int
    told : list of str
        A sentence on what was left out.
    """
    if fraction is None:
        return rows, []
    groups = samples.loc[rows, key]
    classes = samples.loc[rows, "label"].groupby(groups).agg(["min", "max"])
    kept: set[str] = set()
    for _, names in classes.groupby(["min", "max"]):
        kept.update(shuffled(names.index, seed)[: ceil(fraction * len(names))])
    told = f"trained on {len(kept):,} of the {len(classes):,} training groups (fraction {fraction:g})"
    return rows[groups.isin(kept).to_numpy()], [told]
