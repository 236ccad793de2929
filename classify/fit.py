"""Fit one head the honest way: everything is chosen on out-of-fold scores of whole training groups."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from cache.errors import InputError, choose
from classify.fitted import Fitted, Wanted
from classify.folds import few_groups, row_weights
from classify.heads import HEADS
from classify.heads.ensemble import MEMBERS, Ensemble, joined_decision
from classify.heads.epochs import Checkpoint
from classify.normalize import METHODS, Blocks
from classify.outcome import by_video, choose_outcome, cross_fitted
from classify.parameters import check_parameters, settable
from classify.search import Known, Made, Task, fit_searched
from classify.stream import Matrix
from evaluate import calibration
from evaluate.calibration import squash
from evaluate.metrics import auc

FOR_MEMBERS = "platt"  # how an ensemble brings its members to one scale
UNMET = "the solver stopped before its tolerance was met; features of another scale may help"


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
    wanted = [Wanted(dict(parameters or {}), calibrate, threshold)]
    return fit_heads(
        head, X, y, video, group, wanted,
        blocks=blocks, normalize=normalize, seed=seed, known=known, fitted=fitted, checkpoint=checkpoint,
    )[0]  # fmt: skip


def fit_heads(
    head: str,
    X: Matrix,
    y: np.ndarray,
    video: np.ndarray,
    group: np.ndarray,
    wanted: Sequence[Wanted],
    *,
    blocks: Blocks,
    normalize: str = "l2",
    seed: int = 0,
    known: Known | None = None,
    fitted: Mapping[str, Fitted] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[Fitted]:
    """Fit a head several times on the same rows, as `fit_head` does; folds and what else can be shared is made once.

    The seconds of each are its share of the time that all took.
    """
    start = time.perf_counter()
    _check(head, normalize, wanted)
    if (classes := set(np.unique(y).tolist())) != {0, 1}:
        raise InputError(f"training needs real (0) and fake (1) samples, found labels {sorted(classes)}")
    task = Task(HEADS[head], X, np.asarray(y, int), video, group, blocks, normalize, seed, known or {})
    check_features(head, [name for name, _ in blocks], normalize)
    parameters = [one.parameters for one in wanted]
    try:
        # one thread for each fit: faster on matrices of this size, and the same sums on every machine's core count
        with threadpool_limits(1 if task.head.in_threads else None), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged_`
            if task.head is Ensemble:
                made = [_fit_ensemble(task, one, fitted or {}) for one in parameters]
            else:
                made = fit_searched(task, parameters, checkpoint)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        fixed = "; ".join(str(one or "its defaults") for one in parameters)
        raise InputError(f"{head} cannot be fitted with {fixed}: {error}") from error
    found = [_fitted(task, one, made_of_it) for one, made_of_it in zip(wanted, made, strict=True)]
    share = (time.perf_counter() - start) / len(wanted)
    return [replace(one, seconds=share) for one in found]


def _check(head: str, normalize: str, wanted: Sequence[Wanted]) -> None:
    for one in wanted:
        check_parameters({head: one.parameters}, [head])
        if one.calibrate is not None:
            choose(calibration.METHODS, one.calibrate, "calibration")
    choose(dict.fromkeys(METHODS), normalize, "normalisation")


def _fitted(task: Task, wanted: Wanted, made: Made) -> Fitted:
    folds = None if made.uncalibrated is None else task.folds
    chosen = choose_outcome(made.uncalibrated, task.y, task.video, folds, wanted.calibrate, wanted.threshold)
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
        seconds=0.0,
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


def _fit_ensemble(task: Task, fixed: dict[str, Any], fitted: Mapping[str, Fitted]) -> Made:
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
        return Made(normalizer, head, None, caveats=[few])
    oof = squash(joined_decision([cross_fitted(FOR_MEMBERS, one, task.y, weights, folds) for one in oofs.values()]))
    reached = auc(*by_video(task.y, task.video, folds, oof)[:2])
    return Made(normalizer, head, oof, [{"params": {"members": names}, "auc": reached}])


def _fit_member(task: Task, name: str) -> Fitted:
    return fit_head(
        name, task.X, task.y, task.video, task.group,
        blocks=task.blocks, normalize=task.normalize, seed=task.seed, known=task.known,
    )  # fmt: skip
