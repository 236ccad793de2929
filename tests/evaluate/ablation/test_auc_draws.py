import numpy as np
import pytest

from evaluate.ablation import auc_draws
from evaluate.ablation.auc_draws import AucDraws
from evaluate.bootstrap import bootstrap
from evaluate.intervals import group_draws
from evaluate.metrics import auc


def some_rows(seed: int, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with ties, and groups that hold one class, both, or some of each"""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [30, 50])
    groups = rng.integers(0, 20, 80)
    if kind == "apart":
        groups += 100 * labels
    if kind == "partly":
        groups += 100 * labels * (groups % 2)
    return labels, rng.integers(0, 25, 80) / 25 + 0.2 * labels, groups.astype(str)


@pytest.mark.parametrize("kind", ["mixed", "apart", "partly"])
@pytest.mark.parametrize("exact", [2**24, 0], ids=["float32", "float64"])
def test_draws_are_those_of_the_bootstrap(kind: str, exact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auc_draws, "EXACT", exact)
    labels, scores, groups = some_rows(1, kind)
    draws = group_draws(groups, labels, 1500)
    keep = np.isin(groups, np.unique(groups)[::2])  # a cell may hold some of the groups that are drawn
    for rows in (keep, np.ones(80, bool)):
        one = labels[rows], scores[rows], groups[rows]
        found = AucDraws(draws)(*one)
        assert found[0] == auc(*one[:2])
        np.testing.assert_allclose(found[1:], bootstrap(*one, draws)["auc"], rtol=0, atol=1e-12)


def test_too_many_pairs_fall_back_to_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores, groups = some_rows(2, "mixed")
    draws = group_draws(groups, labels, 50)
    monkeypatch.setattr(auc_draws, "MOST_PAIRS", 0)
    monkeypatch.setattr(AucDraws, "_drawn", None)  # not asked
    found = AucDraws(draws)(labels, scores, groups)
    np.testing.assert_array_equal(found[1:], bootstrap(labels, scores, groups, draws)["auc"])


def test_draws_without_a_class_do_not_count() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    draws = group_draws(np.array(["a", "b", "c", "d"]), labels, 200)
    groups = np.array(["a", "b", "c", "d"])
    kept = np.array([0, 1, 2])
    assert np.isnan(AucDraws(draws)(labels[kept], scores[kept], groups[kept])[1:]).all()  # one group of fakes
    wide = group_draws(np.array(list("abcdefgh")), np.repeat([0, 1], 4), 200)
    some = np.array(["a", "b", "e", "f"])
    found = AucDraws(wide)(labels, scores, some)[1:]
    np.testing.assert_allclose(found, bootstrap(labels, scores, some, wide)["auc"], atol=1e-12)
    assert 0 < np.isnan(found).sum() < 200


def test_groups_that_were_not_drawn_from_are_refused() -> None:
    labels, scores, groups = some_rows(3, "mixed")
    with pytest.raises(KeyError, match="not among those drawn"):
        AucDraws(group_draws(groups, labels, 5))(labels, scores, np.full(80, "zz"))
