"""Groups are drawn whole, within their composition; intervals hold their value, and the truth as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluate.bootstrap import bootstrap
from evaluate.intervals import NO_WIDTH, exact_interval, group_draws, interval, lost_draws
from evaluate.metrics import auc

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, groups = zip(*rows, strict=True)
    return np.array(labels), np.array([f"g{group}" for group in groups])


@given(ROWS)
def test_each_composition_keeps_its_number_of_groups(rows: list[tuple[int, int]]) -> None:
    labels, groups = arrays(rows)
    draws = group_draws(groups, labels, 50)
    kinds = {name: frozenset(labels[groups == name].tolist()) for name in draws.names}
    for kind in set(kinds.values()):
        members = [at for at, name in enumerate(draws.names) if kinds[name] == kind]
        assert (draws.multiplicities[:, members].sum(axis=1) == len(members)).all()


def test_the_seed_matters() -> None:
    groups, labels = np.array([f"g{at}" for at in range(20)]), np.arange(20) % 2
    first, second = (group_draws(groups, labels, 10, seed).multiplicities for seed in (0, 1))
    assert (first != second).any()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, labels = np.array([f"g{at % 50}" for at in range(90)]), np.arange(90) // 40 % 2
    whole = group_draws(groups, labels, 60).multiplicities
    monkeypatch.setattr("evaluate.intervals.BLOCK", 70)
    np.testing.assert_array_equal(group_draws(groups, labels, 60).multiplicities, whole)


def test_the_first_of_many_draws_are_those_of_few() -> None:
    labels, groups = np.array([0, 0, 1, 1, 0, 1, 0]), np.array(["a", "b", "c", "d", "e", "e", "f"])
    few, many = group_draws(groups, labels, 30), group_draws(groups, labels, 200)
    np.testing.assert_array_equal(many.first(30).multiplicities, few.multiplicities)
    assert not np.array_equal(many.multiplicities[30:60], few.multiplicities)


def test_lost_draws() -> None:
    assert lost_draws(np.array([0.5, np.nan, 0.7])) == 1


def test_interval_is_the_middle_95_percent() -> None:
    assert interval(np.append(np.arange(1001.0), np.nan)) == {"low": 25.0, "high": 975.0}


def test_no_interval_from_the_lesser_part_of_the_draws() -> None:
    assert interval(np.array([0.5, 0.5, np.nan, np.nan]))["low"] == 0.5
    assert interval(np.array([0.5, np.nan, np.nan])) == {"low": None, "high": None}


def ends(draws: np.ndarray, value: float | None = None) -> list[float]:
    found = interval(draws, value)
    assert found["low"] is not None and found["high"] is not None
    return [found["low"], found["high"]]


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=50), st.floats(-1, 1))
def test_an_interval_holds_its_value_and_lies_within_the_draws(draws: list[float], value: float) -> None:
    found = interval(np.array(draws), value)
    low, high = found["low"], found["high"]
    if low is None or high is None:
        assert min(abs(draw - value) for draw in draws) <= NO_WIDTH
    else:
        assert low <= value <= high and low < high
        assert min(*draws, value) <= low and high <= max(*draws, value)


def test_accelerated_ends_by_hand() -> None:
    draws = np.append(np.full(30, -2.0), np.linspace(-1, 1, 971))
    spread = draws - draws.mean()
    skewness = (spread**3).mean() / (spread**2).mean() ** 1.5
    bias = stats.norm.ppf((draws < 0.1).mean())
    places = [bias + (bias + z) / (1 - skewness / 6 * (bias + z)) for z in stats.norm.ppf([0.025, 0.975])]
    assert ends(draws, 0.1) == pytest.approx(np.percentile(draws, 100 * stats.norm.cdf(places)))


def test_even_draws_around_the_value_keep_the_middle_95_percent() -> None:
    draws = np.linspace(-1, 1, 1001)
    assert ends(draws, 0.0) == pytest.approx(ends(draws))


def test_an_interval_of_no_width_is_none() -> None:
    nothing = {"low": None, "high": None}
    assert interval(np.ones(50), 1.0) == nothing
    assert interval(np.append(np.ones(900), np.full(100, 0.9)), 1.0) == {"low": 0.9, "high": 1.0}
    assert interval(np.ones(50), 0.9) == {"low": 0.9, "high": 1.0}, "the draws say other than the rows"
    assert interval(np.zeros(50)) == {"low": 0.0, "high": 0.0}, "a difference may be nought in every draw"


@pytest.mark.parametrize(("rate", "groups"), [(1.0, 100), (0.0, 100), (1.0, 3), (0.0, 1)])
def test_exact_ends_of_a_rate_of_0_or_1(rate: float, groups: int) -> None:
    expected = stats.binomtest(round(rate * groups), groups).proportion_ci(0.95, "exact")
    found = exact_interval(rate, groups)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert rate in found.values()


def test_rounding_is_no_bias() -> None:
    draws = np.repeat([0.5, 0.75, 1.0], [100, 800, 100])
    assert ends(draws, 0.75) == ends(draws, np.nextafter(0.75, 1)) == ends(draws, np.nextafter(0.75, 0))


def test_an_interval_turns_with_its_metric() -> None:
    draws = np.random.default_rng(0).gamma(3, size=1000)
    low, high = ends(draws, 2.5)
    assert ends(-draws, -2.5) == pytest.approx([-high, -low])


def test_intervals_over_groups_cover_and_others_do_not() -> None:
    """80 groups of a video with 4 frames at an AUC of 0.97, where draws are skewed and frames are alike."""
    rng = np.random.default_rng(0)
    shift = stats.norm.ppf(0.97) * 2**0.5  # two normals of variance 1 (0.9 + 0.1)
    hits = {"groups": 0, "middle": 0, "rows": 0}
    trials = 250
    for trial in range(trials):
        labels, groups = np.repeat(np.arange(80) % 2, 4), (np.arange(320) // 4).astype(str)
        noise = rng.normal(scale=0.1**0.5, size=320)
        scores = np.repeat(rng.normal(scale=0.9**0.5, size=80), 4) + noise + shift * labels
        value = auc(labels, scores)
        for kind, clusters in (("groups", groups), ("rows", np.arange(320).astype(str))):
            draws = group_draws(clusters, labels, 400, seed=trial)
            drawn = bootstrap(labels, scores, clusters, draws, ("auc",))["auc"]
            low, high = ends(drawn, value)
            hits[kind] += low <= 0.97 <= high
            if kind == "groups":
                low, high = ends(drawn)
                hits["middle"] += low <= 0.97 <= high
    assert hits["groups"] / trials >= 0.9
    assert hits["middle"] < hits["groups"]
    assert hits["rows"] / trials <= 0.75
