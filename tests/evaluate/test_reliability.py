"""Log loss, Brier score and ECE on cases worked by hand, by their laws, and whatever the share of fakes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cache.errors import InputError
from evaluate.reliability import BINS, brier_score, calibration_error, log_loss, reliability_bins

METRICS = [log_loss, brier_score, calibration_error]
ROWS = st.lists(st.tuples(st.integers(0, 1), st.floats(0.001, 0.999)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def arrays(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    return labels, scores


# Two reals weigh 1/4 each, four fakes 1/8 each. Of 15 bins one holds .21, .25 and .25, one .50, one .97 and 1.
LABELS = np.array([0, 0, 1, 1, 1, 1])
SCORES = np.array([0.21, 0.50, 0.25, 0.25, 0.97, 1.0])


def test_ece_worked_by_hand() -> None:
    first, middle, last = (0.0525 + 0.0625) / 0.5, 0.5, 0.985  # mean scores
    bins = reliability_bins(LABELS, SCORES)
    assert bins.weight == pytest.approx([0.5, 0.25, 0.25])
    assert bins.score == pytest.approx([first, middle, last])
    assert bins.fakes == pytest.approx([0.5, 0.0, 1.0])
    assert calibration_error(LABELS, SCORES) == pytest.approx(0.5 * (0.5 - first) + 0.25 * 0.5 + 0.25 * 0.015)


def test_brier_and_log_loss_worked_by_hand() -> None:
    brier = (0.21**2 + 0.5**2) / 4 + (2 * 0.75**2 + 0.03**2) / 8
    assert brier_score(LABELS, SCORES) == pytest.approx(brier)
    loss = -(np.log(0.79) + np.log(0.5)) / 4 - (2 * np.log(0.25) + np.log(0.97)) / 8
    assert log_loss(LABELS, SCORES) == pytest.approx(loss)


def test_one_half_for_all_has_the_figures_that_are_told() -> None:
    half = np.full(6, 0.5)
    assert [metric(LABELS, half) for metric in METRICS] == pytest.approx([0.693147, 0.25, 0.0], abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@given(rows=ROWS, times=st.integers(2, 5))
def test_more_of_one_class_changes_nothing(metric: object, rows: list[tuple[int, float]], times: int) -> None:
    labels, scores = arrays(rows)
    repeats = np.where(labels == 1, times, 1)
    more = metric(np.repeat(labels, repeats), np.repeat(scores, repeats))  # type: ignore[operator]
    assert more == pytest.approx(metric(labels, scores), abs=1e-9)  # type: ignore[operator]


@given(ROWS)
def test_laws(rows: list[tuple[int, float]]) -> None:
    labels, scores = arrays(rows)
    loss, brier, error = (metric(labels, scores) for metric in METRICS)
    assert log_loss(1 - labels, 1 - scores) == pytest.approx(loss)
    assert brier_score(1 - labels, 1 - scores) == pytest.approx(brier)
    assert 0 <= brier <= loss  # x^2 <= -ln(1 - x)
    weights = 0.5 / np.bincount(labels)[labels]
    assert abs(np.sum(weights * (scores - labels))) - 1e-9 <= error  # bins can only add to the gap of all
    assert error <= np.sum(weights * np.abs(scores - labels)) + 1e-9  # and never beyond the gaps of single rows


@settings(max_examples=40)
@given(ROWS)
def test_agrees_with_scikit_learn_where_both_classes_weigh_alike(rows: list[tuple[int, float]]) -> None:
    labels, scores = arrays(rows)
    weights = 0.5 / np.bincount(labels)[labels]
    assert log_loss(labels, scores) == pytest.approx(sk.log_loss(labels, scores, sample_weight=weights))
    assert brier_score(labels, scores) == pytest.approx(sk.brier_score_loss(labels, scores, sample_weight=weights))
    bins = reliability_bins(labels, scores)
    assert calibration_error(labels, scores) == pytest.approx(np.sum(bins.weight * np.abs(bins.score - bins.fakes)))


def test_certainty_that_is_wrong_costs_as_in_scikit_learn() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([1.0, 0.0, 0.0, 1.0])
    assert log_loss(labels, scores) == pytest.approx(sk.log_loss(labels, scores))


@given(ROWS)
def test_bins_share_out_all_rows(rows: list[tuple[int, float]]) -> None:
    labels, scores = arrays(rows)
    bins = reliability_bins(labels, scores)
    assert bins.weight.sum() == pytest.approx(1) and (bins.weight > 0).all() and len(bins.weight) <= BINS
    assert np.sum(bins.weight * bins.fakes) == pytest.approx(0.5)
    assert (np.diff(bins.score) > 0).all()


def test_what_scores_promise_is_kept_in_the_long_run() -> None:
    random = np.random.default_rng(0)
    scores = random.random(40_000)
    labels = (random.random(40_000) < scores).astype(int)
    assert calibration_error(labels, scores) < 0.02
    assert calibration_error(labels, scores**3) > 0.15


@pytest.mark.parametrize("metric", METRICS)
def test_a_score_beyond_one_is_no_probability(metric: object) -> None:
    with pytest.raises(InputError, match=r"reach from -0\.5 to 0\.9; a probability lies in 0 to 1"):
        metric(np.array([0, 1]), np.array([-0.5, 0.9]))  # type: ignore[operator]
