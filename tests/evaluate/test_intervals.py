"""Groups are drawn whole, within their composition; weighted statistics equal repeated rows; intervals cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.bootstrap import bootstrap
from evaluate.intervals import GroupDraws, group_draws, interval, lost_draws
from evaluate.metrics import auc, eer

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, *_ in rows}) == 2
)


def arrays(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores, groups = zip(*rows, strict=True)
    return np.array(labels), np.array(scores, float), np.array([f"g{group}" for group in groups])


@given(ROWS)
def test_each_composition_keeps_its_number_of_groups(rows: list[tuple[int, int, int]]) -> None:
    labels, _, groups = arrays(rows)
    draws = group_draws(groups, labels, 50)
    kinds = {name: frozenset(labels[groups == name].tolist()) for name in draws.names}
    for kind in set(kinds.values()):
        members = [at for at, name in enumerate(draws.names) if kinds[name] == kind]
        assert (draws.multiplicities[:, members].sum(axis=1) == len(members)).all()


@given(ROWS)
def test_draws_depend_on_groups_and_seed_alone(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, groups = arrays(rows)
    order = np.random.default_rng(0).permutation(len(labels))
    here = bootstrap(labels, scores, groups, group_draws(groups, labels, 30), ("auc", "eer"))
    there = group_draws(groups[order], labels[order], 30)
    shuffled = bootstrap(labels[order], scores[order], groups[order], there, ("auc", "eer"))
    for name in here:
        np.testing.assert_array_equal(here[name], shuffled[name])


def test_the_seed_matters() -> None:
    groups, labels = np.array([f"g{at}" for at in range(20)]), np.arange(20) % 2
    first, second = (group_draws(groups, labels, 10, seed).multiplicities for seed in (0, 1))
    assert (first != second).any()


@given(ROWS)
def test_a_draw_is_the_rows_repeated(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, groups = arrays(rows)
    rng = np.random.default_rng(0)
    names = np.unique(groups)
    draws = GroupDraws(rng.integers(0, 3, (20, len(names))).astype(float), names)
    values = bootstrap(labels, scores, groups, draws, ("auc", "eer"))
    for at, multiplicities in enumerate(draws.multiplicities):
        times = multiplicities[np.searchsorted(names, groups)].astype(int)
        repeated = np.repeat(labels, times), np.repeat(scores, times)
        lonely = any(len(np.unique(groups[labels == label])) < 2 for label in (0, 1))
        if lonely or len(np.unique(repeated[0])) < 2:
            assert np.isnan(values["auc"][at]) and np.isnan(values["eer"][at])
        else:
            assert values["auc"][at] == pytest.approx(auc(*repeated), abs=1e-12)
            assert values["eer"][at] == pytest.approx(eer(*repeated), abs=1e-12)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.arange(60) % 2, rng.random(60)
    groups = np.array([f"g{at // 4}" for at in range(60)])
    draws = group_draws(groups, labels, 100)
    whole = bootstrap(labels, scores, groups, draws, ("auc", "eer"))
    monkeypatch.setattr("evaluate.bootstrap.CHUNK", 500)
    np.testing.assert_array_equal(bootstrap(labels, scores, groups, draws, ("auc", "eer"))["auc"], whole["auc"])


def test_cells_share_the_draws_of_a_larger_table() -> None:
    draws = GroupDraws(np.array([[2.0, 0.0, 1.0, 0.0]]), np.array(["a", "b", "c", "d"]))
    labels, scores, groups = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.0, 0.5]), np.array(["a", "a", "c", "d"])
    value = bootstrap(labels, scores, groups, draws, ("auc", "eer"))["auc"]
    assert value.tolist() == [pytest.approx(2 / 3)]  # two of the three fakes drawn lie above the real
    with pytest.raises(KeyError):
        bootstrap(labels, scores, np.array(["a", "a", "c", "e"]), draws, ("auc", "eer"))


def test_a_class_of_a_single_group_has_no_interval() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    groups = np.array(["a", "b", "c", "c"])
    values = bootstrap(labels, scores, groups, group_draws(groups, labels, 20), ("auc", "eer"))["auc"]
    assert np.isnan(values).all() and lost_draws(values) == 0
    groups[3] = "d"
    assert not np.isnan(bootstrap(labels, scores, groups, group_draws(groups, labels, 20), ("auc", "eer"))["auc"]).any()


def test_lost_draws() -> None:
    assert lost_draws(np.array([0.5, np.nan, 0.7])) == 1


def test_interval_is_the_middle_95_percent() -> None:
    assert interval(np.append(np.arange(1001.0), np.nan)) == {"low": 25.0, "high": 975.0}


def test_no_interval_from_the_lesser_part_of_the_draws() -> None:
    assert interval(np.array([0.5, 0.5, np.nan, np.nan]))["low"] == 0.5
    assert interval(np.array([0.5, np.nan, np.nan])) == {"low": None, "high": None}


def test_intervals_over_groups_cover_and_intervals_over_rows_do_not() -> None:
    rng = np.random.default_rng(0)
    truth = 0.7602  # Phi(1 / sqrt(2)): two normals of variance 1 (0.9 + 0.1), one apart
    hits = {"groups": 0, "rows": 0}
    trials = 80
    for trial in range(trials):
        labels = np.repeat(np.arange(60) % 2, 8)
        scores = np.repeat(rng.normal(scale=0.9**0.5, size=60), 8) + rng.normal(scale=0.1**0.5, size=480) + labels
        for kind, groups in (("groups", np.arange(480) // 8), ("rows", np.arange(480))):
            draws = group_draws(groups.astype(str), labels, 200, seed=trial)
            drawn = bootstrap(labels, scores, groups.astype(str), draws, ("auc",))["auc"]
            ends = interval(drawn)
            hits[kind] += ends["low"] <= truth <= ends["high"]
    assert hits["groups"] / trials >= 0.88
    assert hits["rows"] / trials <= 0.7
