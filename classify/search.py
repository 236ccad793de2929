"""The search: parameters of a head chosen on grouped folds, and the head fitted with them on all rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from classify.stream import Matrix
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

    @property
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


def fit_searched(task: Task, fixed: dict[str, Any], checkpoint: Checkpoint | None) -> Made:
    few = few_groups(task.y, task.group)
    chosen, search, oof, history = (fixed, [], None, None) if few else _search(task, fixed)
    weights = row_weights(task.y, task.video)
    normalizer = Normalize(task.normalize, task.blocks).fit(task.X, sample_weight=weights)
    options = {"checkpoint": checkpoint} if checkpoint and task.head.chooses_epochs else {}
    head = task.head(**task.arguments(chosen))
    head.fit(normalizer.transform(task.X), task.y, sample_weight=weights, **options)
    if history is None and task.head.chooses_epochs:
        history = pd.DataFrame(head.history_)
    return Made(normalizer, head, oof, search, history, [few] if few else [])


def _search(
    task: Task, fixed: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], np.ndarray, pd.DataFrame | None]:
    """The best candidate, what each reached, the best's out-of-fold scores, and its history."""
    tried = candidates(task.head, fixed)
    folds = task.folds
    # with patience a fixed number of epochs is the most that are tried
    validate = task.head.chooses_epochs and ("epochs" not in fixed or bool(fixed.get("patience")))
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
    best = int(np.argmax(np.round(reached, 12)))  # the first of equals: the strongest regularisation
    search = [{"params": params, "auc": value} for params, value in zip(listed, reached, strict=True)]
    history = pd.DataFrame(heads[best].history_) if task.head.chooses_epochs else None
    return tried[best], search, held[best], history


def _fold(task: Task, tried: list[dict[str, Any]], held: np.ndarray, validate: bool) -> tuple[np.ndarray, list[Head]]:
    """Fit every candidate on the rows not held out; decisions on those held out, (candidates, held rows)."""
    rows = np.flatnonzero(~held)
    weights = row_weights(task.y[rows], task.video[rows])
    X, X_held = _taken(task.X, rows), _taken(task.X, np.flatnonzero(held))
    normalizer = Normalize(task.normalize, task.blocks).fit(X, sample_weight=weights)
    X, X_held = normalizer.transform(X), normalizer.transform(X_held)
    options = {}
    if validate:
        options["validation"] = Validation(X_held, task.y[held], row_weights(task.y[held], task.video[held]))
    arguments = [task.arguments(params) for params in tried]
    heads = task.head.fit_each(arguments, X, task.y[rows], weights, **options)
    return np.stack([head.decision_function(X_held) for head in heads]), heads


def _taken(X: Matrix, rows: np.ndarray) -> Matrix:
    """Some rows of a matrix, or of one that is read block by block."""
    return X[rows] if isinstance(X, np.ndarray) else X.take(rows)
