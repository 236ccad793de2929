"""The linear solver: scikit-learn's coefficients, every strength as if alone, and what it does where rounding rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import classify.heads.linear_solver as linear_solver
from classify.heads.linear_head import LinearHead
from classify.heads.linear_solver import Loss, _sampled, log_loss, solve, squared_hinge
from classify.heads.linear_svm import LinearSVM
from classify.heads.logistic import Logistic
from classify.stream import Stream

STRENGTHS = [0.01, 1.0, 100.0]


def rows(n: int = 400, columns: int = 6, seed: int = 0, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features far from the origin, as embeddings are, of uneven spread; labels, and weights of mean 1."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 5 < 2).astype(int)
    X = 2 + rng.normal(size=(n, columns)) * np.logspace(-1, 0.5, columns)
    X[:, 0] += gap * y
    weights = rng.exponential(size=n)
    return X, y, weights / weights.mean()


def objective(loss: Loss, X: np.ndarray, y: np.ndarray, weights: np.ndarray, C: float, point: np.ndarray) -> float:
    margins = np.where(y == 1, 1, -1) * (X @ point[:-1] + point[-1])
    return float(C * weights @ loss(margins)[0] + point[:-1] @ point[:-1] / 2)


@pytest.mark.parametrize("gap", [0.3, 10.0])  # 10: the classes lie apart
def test_logistic_coefficients_are_those_of_scikit_learn(gap: float) -> None:
    X, y, weights = rows(gap=gap)
    for C, found in zip(STRENGTHS, solve(X, y, weights, STRENGTHS, log_loss), strict=True):
        known = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y, weights)
        assert found.converged
        assert found.coef == pytest.approx(known.coef_[0], rel=1e-5, abs=1e-6)
        assert found.intercept == pytest.approx(known.intercept_[0], rel=1e-5, abs=1e-6)


def test_svm_coefficients_are_those_of_liblinear_with_a_free_intercept() -> None:
    X, y, weights = rows()
    for C, found in zip(STRENGTHS, solve(X, y, weights, STRENGTHS, squared_hinge), strict=True):
        known = LinearSVC(C=C, dual=False, tol=1e-10, intercept_scaling=1e3, max_iter=10_000).fit(X, y, weights)
        assert found.converged
        assert found.coef == pytest.approx(known.coef_[0], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("loss", [log_loss, squared_hinge])
def test_derivatives_are_those_of_the_loss(loss: Loss) -> None:
    margins, step = np.array([-30.0, -2.0, -0.3, 0.0, 0.4, 2.0, 30.0]), 1e-5
    value, slope, curvature = loss(margins)
    above, below = loss(margins + step), loss(margins - step)
    assert slope == pytest.approx((above[0] - below[0]) / (2 * step), abs=1e-8)
    assert curvature == pytest.approx((above[1] - below[1]) / (2 * step), abs=1e-8)
    assert (value >= 0).all() and np.isfinite(value).all()


@given(st.integers(0, 2**16), st.sampled_from([1e-9, 0.1, 1e4]), st.sampled_from([log_loss, squared_hinge]))
@settings(max_examples=15, deadline=None)
def test_no_step_away_from_the_solution_is_lower(seed: int, C: float, loss: Loss) -> None:
    X, y, weights = rows(60, 3, seed)
    [found] = solve(X, y, weights, [C], loss)
    point = np.append(found.coef, found.intercept)
    lowest = objective(loss, X, y, weights, C, point)
    for step in np.random.default_rng(seed).normal(size=(20, 4)) * 1e-2:
        assert objective(loss, X, y, weights, C, point * (1 + step) + 1e-9 * step) >= lowest - 1e-10 * abs(lowest)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-3), (np.float64, 1e-7)])
def test_each_strength_is_solved_as_if_alone(dtype: type, tolerance: float) -> None:
    X, y, weights = rows()
    X = X.astype(dtype)
    for C, found in zip(STRENGTHS, solve(X, y, weights, STRENGTHS, log_loss), strict=True):
        [alone] = solve(X, y, weights, [C], log_loss)
        decisions = X @ alone.coef + alone.intercept
        assert X @ found.coef + found.intercept == pytest.approx(decisions, abs=tolerance * decisions.std())


def test_weights_are_repeats_and_weights_of_zero_absence() -> None:
    X, y, _ = rows()
    weights = np.arange(len(y)) % 3
    times = np.repeat(np.arange(len(y)), weights)
    found, repeated = (
        solve(some[0], some[1], some[2], STRENGTHS, log_loss)
        for some in ((X, y, weights.astype(float)), (X[times], y[times], None))
    )
    for one, other in zip(found, repeated, strict=True):
        assert one.coef == pytest.approx(other.coef, rel=1e-6, abs=1e-9)


def test_the_weakest_strength_still_ranks_and_its_intercept_is_free() -> None:
    X, y, _ = rows()
    [found] = solve(X.astype(np.float32), y, None, [1e-9], log_loss)
    assert found.intercept == pytest.approx(np.log(0.4 / 0.6), abs=1e-4)
    slope = X.T @ (y - y.mean())  # where C is next to nothing, w is C times this
    assert found.coef == pytest.approx(1e-9 * slope, rel=1e-2)


@pytest.mark.parametrize("loss", [log_loss, squared_hinge])
def test_features_twice_are_features_once_at_twice_the_strength(loss: Loss) -> None:
    """A coefficient in two halves costs half as much; the curvature is singular, and a column says nothing at all."""
    X, y, weights = rows()
    X = X.astype(np.float32)
    singular = np.hstack([X, X, np.zeros((len(X), 1), np.float32)])
    strong = solve(X, y, weights, [2 * C for C in STRENGTHS], loss)
    for once, twice in zip(strong, solve(singular, y, weights, STRENGTHS, loss), strict=True):
        decisions = X @ once.coef + once.intercept
        assert twice.converged
        assert singular @ twice.coef + twice.intercept == pytest.approx(decisions, abs=1e-2 * decisions.std())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_that_say_nothing_leave_the_share_of_the_classes(dtype: type) -> None:
    _, y, _ = rows()
    for found in solve(np.full((len(y), 3), 7, dtype), y, None, [0.01, 1.0], log_loss):
        assert found.converged
        assert 7 * found.coef.sum() + found.intercept == pytest.approx(np.log(0.4 / 0.6), abs=1e-4)


def test_a_sample_of_the_rows_leads_to_the_same_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, weights = rows(3000)
    exact = solve(X, y, weights, STRENGTHS, log_loss)
    monkeypatch.setattr(linear_solver, "FEWEST_ROWS", 60)
    for one, other in zip(exact, solve(X, y, weights, STRENGTHS, log_loss), strict=True):
        assert other.converged and one.coef == pytest.approx(other.coef, rel=1e-4, abs=1e-6)


def test_rows_are_drawn_in_proportion_to_their_curvature() -> None:
    curvature = np.array([0.0, 1.0, 3.0] * 1000)
    drawn, shares = _sampled(curvature, 400)
    assert shares.sum() == pytest.approx(curvature.sum())
    assert (drawn % 3 == 2).mean() == pytest.approx(0.75, abs=0.05) and (drawn % 3 != 0).all()
    whole, all_shares = _sampled(curvature, 2000)
    assert len(whole) == 2000 and np.array_equal(all_shares, curvature[whole]), "few enough: nothing is drawn"


def test_too_few_passes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = rows()
    monkeypatch.setattr(linear_solver, "MAX_PASSES", 2)
    assert [found.converged for found in solve(X, y, None, [1e4], log_loss)] == [False]


def test_few_passes_are_enough_where_rows_lie_on_their_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvature all but vanishes there: by that of the start alone it takes hundreds."""
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 2
    X = rng.normal(size=(3000, 50)).astype(np.float32) * np.linspace(0.1, 1, 50).astype(np.float32)
    X[:, -1] += 4 * y
    monkeypatch.setattr(linear_solver, "MAX_PASSES", 40)
    assert all(found.converged for found in solve(X, y, None, [0.01, 1.0, 100.0, 10_000.0], log_loss))


@pytest.mark.parametrize("head", [Logistic, LinearSVM])
def test_candidates_together_are_the_heads_fitted_alone(head: type[LinearHead]) -> None:
    X, y, weights = rows()
    labels = np.array(["fake", "real"])[y]
    together = head.fit_each([{"C": C, "random_state": 1} for C in STRENGTHS], X, labels, weights)
    for C, one in zip(STRENGTHS, together, strict=True):
        alone = head(C=C).fit(X, labels, weights)
        assert (one.C, one.n_features_in_, one.n_parameters_) == (C, 6, 7)
        assert np.array_equal(one.predict(X), alone.predict(X))
        assert one.coef_ == pytest.approx(alone.coef_, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("head", [Logistic, LinearSVM])
def test_a_stream_is_fitted_and_scored_as_the_array_is(head: type[LinearHead], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classify.stream.BLOCK", 64)
    X, y, weights = rows()
    whole = X.astype(np.float32)
    stream = Stream(lambda some: whole[some], np.arange(len(whole)), 6)
    of_stream, of_array = head(C=3.0).fit(stream, y, weights), head(C=3.0).fit(whole, y, weights)
    assert np.array_equal(of_stream.coef_, of_array.coef_)
    assert np.array_equal(of_stream.decision_function(stream), of_array.decision_function(whole))
    assert np.array_equal(of_stream.predict(stream), of_array.predict(whole))


def test_a_stream_that_does_not_fit_is_refused() -> None:
    X, y, _ = rows()
    stream = Stream(lambda some: X[some].astype(np.float32), np.arange(len(X)), 6)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Logistic().fit(stream, y[:-1])
    narrow = Stream(lambda some: X[some, :2].astype(np.float32), np.arange(len(X)), 2)
    with pytest.raises(ValueError, match="X has 2 features, but Logistic knows 6"):
        Logistic().fit(stream, y).decision_function(narrow)


@pytest.mark.parametrize("C", [0, -1.0, np.inf, np.nan, "strong", None])
def test_a_strength_is_a_positive_number(C: object) -> None:
    X, y, _ = rows()
    with pytest.raises(ValueError, match="C is a positive number, not"):
        LinearSVM(C=C).fit(X, y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="C is a positive number, not"):
        LinearSVM.fit_each([{"C": 1.0}, {"C": C}], X, y)
