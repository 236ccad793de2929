"""Fit one head the honest way: everything is chosen on out-of-fold scores of whole training groups."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from cache.errors import InputError, choose
from classify.folds import FOLDS, few_groups, grouped_folds, row_weights
from classify.heads import HEADS, Head
from classify.heads.epochs import Validation
from classify.normalize import METHODS, Blocks, Normalize
from classify.parameters import candidates, check_parameters, settable
from evaluate.metrics import auc, balanced_threshold

CRITERION = f"video-level AUC of out-of-fold scores, {FOLDS} grouped folds; ties: the stronger regularisation"
BY_FOLDS = f"balanced accuracy of out-of-fold scores, {FOLDS} grouped folds"
BY_DEFAULT = "default: too few training groups to choose"

Thresholds = dict[str, dict[str, Any]]
Choice = tuple[dict[str, Any], list[dict[str, Any]], np.ndarray | None, pd.DataFrame | None]


@dataclass(frozen=True)
class Fitted:
    """A fitted head and how it came about.

    Attributes
    ----------
    estimator : Pipeline
        `Normalize`, then the head.
    parameters : dict
        All parameters of the head but the seed.
    out_of_fold : ndarray of float64, shape (n,), or None
        Score of each training row by a head that never saw its group.
    thresholds : dict
        ``{"frame": {"value", "source"}, "video": {"value", "source"}}``
    search : list of dict
        ``{"params", "auc"}`` of each candidate, in the order tried.
    history : DataFrame or None
        Loss by epoch, of heads with epochs.
    caveats : list of str
    n_parameters : int
    seconds : float
    """

    estimator: Pipeline
    parameters: dict[str, Any]
    out_of_fold: np.ndarray | None
    thresholds: Thresholds
    search: list[dict[str, Any]]
    history: pd.DataFrame | None
    caveats: list[str]
    n_parameters: int
    seconds: float


@dataclass(frozen=True)
class _Task:
    """Training rows and what is to be fitted on them."""

    head: type[Head]
    X: np.ndarray
    y: np.ndarray
    video: np.ndarray
    group: np.ndarray
    blocks: Blocks
    normalize: str
    seed: int

    def normalizer(self, rows: np.ndarray, weights: np.ndarray) -> Normalize:
        return Normalize(self.normalize, self.blocks).fit(self.X[rows], sample_weight=weights)

    def make(self, parameters: Mapping[str, Any]) -> Head:
        return self.head(**parameters, random_state=self.seed)


def fit_head(
    head: str,
    X: np.ndarray,
    y: np.ndarray,
    video: np.ndarray,
    group: np.ndarray,
    *,
    blocks: Blocks,
    normalize: str = "l2",
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Fitted:
    """Choose hyper-parameters and thresholds on grouped folds, then fit on all training rows.

    A row weighs 1 / (rows of its video), both classes alike; scalers learn from the rows that a head is fitted on.
    A head with epochs takes the first fold as validation for their number. With fewer than 10 groups, or 5 of a
    class, nothing is chosen: default parameters, threshold 0.5, no out-of-fold scores, and a caveat.

    Parameters
    ----------
    head : str
        Name in `HEADS`.
    X : ndarray of float32, shape (n, D)
        Training rows, and nothing else.
    y : ndarray of int, shape (n,)
        0 real, 1 fake.
    video, group : ndarray of str, shape (n,)
    blocks : tuple of (str, int)
        Name and width of each block of ``X``.
    normalize : {"l2", "standard", "none"}
    parameters : dict, optional
        Values that the user fixes: they leave the search.
    seed : int

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        Unknown head, normalisation or parameter, one class only, or a value that the head refuses.
    """
    start = time.perf_counter()
    fixed = dict(parameters or {})
    check_parameters({head: fixed}, [head])
    choose(dict.fromkeys(METHODS), normalize, "normalisation")
    if (classes := set(np.unique(y).tolist())) != {0, 1}:
        raise InputError(f"training needs real (0) and fake (1) samples, found labels {sorted(classes)}")
    task = _Task(HEADS[head], X, np.asarray(y, int), video, group, blocks, normalize, seed)
    try:
        # one thread for each fit: faster on matrices of this size, and the same sums on every machine's core count
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged_`
            return _fit(task, fixed, start)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{head} cannot be fitted with {fixed or 'its defaults'}: {error}") from error


def scores(estimator: Pipeline, X: np.ndarray) -> np.ndarray:
    """Score of each row, in (0, 1): the logistic function of the decision; higher is more fake.

    A probability for ``logistic`` and ``mlp``; for the SVMs a squashed margin, which ranks but is no probability.

    Parameters
    ----------
    estimator : Pipeline
    X : ndarray of float32, shape (n, D)

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return _squash(estimator.decision_function(X))


def _fit(task: _Task, fixed: dict[str, Any], start: float) -> Fitted:
    few = few_groups(task.y, task.group)
    choice: Choice = (fixed, [], None, None) if few else _search(task, fixed)
    chosen, search, oof, history = choice
    weights = row_weights(task.y, task.video)
    normalizer = task.normalizer(np.arange(len(task.y)), weights)
    head = task.make(chosen).fit(normalizer.transform(task.X), task.y, sample_weight=weights)
    if history is None and task.head.chooses_epochs:
        history = pd.DataFrame(head.history_)
    caveats = [few] if few else []
    if not head.converged_:
        caveats.append("the solver stopped before its tolerance was met; features of another scale may help")
    return Fitted(
        estimator=Pipeline([("normalize", normalizer), ("head", head)]),
        parameters={name: head.get_params()[name] for name in settable(task.head)},
        out_of_fold=oof,
        thresholds=_thresholds(task, oof),
        search=search,
        history=history,
        caveats=caveats,
        n_parameters=int(head.n_parameters_),
        seconds=time.perf_counter() - start,
    )


def _search(task: _Task, fixed: dict[str, Any]) -> Choice:
    """The best candidate, what each reached, the best's out-of-fold scores, and its history."""
    tried = candidates(task.head, fixed)
    folds = grouped_folds(task.y, task.group, task.seed)
    validate = task.head.chooses_epochs and "epochs" not in fixed
    held = np.empty((len(tried), len(task.y)))
    held[:, folds == 0], heads = _fold(task, tried, folds == 0, validate)
    if validate:
        tried = [{**params, "epochs": head.best_epoch_} for params, head in zip(tried, heads, strict=True)]
    others = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_fold)(task, tried, folds == fold, False) for fold in range(1, FOLDS)
    )
    for fold, (decisions, _) in enumerate(others, start=1):
        held[:, folds == fold] = decisions
    held = _squash(held)
    reached = [auc(*_by_video(task, row)) for row in held]
    best = int(np.argmax(np.round(reached, 12)))  # the first of equals: the strongest regularisation
    search = [{"params": params, "auc": value} for params, value in zip(tried, reached, strict=True)]
    history = pd.DataFrame(heads[best].history_) if task.head.chooses_epochs else None
    return tried[best], search, held[best], history


def _fold(task: _Task, tried: list[dict[str, Any]], held: np.ndarray, validate: bool) -> tuple[np.ndarray, list[Head]]:
    """Fit every candidate on the rows not held out; decisions on those held out, (candidates, held rows)."""
    rows = np.flatnonzero(~held)
    weights = row_weights(task.y[rows], task.video[rows])
    normalizer = task.normalizer(rows, weights)
    X, X_held = normalizer.transform(task.X[rows]), normalizer.transform(task.X[held])
    extra = {}
    if validate:
        extra["validation"] = Validation(X_held, task.y[held], row_weights(task.y[held], task.video[held]))
    heads = [task.make(params).fit(X, task.y[rows], sample_weight=weights, **extra) for params in tried]
    return np.stack([head.decision_function(X_held) for head in heads]), heads


def _by_video(task: _Task, frame_scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label and mean score of each video."""
    codes, _ = pd.factorize(task.video)
    counts = np.bincount(codes)
    return (np.bincount(codes, task.y) / counts).astype(int), np.bincount(codes, frame_scores) / counts


def _thresholds(task: _Task, oof: np.ndarray | None) -> Thresholds:
    if oof is None:
        return {level: {"value": 0.5, "source": BY_DEFAULT} for level in ("frame", "video")}
    levels = {"frame": (task.y, oof), "video": _by_video(task, oof)}
    return {level: {"value": balanced_threshold(*pair), "source": BY_FOLDS} for level, pair in levels.items()}


def _squash(decisions: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -decisions))
