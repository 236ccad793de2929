"""Differences are paired, their p-values hold what they promise, and a family of them is corrected."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.compare import differences, holm, judged, p_value, sentence
from evaluate.intervals import GroupDraws, group_draws
from evaluate.metrics import auc, eer

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 4), st.integers(0, 5)), min_size=4, max_size=40
).filter(lambda rows: all(len({group for label, *_, group in rows if label == of}) > 1 for of in (0, 1)))
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
RECORD = {"first": "V1", "second": "V2", "value": 0.0672, "low": -0.0912, "high": 0.2088, "p": 0.41, "p_holm": 0.41}
RECORD |= {"comparisons": 1, "draws": 1000, "few_groups": False}


def arrays(rows: list[tuple[int, int, int, int]]) -> tuple[np.ndarray, ...]:
    labels, first, second, groups = (np.array(column) for column in zip(*rows, strict=True))
    return labels, first.astype(float), second.astype(float), groups.astype(str)


@settings(max_examples=20)
@given(ROWS)
def test_a_draw_has_both_scores_of_the_same_repeated_rows(rows: list[tuple[int, int, int, int]]) -> None:
    labels, first, second, groups = arrays(rows)
    draws = group_draws(groups, labels, 15)
    for metric, function in (("auc", auc), ("eer", eer)):
        values = differences(labels, first, second, groups, draws, metric)
        assert values[0] == pytest.approx(function(labels, second) - function(labels, first), abs=1e-12)
        for value, multiplicities in zip(values[1:], draws.multiplicities, strict=True):
            rows_ = np.repeat(np.arange(len(labels)), multiplicities[draws.columns(groups)].astype(int))
            one, two = (function(labels[rows_], scores[rows_]) for scores in (first, second))
            assert value == pytest.approx(two - one, abs=1e-9)


@settings(max_examples=30)
@given(ROWS)
def test_the_other_way_round_is_the_negative(rows: list[tuple[int, int, int, int]]) -> None:
    labels, first, second, groups = arrays(rows)
    draws = group_draws(groups, labels, 40)
    there = differences(labels, first, second, groups, draws)
    back = differences(labels, second, first, groups, draws)
    np.testing.assert_allclose(there, -back, atol=1e-12)
    assert judged(there)["p"] == judged(back)["p"]


def test_equal_rankings_have_no_difference_at_all() -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.arange(80) % 2, rng.random(80)
    groups = np.array([f"g{at // 2}" for at in range(80)])
    found = judged(differences(labels, scores, np.exp(3 * scores), groups, group_draws(groups, labels, 100)))
    assert found == {"value": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "lost_draws": 0}


def test_pairing_narrows_what_lies_between() -> None:
    """Two scores of nearly the same noise: each AUC is uncertain, which of them is higher is not."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    groups = np.arange(120).astype(str)
    first = labels + rng.normal(size=120)
    second = first + 0.15 * labels
    draws = group_draws(groups, labels, 300)
    paired = judged(differences(labels, first, second, groups, draws))
    assert 0 < paired["low"] < paired["value"] < paired["high"] < 0.1 and paired["p"] < 0.01
    apart = GroupDraws(np.roll(draws.multiplicities, 1, axis=0), draws.names)
    one = differences(labels, np.zeros(120), first, groups, apart)
    two = differences(labels, np.zeros(120), second, groups, draws)
    unpaired = judged(two - one)
    assert unpaired["high"] - unpaired["low"] > 4 * (paired["high"] - paired["low"]) and unpaired["low"] < 0


def test_p_value_by_hand() -> None:
    assert p_value(np.array([0.1] * 8 + [-0.1])) == 2 * 2 / 10
    assert p_value(np.array([0.1] * 19)) == 2 / 20  # never 0: one more draw might have been on the other side
    assert p_value(np.array([-0.1] * 19)) == 2 / 20
    assert p_value(np.array([0.1, 0.0, 0.0, -0.1])) == 1.0  # 0 counts on both sides
    assert p_value(np.array([0.1] * 9 + [1e-17] * 10)) == 1.0  # rounding is 0
    assert p_value(np.array([0.1] * 8 + [-0.1] + [np.nan] * 9)) == 2 * 2 / 10
    assert p_value(np.array([0.1] * 9 + [np.nan] * 10)) is None


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_p_value_keeps_its_bounds_and_ignores_the_sign(values: list[float]) -> None:
    drawn = np.array(values)
    p = p_value(drawn)
    assert p is not None and 2 / (len(values) + 1) <= p + 1e-12 and p <= 1
    assert p == p_value(-drawn)


def test_p_value_and_interval_tell_the_same() -> None:
    values = np.linspace(-0.021, 0.979, 1000)
    assert p_value(values) < 0.05 and judged(np.append(0.5, values))["low"] > 0
    values = np.linspace(-0.03, 0.97, 1000)
    assert p_value(values) > 0.05 and judged(np.append(0.5, values))["low"] < 0


def test_holm_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, then 0.03 x 2; 0.04 x 1 would be less than the one before it, and is raised to it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(P_VALUES, st.randoms())
def test_holm_lies_between_the_p_value_and_bonferroni(values: list[float], random: Random) -> None:
    corrected = holm(values)
    order = sorted(range(len(values)), key=values.__getitem__)
    for p, after in zip(values, corrected, strict=True):
        assert p - 1e-12 <= after <= min(1.0, len(values) * p) + 1e-12
    assert [corrected[at] for at in order] == sorted(corrected)
    shuffled = list(range(len(values)))
    random.shuffle(shuffled)
    assert holm([values[at] for at in shuffled]) == pytest.approx([corrected[at] for at in shuffled])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "V1 vs V2: +0.067 [-0.09, +0.21], not significant"),
        ({"low": 0.01, "p": 0.012, "p_holm": 0.012}, "V1 vs V2: +0.067 [+0.01, +0.21], significant (p = 0.012)"),
        (
            {"low": 0.01, "p": 0.002, "p_holm": 0.012, "comparisons": 6},
            "V1 vs V2: +0.067 [+0.01, +0.21], significant after Holm (p = 0.012, 6 comparisons)",
        ),
        (
            {"low": 0.01, "p": 0.014, "p_holm": 0.084, "comparisons": 6},
            "V1 vs V2: +0.067 [+0.01, +0.21], not significant after Holm (p = 0.084, 6 comparisons)",
        ),
        (
            {"low": 0.01, "p": 2 / 1001, "p_holm": 0.384, "comparisons": 192},
            "V1 vs V2: +0.067 [+0.01, +0.21], open: 1,000 draws cannot tell after Holm (p = 0.384, 192 comparisons)",
        ),
        (
            {"value": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "p_holm": 1.0},
            "V1 vs V2: 0.000 [0.00, 0.00], no difference",
        ),
        ({"few_groups": True}, "V1 vs V2: +0.067 [-0.09, +0.21], not significant, too few groups to trust"),
        ({"low": None, "high": None, "p": None, "p_holm": None}, "V1 vs V2: +0.067, no interval"),
        ({"value": None}, "V1 vs V2: nothing to compare, for they share no samples of both classes"),
    ],
)
def test_sentences(changed: dict[str, object], told: str) -> None:
    assert sentence(RECORD | changed) == told


def test_it_rejects_as_often_as_it_says_and_frames_drawn_one_by_one_do_not() -> None:
    """Two scores of equal merit, eight frames to a video, the videos' own noise not shared."""
    rng = np.random.default_rng(0)
    labels, videos = np.repeat(np.arange(50) % 2, 8), np.repeat(np.arange(50), 8).astype(str)
    hits = {"videos": 0, "frames": 0}
    trials = 120
    for trial in range(trials):
        common = labels + np.repeat(rng.normal(scale=0.8, size=50), 8)
        first, second = (common + np.repeat(rng.normal(scale=0.4, size=50), 8) for _ in range(2))
        for kind, groups in (("videos", videos), ("frames", np.arange(400).astype(str))):
            p = p_value(differences(labels, first, second, groups, group_draws(groups, labels, 100, seed=trial))[1:])
            hits[kind] += p is not None and p < 0.05
    assert hits["videos"] / trials <= 0.11
    assert hits["frames"] / trials >= 0.3
