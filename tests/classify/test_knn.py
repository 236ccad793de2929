"""The nearest-neighbour head: by hand, against scikit-learn, and with weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

import classify.heads.knn as knn
from classify.heads.knn import KNN, TIE, nearest


def on_the_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def rows(n: int = 200, columns: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, columns)) + 0.5 * y[:, None]).astype(np.float32), y


def cosine(degrees: float) -> float:
    return float(np.cos(np.radians(degrees)))


def test_banks_by_hand() -> None:
    X, y = on_the_circle(0, 10, 40, 90, 100), np.array([0, 0, 1, 1, 0])
    head = KNN(k=2).fit(X, y)
    expected = (cosine(10) + cosine(60)) / 2 - (cosine(20) + cosine(30)) / 2  # seen from 30 degrees
    assert head.decision_function(3 * on_the_circle(30)) == pytest.approx([expected])
    assert KNN(k=1).fit(X, y).decision_function(on_the_circle(30)) == pytest.approx([cosine(10) - cosine(20)])


def test_votes_by_hand() -> None:
    X, y = on_the_circle(0, 10, 40, 90, 100), np.array([0, 0, 1, 1, 0])
    votes = [1 + TIE * cosine(angle) for angle in (10, 20, 30)]  # fake, real, real
    head = KNN(k=3, vote="votes").fit(X, y)
    assert head.decision_function(on_the_circle(30)) == pytest.approx([(votes[0] - votes[1] - votes[2]) / sum(votes)])


def test_a_tie_goes_to_the_more_similar() -> None:
    X, y = on_the_circle(0, 50), np.array([0, 1])
    head = KNN(k=2, vote="votes").fit(X, y)
    assert head.predict(on_the_circle(20, 30)).tolist() == [0, 1]


def test_one_neighbour_decides_alike_by_both_rules() -> None:
    """UniversalFakeDetect's rule: the class of the nearest."""
    X, y = rows()
    X_new, _ = rows(100, seed=1)
    banks, votes = (KNN(k=1, vote=vote).fit(X, y).predict(X_new) for vote in ("banks", "votes"))
    reference = KNeighborsClassifier(1, metric="cosine").fit(X, y).predict(X_new)
    assert np.array_equal(banks, reference) and np.array_equal(votes, reference)


@pytest.mark.parametrize("k", [1, 7, 50])
def test_votes_are_those_of_scikit_learn(k: int) -> None:
    X, y = rows(1000)
    X_new, _ = rows(60, seed=1)
    reference = KNeighborsClassifier(k, metric="cosine", weights=lambda away: 1 + TIE * (1 - away)).fit(X, y)
    decisions = KNN(k=k, vote="votes").fit(X, y).decision_function(X_new)
    assert decisions == pytest.approx(2 * reference.predict_proba(X_new)[:, 1] - 1, abs=1e-6)


@pytest.mark.parametrize("vote", ["banks", "votes"])
def test_a_weight_of_two_is_a_row_twice_and_of_none_no_row(vote: str) -> None:
    X, y = rows()
    times = np.random.default_rng(1).integers(0, 4, len(y))
    X_new, _ = rows(60, seed=2)
    weighted = KNN(k=9, vote=vote).fit(X, y, times)
    repeated = KNN(k=9, vote=vote).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert weighted.decision_function(X_new) == pytest.approx(repeated.decision_function(X_new), abs=1e-6)
    assert len(weighted.bank_) == (times > 0).sum()


@pytest.mark.parametrize("vote", ["banks", "votes"])
def test_blocks_and_groups_of_columns_change_nothing(vote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = rows(900)
    X_new, _ = rows(50, seed=1)
    quick = KNN(k=5, vote=vote).fit(X, y).decision_function(X_new)
    monkeypatch.setattr(knn, "SIMILARITIES", 7 * 900)
    monkeypatch.setattr(knn, "GROUPS", 10**9)
    assert KNN(k=5, vote=vote).fit(X, y).decision_function(X_new) == pytest.approx(quick, abs=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 400), st.floats(0.2, 60), st.booleans())
def test_nearest_takes_the_best_of_the_weight_asked_for(seed: int, columns: int, k: float, equals: bool) -> None:
    """Against a plain sort of every row."""
    rng = np.random.default_rng(seed)
    similarities = rng.integers(0, 5, (4, columns)) / 5 if equals else rng.normal(size=(4, columns))
    weights = rng.uniform(0.05, 2, columns)
    similarity, column, weight = nearest(similarities, weights, k)
    assert np.array_equal(similarity, np.take_along_axis(similarities, column, axis=1))
    assert weight.sum(axis=1) == pytest.approx(np.full(4, min(k, weights.sum())))
    for row in range(4):
        order = np.argsort(-similarities[row], kind="stable")
        shares = np.clip(k - (np.cumsum(weights[order]) - weights[order]), 0, weights[order])
        least = similarities[row, order[shares > 0]].min()
        taken = weight[row] > 0
        assert len(set(column[row, taken])) == taken.sum()
        assert similarity[row, taken].min() == least, "nothing nearer was left out"
        above = similarities[row] > least
        assert weight[row, similarity[row] > least].sum() == pytest.approx(weights[above].sum())


def test_more_neighbours_than_rows_are_all_rows() -> None:
    X, y = on_the_circle(0, 40, 90), np.array([0, 1, 1])
    expected = (cosine(10) + cosine(60)) / 2 - cosine(30)
    assert KNN(k=50).fit(X, y).decision_function(on_the_circle(30)) == pytest.approx([expected])


def test_length_does_not_matter_and_a_row_of_zeros_is_far_from_all() -> None:
    X, y = rows()
    head = KNN().fit(X * np.linspace(0.1, 9, len(X))[:, None], y)
    assert head.decision_function(X) == pytest.approx(KNN().fit(X, y).decision_function(X), abs=1e-5)
    assert head.decision_function(np.zeros((1, 12))) == pytest.approx([0.0])


def test_nothing_is_trained() -> None:
    assert KNN().fit(*rows()).n_parameters_ == 0


def test_a_wrong_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"banks.*votes"):
        KNN(vote="vote").fit(*rows())
    with pytest.raises(ValueError, match="above 0, not 0"):
        KNN(k=0).fit(*rows())
