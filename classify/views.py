"""Scores of the same samples in the other views of a cache."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cache import predictions
from cache.errors import InputError
from cache.reader import ADDITION_MAY_DIFFER, Cache
from cache.schema import Provenance
from evaluate.view_scores import COLUMNS, FILE

BACKGROUND = "background"  # shows nothing of the face: for the audit


def other_views(cache: Cache) -> list[str]:
    """Spaces of a cache that show the same pictures as its default one, perturbed: made alike in all but the view."""
    made = cache.provenance()
    fixed = [name for name in Provenance.__dataclass_fields__ if name not in (*ADDITION_MAY_DIFFER, "view")]
    found = {space: cache.provenance(space) for space in cache.spaces}
    return [
        space
        for space, one in found.items()
        if one.view not in (made.view, BACKGROUND) and not one.differences(made, fixed)
    ]


def score_views(
    cache: Cache, sample_ids: Sequence[str], score: Callable[[str], np.ndarray], prompt_set: str | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Scores of some samples in every other view that the features can be taken from.

    Parameters
    ----------
    cache : Cache
    sample_ids : sequence of str, length n
    score : callable
        The name of a view to the score of each of these samples, ndarray of float, shape (n,).
    prompt_set : str, optional
        The set that the features take.

    Returns
    -------
    views : DataFrame
        Columns `evaluate.view_scores.COLUMNS`, n rows for each view; empty where there is none.
    told : list of str
        A sentence on each view that cannot be scored.
    """
    found, told = [], []
    for view in other_views(cache):
        try:
            if prompt_set is not None:
                _check_prompts(cache, prompt_set, view)
            found.append(pd.DataFrame({"view": view, "sample_id": list(sample_ids), "score": score(view)}))
        except InputError as error:
            told.append(f"no robustness in view {view}: {error}")
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS)), told


def write_views(folder: Path, views: pd.DataFrame) -> None:
    """Write ``view_predictions.csv`` where there is a view."""
    if len(views):
        predictions.write(folder / FILE, views)


def view_names(views: pd.DataFrame) -> list[str]:
    """The views of a table of their scores, in its order."""
    return list(dict.fromkeys(views["view"]))


def _check_prompts(cache: Cache, prompt_set: str, view: str) -> None:
    """Refuse a view whose similarities are to other texts than those of the default space."""
    here, there = cache.prompts(prompt_set), cache.prompts(prompt_set, view)
    if here.texts != there.texts or here.labels.tolist() != there.labels.tolist():
        raise InputError(
            f"the prompts of set {prompt_set!r} are {'; '.join(there.texts)} there, else {'; '.join(here.texts)}"
        )
