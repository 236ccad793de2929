"""Whether caches whose cells are compared hold the same samples."""

from itertools import combinations

import pandas as pd

from cache.errors import InputError
from cache.reader import open_cache
from classify.ablation.grid import Grid
from evaluate.wording import listed

MUST_AGREE = ("label", "manipulation", "compression", "group", "scene", "identities", "split")  # of a video


def check_samples_match(grid: Grid) -> None:
    """Refuse caches of one data set that hold other videos of it, or say other things of them.

    Their cells would be split otherwise and tested on other videos, and a difference between them would be one of
    samples. Caches of different data sets are no such pair; frames of a video may differ, as where a crop found no
    face.

    Raises
    ------
    InputError
        Naming the caches and what differs.
    """
    for option in ("cache", "test_cache"):
        names = list(dict.fromkeys(cell.options[option] for cell in grid.cells if option in cell.options))
        if len(names) > 1:
            videos = {name: _videos(grid, name) for name in names}
            for one, other in combinations(names, 2):
                _check_pair(one, videos[one], other, videos[other])


def _videos(grid: Grid, name: str) -> pd.DataFrame:
    samples = open_cache(grid.caches[name].path).table(["video_id", "dataset", *MUST_AGREE])
    return samples.drop_duplicates("video_id").set_index("video_id")


def _check_pair(one: str, mine: pd.DataFrame, other: str, theirs: pd.DataFrame) -> None:
    shared = set(mine["dataset"]) & set(theirs["dataset"])
    mine, theirs = (videos[videos["dataset"].isin(shared)] for videos in (mine, theirs))
    for name, has, lacks in ((one, mine, theirs), (other, theirs, mine)):
        only = has.index.difference(lacks.index)
        if len(only):
            raise InputError(
                f"the caches {one} and {other} do not hold the same videos of {listed(sorted(shared))}: "
                f"{len(only):,} are in {name} alone ({listed(list(only), 3)}); their cells could not be compared. "
                "Extract both from the same pictures, or make one grid of each"
            )
    for column in MUST_AGREE:
        differing = mine.index[mine[column] != theirs.loc[mine.index, column]]
        if len(differing):
            video = differing[0]
            raise InputError(
                f"the caches {one} and {other} differ in the {column} of {len(differing):,} videos: {video} is "
                f"{mine.loc[video, column]} in one and {theirs.loc[video, column]} in the other"
            )
