"""Calibration never turns an order around, is what its papers say on cases worked by hand, and survives JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from cache.errors import InputError
from evaluate.calibration import METHODS, UNCHANGED, apply, check, described, fit, gives_probabilities
from evaluate.metrics import auc
from evaluate.reliability import log_loss

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1), st.floats(0.125, 8)), min_size=2, max_size=30
).filter(lambda rows: len({label for label, *_ in rows}) == 2)  # fmt: skip


def skewed(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes, half each, and scores that are far too sure."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n // 2)
    decisions = 4 * (random.normal(size=n) + labels) - 1
    return labels, 1 / (1 + np.exp(-decisions))


def test_platt_on_two_scores_meets_the_smoothed_shares() -> None:
    """Two scores and two numbers to fit: each score gets the mean target of its rows."""
    scores, labels = np.repeat([0.25, 0.75], 4), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    low, high = 1 / 6, 5 / 6  # Platt's targets of four reals and four fakes
    made = fit("platt", scores, labels)
    assert apply(made, np.array([0.25, 0.75])) == pytest.approx([(3 * low + high) / 4, (low + 3 * high) / 4])
    assert made["intercept"] == pytest.approx(0, abs=1e-9)
    assert made["slope"] == pytest.approx(np.log(2) / np.log(3))  # log odds of 2/3, over those of 3/4


def test_platt_finds_the_odds_that_scores_were_made_from() -> None:
    labels, scores = skewed()
    made = fit("platt", scores, labels)
    # of two normal classes one apart the log odds are d - 1/2, and d = (logit + 1) / 4
    assert (made["slope"], made["intercept"]) == pytest.approx((0.25, -0.25), abs=0.03)
    assert log_loss(labels, apply(made, scores)) < log_loss(labels, scores) - 0.2


def test_isotonic_on_a_hand_worked_case() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.2, 0.4, 0.6, 0.8])
    made = fit("isotonic", scores, labels)  # the middle two are out of order and become one step
    assert apply(made, np.array([0.0, 0.2, 0.3, 0.5, 0.7, 1.0])) == pytest.approx([0.25, 0.25, 0.375, 0.5, 0.625, 0.75])


def test_isotonic_is_scikit_learns_between_the_smoothed_targets() -> None:
    labels, scores = skewed(200)
    weights = np.random.default_rng(1).uniform(0.5, 2, 200)
    effective = [weights[labels == label].sum() ** 2 / (weights[labels == label] ** 2).sum() for label in (0, 1)]
    low, high = 1 / (effective[0] + 2), (effective[1] + 1) / (effective[1] + 2)
    plain = IsotonicRegression().fit(scores, labels, sample_weight=weights).predict(scores)
    assert apply(fit("isotonic", scores, labels, weights), scores) == pytest.approx(low + (high - low) * plain)


@pytest.mark.parametrize("method", METHODS)
@given(rows=ROWS)
def test_no_order_is_turned_around(method: str, rows: list[tuple[int, float, float]]) -> None:
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    made = json.loads(json.dumps(fit(method, scores, labels, weights), allow_nan=False))
    check(made)
    grid = np.unique(np.concatenate([scores, np.linspace(0, 1, 33)]))
    found = apply(made, grid)
    assert (np.diff(found) >= -1e-15).all()
    assert (found >= 0).all() and (found <= 1).all()
    assert gives_probabilities(made) is (made["method"] == method)
    if auc(labels, scores, weights) <= 0.5:
        assert made["method"] == UNCHANGED


@pytest.mark.parametrize("method", METHODS)
def test_weights_count_like_repeated_rows(method: str) -> None:
    """But for the smoothing, which sees how unequal weights are."""
    labels, scores = skewed(40)
    repeated = fit(method, np.repeat(scores, 2), np.repeat(labels, 2))
    heavy = fit(method, scores, labels, np.full(40, 2.0))
    assert apply(heavy, scores) == pytest.approx(apply(repeated, scores), abs=0.05)
    assert apply(heavy, scores) == pytest.approx(apply(fit(method, scores, labels), scores))


@pytest.mark.parametrize("method", METHODS)
def test_an_inverted_head_stays_inverted_and_says_so(method: str) -> None:
    labels, scores = skewed(400)
    made = fit(method, 1 - scores, labels)
    assert made["method"] == UNCHANGED and "fakes score no higher than reals" in described(made)
    assert (apply(made, scores) == scores).all()
    assert not gives_probabilities(made)


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_are_all_alike_are_left_alone(method: str) -> None:
    assert fit(method, np.full(4, 0.7), np.array([0, 1, 0, 1]))["method"] == UNCHANGED


@pytest.mark.parametrize("method", METHODS)
def test_separated_and_saturated_scores_give_no_certainty(method: str) -> None:
    labels = np.array([0, 0, 1, 1])
    found = apply(fit(method, labels.astype(float), labels), np.array([0.0, 1.0]))
    assert found == pytest.approx([1 / 4, 3 / 4], abs=1e-6)


def test_without_a_calibration_scores_stay() -> None:
    scores = np.array([0.1, 0.9])
    assert (apply(None, scores) == scores).all() and not gives_probabilities(None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"method": "plat"}, "known: isotonic, platt"),
        ({"labels": np.ones(4, int)}, "0 real and 4 fake"),
        ({"scores": np.array([0.1, 0.2, 0.3, 1.5])}, r"reach from 0\.1 to 1\.5"),
        ({"scores": np.array([0.1, 0.2, 0.3, np.nan])}, "calibration takes those in 0 to 1"),
        ({"weights": np.array([0.0, 1.0, 0.0, 1.0])}, "every row of one class has weight 0"),
    ],
)
def test_what_cannot_be_calibrated_is_said(changed: dict[str, object], said: str) -> None:
    given_ = {"method": "platt", "scores": np.array([0.1, 0.2, 0.3, 0.4]), "labels": np.array([0, 1, 0, 1])}
    with pytest.raises(InputError, match=said):
        fit(**{**given_, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"method": "plat"},
        {"method": ["platt"]},
        {"method": UNCHANGED},
        {"method": "platt", "slope": -1.0, "intercept": 0.0},
        {"method": "platt", "slope": 1.0, "intercept": float("nan")},
        {"method": "isotonic", "x": [0.1, 0.2], "y": [0.5]},
        {"method": "isotonic", "x": [0.1, 0.2], "y": [0.5, 0.4]},
        {"method": "isotonic", "x": [0.2, 0.1], "y": [0.4, 0.5]},
        {"method": "isotonic", "x": "01", "y": "01"},
    ],
)
def test_no_calibration_is_refused(broken: object) -> None:
    with pytest.raises(InputError, match="is no calibration"):
        check(broken)
