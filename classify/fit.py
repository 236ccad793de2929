"""Fit one head the honest way: everything is chosen on out-of-fold scores of whole training groups."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from classify.heads.ensemble import MEMBERS, Ensemble, joined_decision, squash
from classify.heads.epochs import Checkpoint, Validation
from classify.normalize import METHODS, Blocks, Normalize
from classify.outcome import by_video, choose_outcome, cross_fitted
from classify.parameters import candidates, check_parameters, settable
from classify.stream import Matrix
from evaluate import calibration
from evaluate.metrics import auc

CRITERION = f"video-level AUC of out-of-fold scores, {FOLDS} grouped folds; ties: the stronger regularisation"
FOR_MEMBERS = "platt"  # how an ensemble brings its members to one scale
UNMET = "the solver stopped before its tolerance was met; features of another scale may help"

Known = Mapping[str, Callable[[], Any]]  # by the names of `FROM_THE_CACHE`: makes what a head may need of the cache


@dataclass(frozen=True)
class Fitted:
    """A fitted head and how it came about.

    Attributes
    ----------
    estimator : Pipeline
        `Normalize`, then the head.
    parameters : dict
        All parameters of the head but the seed.
    uncalibrated : ndarray of float64, shape (n,), or None
        Score of each training row by a head that never saw its group.
    out_of_fold : ndarray of float64, shape (n,), or None
        The same; where calibration was asked for, calibrated on the other folds.
    calibration : dict or None
        ``{"method", "frame", "video"}``, each level's as `evaluate.calibration.apply` takes it.
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
    uncalibrated: np.ndarray | None
    out_of_fold: np.ndarray | None
    calibration: dict[str, Any] | None
    thresholds: dict[str, dict[str, Any]]
    search: list[dict[str, Any]]
    history: pd.DataFrame | None
    caveats: list[str]
    n_parameters: int
    seconds: float

    @property
    def head(self) -> Head:
        """The head without its normalisation."""
        return self.estimator.named_steps["head"]


@dataclass(frozen=True)
class _Task:
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
class _Made:
    """A head fitted on all rows, and what the folds showed."""

    normalizer: Normalize
    head: Head
    uncalibrated: np.ndarray | None
    search: list[dict[str, Any]] = field(default_factory=list)
    history: pd.DataFrame | None = None
    caveats: list[str] = field(default_factory=list)


def fit_head(
    head: str,
    X: Matrix,
    y: np.ndarray,
    video: np.ndarray,
    group: np.ndarray,
    *,
    blocks: Blocks,
    normalize: str = "l2",
    parameters: Mapping[str, Any] | None = None,
    calibrate: str | None = None,
    threshold: float | None = None,
    seed: int = 0,
    known: Known | None = None,
    fitted: Mapping[str, Fitted] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Choose hyper-parameters, calibration and thresholds on grouped folds, then fit on all training rows.

    A row weighs 1 / (rows of its video), both classes alike; scalers learn from the rows that a head is fitted on.
    A head with epochs takes the first fold as validation for their number. With fewer than 10 groups, or 5 of a
    class, nothing is chosen: default parameters, threshold 0.5, no out-of-fold scores, no calibration, and a caveat.

    Parameters
    ----------
    head : str
        Name in `HEADS`.
    X : ndarray of float32, shape (n, D), or Stream
        Training rows, and nothing else.
    y : ndarray of int, shape (n,)
        0 real, 1 fake.
    video, group : ndarray of str, shape (n,)
    blocks : tuple of (str, int)
        Name and width of each block of ``X``.
    normalize : {"l2", "standard", "none"}
    parameters : dict, optional
        Values that the user fixes: they leave the search.
    calibrate : {"platt", "isotonic"}, optional
        Turn scores into probabilities of balanced classes; a fold's by the out-of-fold scores of the others.
    threshold : float, optional
        A score that the user fixes, in the place of what the folds choose.
    seed : int
    known : dict of callables, optional
        Makes what a head needs of the cache, by the names of `FROM_THE_CACHE`.
    fitted : dict of Fitted, optional
        Heads already fitted on these rows with these settings: an ensemble takes its members from here.
    checkpoint : callable, optional
        Takes number and weights of each epoch of the final fit.

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        Unknown head, normalisation, calibration or parameter, one class only, features that the head cannot work on,
        or a value that it refuses.
    """
    start = time.perf_counter()
    fixed = dict(parameters or {})
    check_parameters({head: fixed}, [head])
    choose(dict.fromkeys(METHODS), normalize, "normalisation")
    if calibrate is not None:
        choose(calibration.METHODS, calibrate, "calibration")
    if (classes := set(np.unique(y).tolist())) != {0, 1}:
        raise InputError(f"training needs real (0) and fake (1) samples, found labels {sorted(classes)}")
    task = _Task(HEADS[head], X, np.asarray(y, int), video, group, blocks, normalize, seed, known or {})
    check_features(head, [name for name, _ in blocks], normalize)
    try:
        # one thread for each fit: faster on matrices of this size, and the same sums on every machine's core count
        with threadpool_limits(1 if task.head.in_threads else None), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged_`
            joining = task.head is Ensemble
            made = _fit_ensemble(task, fixed, fitted or {}) if joining else _fit(task, fixed, checkpoint)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{head} cannot be fitted with {fixed or 'its defaults'}: {error}") from error
    chosen = choose_outcome(made.uncalibrated, task.y, video, task.folds, calibrate, threshold)
    return Fitted(
        estimator=Pipeline([("normalize", made.normalizer), ("head", made.head)]),
        parameters={name: made.head.get_params(deep=False)[name] for name in settable(task.head)},
        uncalibrated=made.uncalibrated,
        out_of_fold=chosen.out_of_fold,
        calibration=chosen.calibration,
        thresholds=chosen.thresholds,
        search=made.search,
        history=made.history,
        caveats=made.caveats if made.head.converged_ else [*made.caveats, UNMET],
        n_parameters=int(made.head.n_parameters_),
        seconds=time.perf_counter() - start,
    )


def check_features(head: str, features: list[str], normalize: str) -> None:
    """Refuse features that a head cannot work on.

    Raises
    ------
    InputError
        A head that compares the embedding with texts gets something else, or something else than embeddings.
    """
    if not HEADS[head].needs:
        return
    if features != ["embedding"]:
        raise InputError(
            f"{head} compares the embedding with texts and takes nothing else, not {', '.join(features)}: "
            "--features embedding"
        )
    if normalize == "standard":
        raise InputError(f"{head} compares the embedding with texts; standardised it cannot be: --normalize l2")


def scores(estimator: Pipeline, X: Matrix) -> np.ndarray:
    """Score of each row, in (0, 1), not calibrated: the logistic function of the decision; higher is more fake.

    Parameters
    ----------
    estimator : Pipeline
    X : ndarray of float32, shape (n, D), or Stream

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return squash(estimator.decision_function(X))


def _fit(task: _Task, fixed: dict[str, Any], checkpoint: Checkpoint | None) -> _Made:
    few = few_groups(task.y, task.group)
    chosen, search, oof, history = (fixed, [], None, None) if few else _search(task, fixed)
    weights = row_weights(task.y, task.video)
    normalizer = Normalize(task.normalize, task.blocks).fit(task.X, sample_weight=weights)
    options = {"checkpoint": checkpoint} if checkpoint and task.head.chooses_epochs else {}
    head = task.head(**task.arguments(chosen))
    head.fit(normalizer.transform(task.X), task.y, sample_weight=weights, **options)
    if history is None and task.head.chooses_epochs:
        history = pd.DataFrame(head.history_)
    return _Made(normalizer, head, oof, search, history, [few] if few else [])


def _search(
    task: _Task, fixed: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], np.ndarray, pd.DataFrame | None]:
    """The best candidate, what each reached, the best's out-of-fold scores, and its history."""
    tried = candidates(task.head, fixed)
    folds = task.folds
    # with patience a fixed number of epochs is the most that are tried
    validate = task.head.chooses_epochs and ("epochs" not in fixed or bool(fixed.get("patience")))
    held = np.empty((len(tried), len(task.y)))
    held[:, folds == 0], heads = _fold(task, tried, folds == 0, validate)
    if validate:
        tried = [{**params, **head.chosen_} for params, head in zip(tried, heads, strict=True)]
    others = Parallel(n_jobs=-1 if task.head.in_threads else 1, prefer="threads")(
        delayed(_fold)(task, tried, folds == fold, False) for fold in range(1, FOLDS)
    )
    for fold, (decisions, _) in enumerate(others, start=1):
        held[:, folds == fold] = decisions
    held = squash(held)
    reached = [auc(*by_video(task.y, task.video, folds, row)[:2]) for row in held]
    best = int(np.argmax(np.round(reached, 12)))  # the first of equals: the strongest regularisation
    search = [{"params": params, "auc": value} for params, value in zip(tried, reached, strict=True)]
    history = pd.DataFrame(heads[best].history_) if task.head.chooses_epochs else None
    return tried[best], search, held[best], history


def _fold(task: _Task, tried: list[dict[str, Any]], held: np.ndarray, validate: bool) -> tuple[np.ndarray, list[Head]]:
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


def _fit_ensemble(task: _Task, fixed: dict[str, Any], fitted: Mapping[str, Fitted]) -> _Made:
    """Members with their own searches, brought to one scale by their out-of-fold scores, and averaged."""
    names = list(fixed.get("members", MEMBERS))
    members = {name: fitted.get(name) or _fit_member(task, name) for name in names}
    oofs = {name: one.uncalibrated for name, one in members.items() if one.uncalibrated is not None}
    weights, folds = row_weights(task.y, task.video), task.folds
    found: list[dict[str, Any] | None] = [calibration.fit(FOR_MEMBERS, oof, task.y, weights) for oof in oofs.values()]
    head = Ensemble.of({name: one.head for name, one in members.items()}, found or [None] * len(names), task.seed)
    normalizer = next(iter(members.values())).estimator.named_steps["normalize"]
    few = few_groups(task.y, task.group)
    if few:
        return _Made(normalizer, head, None, caveats=[few])
    oof = squash(joined_decision([cross_fitted(FOR_MEMBERS, one, task.y, weights, folds) for one in oofs.values()]))
    reached = auc(*by_video(task.y, task.video, folds, oof)[:2])
    return _Made(normalizer, head, oof, [{"params": {"members": names}, "auc": reached}])


def _fit_member(task: _Task, name: str) -> Fitted:
    return fit_head(
        name, task.X, task.y, task.video, task.group,
        blocks=task.blocks, normalize=task.normalize, seed=task.seed, known=task.known,
    )  # fmt: skip
