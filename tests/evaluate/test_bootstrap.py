"""What is drawn of a metric is the metric of the rows repeated as often as drawn, for every metric there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from evaluate.bootstrap import bootstrap
from evaluate.intervals import GroupDraws, group_draws, lost_draws
from evaluate.metrics import METRICS

Row = tuple[int, int, int]
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, *_ in rows}) == 2
)
CUT = 0.5
DRAWABLE = {name: metric for name, metric in METRICS.items() if metric.drawn}


def arrays(rows: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores in eighths: many tie, some are 0 or 1, and CUT is one of them."""
    labels, scores, groups = zip(*rows, strict=True)
    return np.array(labels), np.array(scores) / 8, np.array([f"g{group}" for group in groups])


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_a_draw_is_the_rows_repeated(rows: list[Row]) -> None:
    labels, scores, groups = arrays(rows)
    names = np.unique(groups)
    draws = GroupDraws(np.random.default_rng(0).integers(0, 3, (4, len(names))), names)
    values = bootstrap(labels, scores, groups, draws, list(DRAWABLE), CUT)
    lonely = any(len(np.unique(groups[labels == label])) < 2 for label in (0, 1))
    for at, multiplicities in enumerate(draws.multiplicities):
        times = multiplicities[np.searchsorted(names, groups)]
        y, s = np.repeat(labels, times), np.repeat(scores, times)
        for name, metric in DRAWABLE.items():
            if lonely or len(np.unique(y)) < 2:
                assert np.isnan(values[name][at])
            else:
                expected = metric.function(y, s >= CUT if metric.reads == "decisions" else s)
                assert values[name][at] == pytest.approx(expected, abs=1e-12), name


@settings(max_examples=40)
@given(ROWS)
def test_everything_drawn_once_is_the_value(rows: list[Row]) -> None:
    labels, scores, _ = arrays(rows)
    groups = np.arange(len(labels)).astype(str)  # at two rows a class, none is lonely
    names = np.unique(groups)
    drawn = bootstrap(labels, scores, groups, GroupDraws(np.ones((1, len(names)), int), names), list(DRAWABLE), CUT)
    if min(np.bincount(labels)) > 1:
        for name, metric in DRAWABLE.items():
            given_ = scores >= CUT if metric.reads == "decisions" else scores
            assert drawn[name][0] == pytest.approx(metric.function(labels, given_), abs=1e-12)


@settings(max_examples=40)
@given(ROWS)
def test_draws_depend_on_groups_and_seed_alone(rows: list[Row]) -> None:
    labels, scores, groups = arrays(rows)
    order = np.random.default_rng(0).permutation(len(labels))
    ranking = [name for name, metric in DRAWABLE.items() if metric.reads != "probabilities"]
    here = bootstrap(labels, scores, groups, group_draws(groups, labels, 30), ranking, CUT)
    there = group_draws(groups[order], labels[order], 30)
    shuffled = bootstrap(labels[order], scores[order], groups[order], there, ranking, CUT)
    for name in here:
        np.testing.assert_array_equal(here[name], shuffled[name])


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.arange(60) % 2, rng.random(60)
    groups = np.array([f"g{at // 4}" for at in range(60)])
    draws = group_draws(groups, labels, 101)
    whole = bootstrap(labels, scores, groups, draws, list(DRAWABLE), CUT)
    monkeypatch.setattr("evaluate.drawn_curves.CHUNK", 500)
    for module in ("decisions", "reliability"):
        monkeypatch.setattr(f"evaluate.{module}.BATCH", 7)
    for name, values in bootstrap(labels, scores, groups, draws, list(DRAWABLE), CUT).items():
        np.testing.assert_allclose(values, whole[name], atol=1e-15)


def test_cells_share_the_draws_of_a_larger_table() -> None:
    draws = GroupDraws(np.array([[2, 0, 1, 0]]), np.array(["a", "b", "c", "d"]))
    labels, scores, groups = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.0, 0.5]), np.array(["a", "a", "c", "d"])
    value = bootstrap(labels, scores, groups, draws, ("auc", "eer"))["auc"]
    assert value.tolist() == [pytest.approx(2 / 3)]  # two of the three fakes drawn lie above the real
    with pytest.raises(KeyError):
        bootstrap(labels, scores, np.array(["a", "a", "c", "e"]), draws, ("auc", "eer"))


def test_a_class_of_a_single_group_has_no_interval() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    groups = np.array(["a", "b", "c", "c"])
    values = bootstrap(labels, scores, groups, group_draws(groups, labels, 20), list(DRAWABLE), CUT)
    assert all(np.isnan(drawn).all() and lost_draws(drawn) == 0 for drawn in values.values())
    groups[3] = "d"
    values = bootstrap(labels, scores, groups, group_draws(groups, labels, 20), list(DRAWABLE), CUT)
    assert not any(np.isnan(drawn).any() for drawn in values.values())


def test_what_cannot_be_drawn_is_refused() -> None:
    labels, scores, groups = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 1.5]), np.array(list("abcd"))
    draws = group_draws(groups, labels, 5)
    with pytest.raises(ValueError, match="at a threshold"):
        bootstrap(labels, scores, groups, draws, ["recall"])
    with pytest.raises(InputError, match="unknown metric 'acu'; known: accuracy, auc"):
        bootstrap(labels, scores, groups, draws, ["acu"])
    with pytest.raises(InputError, match="a probability lies in 0 to 1"):
        bootstrap(labels, scores, groups, draws, ["brier_score"])
    with pytest.raises(InputError, match="unknown metric 'ece'"):
        bootstrap(labels, scores, groups, draws, ["ece"])  # no interval comes of its draws
    with pytest.raises(InputError, match="0 real and 4 fake"):
        bootstrap(np.ones(4, int), scores, groups, draws)
