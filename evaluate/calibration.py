"""From scores to probabilities: rising maps, fitted on scores of rows that a head never saw, kept as JSON values."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from cache.errors import InputError, choose
from evaluate.curve import check_labels
from evaluate.metrics import auc
from evaluate.wording import number, plural

Calibration = dict[str, Any]

UNCHANGED = "unchanged"  # in the place of a method: scores stay as they are
WHY = "fakes score no higher than reals on the rows to calibrate on, and no rising map makes probabilities of that"
LEAST, MOST = float(np.finfo(float).tiny), 1 - 2.0**-53  # log odds are finite between these


def fit(method: str, scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Calibration:
    """The map that turns scores into probabilities of fake.

    Both methods fit Platt's targets in the place of 0 and 1: (n_fake + 1) / (n_fake + 2) for a fake and
    1 / (n_real + 2) for a real, n being the effective number of rows of the class, (sum w)^2 / sum w^2. So no
    probability becomes 0 or 1, and the slope stays finite where scores separate the classes.

    The map never falls. Where fakes score no higher than reals (an AUC of 0.5 or less), scores stay as they are: turned
    around, a head that is wrong would look right, and a flat map would hide what it is.

    Parameters
    ----------
    method : {"platt", "isotonic"}
        A logistic function of the log odds of the score; or the best rising steps, joined by straight lines, which
        want some hundred rows and let neighbouring scores tie.
    scores : ndarray of float, shape (n,)
        In 0 to 1, of rows that the head was not fitted on.
    labels : ndarray of int, shape (n,)
        0 real, 1 fake.
    weights : ndarray of float, shape (n,), optional
        Where they make the classes weigh alike, the probabilities are those of a set half of which is fake.

    Returns
    -------
    dict
        JSON values, as `apply` takes them: ``method``, and ``slope`` and ``intercept`` ("platt"), the knots ``x`` and
        ``y`` ("isotonic"), or ``why`` scores stay as they are ("unchanged").

    Raises
    ------
    InputError
        Unknown method, one class only, a class without weight, or a score outside of 0 to 1.

    Examples
    --------
    >>> made = fit("isotonic", np.array([0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1]))
    >>> made["x"], made["y"]
    ([0.2, 0.4, 0.6, 0.8], [0.25, 0.5, 0.5, 0.75])

    References
    ----------
    Platt, Probabilistic outputs for support vector machines (1999). Zadrozny and Elkan, Transforming classifier scores
    into accurate multiclass probability estimates (KDD 2002).
    """
    fitted = choose(METHODS, method, "calibration").fit
    scores, labels = np.asarray(scores, "f8"), np.asarray(labels)
    check_labels(labels)
    if not ((scores >= 0) & (scores <= 1)).all():
        raise InputError(f"scores reach from {scores.min():g} to {scores.max():g}; calibration takes those in 0 to 1")
    weights = np.ones(len(scores)) if weights is None else np.asarray(weights, "f8")
    targets = _targets(labels, weights)
    found = fitted(scores, targets, weights) if auc(labels, scores, weights) > 0.5 else None
    return {"method": UNCHANGED, "why": WHY} if found is None else {"method": method, **found}


def apply(calibration: Calibration | None, scores: np.ndarray) -> np.ndarray:
    """Calibrated scores, float64, shape (n,): in the order of ``scores`` but for ties; the same without calibration.

    Parameters
    ----------
    calibration : dict or None
        As `fit` gives it.
    scores : ndarray of float, shape (n,)
    """
    scores = np.asarray(scores, "f8")
    if calibration is None or calibration["method"] == UNCHANGED:
        return scores
    return choose(METHODS, calibration["method"], "calibration").apply(calibration, scores)


def gives_probabilities(calibration: Calibration | None) -> bool:
    """Whether there is a calibration, and one that changes scores."""
    return calibration is not None and calibration["method"] != UNCHANGED


def described(calibration: Calibration) -> str:
    """A calibration in a few words.

    Examples
    --------
    >>> described({"method": "platt", "slope": 1.25, "intercept": -0.5})
    'slope 1.250, intercept -0.500'
    """
    known = METHODS.get(calibration["method"])
    return known.describe(calibration) if known else f"{calibration['method']}: {calibration['why']}"


def check(calibration: Any) -> None:
    """Refuse what `apply` could not use, as a file that was edited by hand may hold.

    Raises
    ------
    InputError
        It is no calibration as `fit` gives it.
    """
    method = calibration.get("method") if isinstance(calibration, dict) else None
    valid = isinstance(method, str) and (
        METHODS[method].is_valid(calibration) if method in METHODS else method == UNCHANGED and "why" in calibration
    )
    if not valid:
        raise InputError(
            f"{str(calibration)[:200]!r} is no calibration: that is a method ({', '.join(METHODS)}) with a slope above "
            "0 and an intercept, or with knots x and y that never fall"
        )


def _targets(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    real, fake = (_effective(weights[labels == label]) for label in (0, 1))
    return np.where(labels == 1, (fake + 1) / (fake + 2), 1 / (real + 2))


def _effective(weights: np.ndarray) -> float:
    if not weights.sum() > 0:
        raise InputError("every row of one class has weight 0; calibration needs reals and fakes that count")
    return float(weights.sum() ** 2 / (weights**2).sum())


def _fit_platt(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Calibration | None:
    odds = _log_odds(scores)
    middle, spread = float(odds.mean()), float(odds.std())
    if spread == 0:
        return None
    column = np.tile((odds - middle) / spread, 2)[:, None]  # each row once as a fake and once as a real
    classes = np.repeat([1, 0], len(odds))
    shares = np.concatenate([weights * targets, weights * (1 - targets)])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(column, classes, shares)
    slope = float(model.coef_[0, 0]) / spread
    return {"slope": slope, "intercept": float(model.intercept_[0]) - slope * middle} if slope > 0 else None


def squash(decisions: np.ndarray) -> np.ndarray:
    """Logistic function of decisions, which never overflows."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(decisions, float)))


def _apply_platt(calibration: Calibration, scores: np.ndarray) -> np.ndarray:
    odds = calibration["slope"] * _log_odds(scores) + calibration["intercept"]
    return squash(odds)


def _log_odds(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores, LEAST, MOST)
    return np.log(inside) - np.log1p(-inside)


def _fit_isotonic(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> Calibration | None:
    model = IsotonicRegression().fit(scores, targets, sample_weight=weights)
    x, y = model.X_thresholds_.tolist(), model.y_thresholds_.tolist()
    return {"x": x, "y": y} if y[-1] > y[0] else None


def _apply_isotonic(calibration: Calibration, scores: np.ndarray) -> np.ndarray:
    return np.interp(scores, calibration["x"], calibration["y"])


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _never_falls(values: Any) -> bool:
    rising = isinstance(values, list) and all(map(_is_finite, values))
    return rising and values == sorted(values) and len(values) > 1


class Method(NamedTuple):
    """One entry of `METHODS`.

    Attributes
    ----------
    fit : callable
        Scores, targets and weights to the values of the map, or None where no rising one fits better than a flat one.
    apply : callable
        The map and scores to calibrated scores.
    is_valid : callable
        Whether values are those of such a map.
    describe : callable
        The map in a few words.
    """

    fit: Callable[[np.ndarray, np.ndarray, np.ndarray], Calibration | None]
    apply: Callable[[Calibration, np.ndarray], np.ndarray]
    is_valid: Callable[[Calibration], bool]
    describe: Callable[[Calibration], str]


METHODS: dict[str, Method] = {
    "platt": Method(
        _fit_platt,
        _apply_platt,
        lambda one: _is_finite(one.get("slope")) and one["slope"] > 0 and _is_finite(one.get("intercept")),
        lambda one: f"slope {number(one['slope'])}, intercept {number(one['intercept'])}",
    ),
    "isotonic": Method(
        _fit_isotonic,
        _apply_isotonic,
        lambda one: _never_falls(one.get("x")) and _never_falls(one.get("y")) and len(one["x"]) == len(one["y"]),
        lambda one: plural(len(one["x"]), "knot"),
    ),
}
