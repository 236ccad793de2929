"""The search: parameters of a head chosen on grouped folds, and the head fitted with them on all rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from classify.folds import FOLDS, few_groups, grouped_folds, row_weights
from classify.heads import Head
from classify.heads.epochs import Checkpoint, Validation
from classify.normalize import Blocks, Normalize
from classify.outcome import by_video
from classify.parameters import candidates
from classify.stream import Matrix, take
from evaluate.calibration import squash
from evaluate.metrics import auc

CRITERION = f"video-level AUC of out-of-fold scores, {FOLDS} grouped folds; ties: the stronger regularisation"

Known = Mapping[str, Callable[[], Any]]  # by the names of `FROM_THE_CACHE`: makes what a head may need of the cache


@dataclass(frozen=True)
class Task:
    """Training rows and what is to be fitted on them."""

    head: type[Head]
    X: Matrix
    y: np.ndarray
    video: np.ndarray
    group: np.ndarray
    blocks: Blocks
    normalize: str
    seed: int
    known: Known

    @cached_property
    def folds(self) -> np.ndarray:
        return grouped_folds(self.y, self.group, self.seed)

    def arguments(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Of the head: parameters, the seed, and what it needs of the cache."""
        return {**parameters, "random_state": self.seed, **{name: self.known[name]() for name in self.head.needs}}


@dataclass(frozen=True)
class Made:
    """A head fitted on all rows, and what the folds showed."""

    normalizer: Normalize
    head: Head
    uncalibrated: np.ndarray | None
    search: list[dict[str, Any]] = field(default_factory=list)
    history: pd.DataFrame | None = None
    caveats: list[str] = field(default_factory=list)


def fit_searched(task: Task, fixed: Sequence[Mapping[str, Any]], checkpoint: Checkpoint | None = None) -> list[Made]:
    """Fit a head once for each set of fixed parameters; what a set leaves open is searched.

    All sets share the folds, and heads that can share work between candidates do; so the last bits of a result can
    depend on what else was fitted with it.

    Parameters
    ----------
    task : Task
    fixed : sequence of dict
    checkpoint : callable, optional
        Takes number and weights of each epoch of the final fits.
    """
    few = few_groups(task.y, task.group)
    found = [_Found(dict(one)) for one in fixed] if few else _search(task, fixed)
    weights = row_weights(task.y, task.video)
    normalizer = Normalize(task.normalize, task.blocks).fit(task.X, sample_weight=weights)
    options = {"checkpoint": checkpoint} if checkpoint and task.head.chooses_epochs else {}
    arguments = [task.arguments(one.chosen) for one in found]
    heads = task.head.fit_each(arguments, normalizer.transform(task.X), task.y, weights, **options)
    caveats = [few] if few else []
    return [
        Made(normalizer, head, one.out_of_fold, one.search, _history(head) if few else one.history, caveats)
        for one, head in zip(found, heads, strict=True)
    ]


@dataclass(frozen=True)
class _Found:
    """The parameters chosen, their out-of-fold scores, what each candidate reached, and the history of the chosen."""

    chosen: dict[str, Any]
    out_of_fold: np.ndarray | None = None
    search: list[dict[str, Any]] = field(default_factory=list)
    history: pd.DataFrame | None = None


def _search(task: Task, fixed: Sequence[Mapping[str, Any]]) -> list[_Found]:
    """The best candidate of each set; with patience a fixed number of epochs is the most that are tried."""
    validate = [task.head.chooses_epochs and ("epochs" not in one or bool(one.get("patience"))) for one in fixed]
    found: dict[int, _Found] = {}
    for kind in sorted(set(validate)):
        places = [at for at, of in enumerate(validate) if of is kind]
        found |= dict(zip(places, _search_alike(task, [fixed[at] for at in places], kind), strict=True))
    return [found[at] for at in range(len(fixed))]


def _search_alike(task: Task, fixed: Sequence[Mapping[str, Any]], validate: bool) -> list[_Found]:
    sets = [candidates(task.head, one) for one in fixed]
    tried: list[dict[str, Any]] = []  # a candidate of several sets is fitted once
    for params in chain.from_iterable(sets):
        if params not in tried:
            tried.append(params)
    places = [[tried.index(params) for params in one] for one in sets]
    folds = task.folds
    held = np.empty((len(tried), len(task.y)))
    held[:, folds == 0], heads = _fold(task, tried, folds == 0, validate)
    listed = tried
    if validate:  # step sizes of each epoch repeat the fit; what was tried is their schedule
        listed = [{**params, "epochs": head.best_epoch_} for params, head in zip(tried, heads, strict=True)]
        tried = [{**params, **head.chosen_} for params, head in zip(tried, heads, strict=True)]
    others = Parallel(n_jobs=-1 if task.head.in_threads else 1, prefer="threads")(
        delayed(_fold)(task, tried, folds == fold, False) for fold in range(1, FOLDS)
    )
    for fold, (decisions, _) in enumerate(others, start=1):
        held[:, folds == fold] = decisions
    held = squash(held)
    reached = [auc(*by_video(task.y, task.video, folds, row)[:2]) for row in held]
    found = []
    for of in places:
        best = of[int(np.argmax(np.round([reached[at] for at in of], 12)))]  # of equals the strongest regularisation
        search = [{"params": listed[at], "auc": reached[at]} for at in of]
        found.append(_Found(tried[best], held[best], search, _history(heads[best])))
    return found


def _history(head: Any) -> pd.DataFrame | None:
    return pd.DataFrame(head.history_) if head.chooses_epochs else None


def _fold(task: Task, tried: list[dict[str, Any]], held: np.ndarray, validate: bool) -> tuple[np.ndarray, list[Head]]:
    """Fit every candidate on the rows not held out; decisions on those held out, (candidates, held rows)."""
    rows = np.flatnonzero(~held)
    weights = row_weights(task.y[rows], task.video[rows])
    X, X_held = take(task.X, rows), take(task.X, np.flatnonzero(held))
    normalizer = Normalize(task.normalize, task.blocks).fit(X, sample_weight=weights)
    X, X_held = normalizer.transform(X), normalizer.transform(X_held)
    options = {}
    if validate:
        options["validation"] = Validation(X_held, task.y[held], row_weights(task.y[held], task.video[held]))
    arguments = [task.arguments(params) for params in tried]
    heads = task.head.fit_each(arguments, X, task.y[rows], weights, **options)
    return np.stack([head.decision_function(X_held) for head in heads]), heads
