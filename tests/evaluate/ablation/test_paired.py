import numpy as np
import pytest

from evaluate.ablation.auc_draws import AucDraws
from evaluate.ablation.paired import NO_TEST, NO_VIDEOS, OTHER_LABELS, Measured, Part, correct, difference, nothing
from evaluate.compare import differences, judged
from evaluate.intervals import group_draws

NAMES = np.array([f"v{at:02d}" for at in range(40)])
LABELS = np.tile([0, 1], 20)
GROUPS = np.array([f"g{at // 2:02d}" for at in range(40)])
DRAWS = AucDraws(group_draws(GROUPS, LABELS, 400))


def measured(scores: np.ndarray, rows: slice = slice(None), labels: np.ndarray = LABELS) -> Measured:
    part = Part(NAMES[rows], labels[rows], scores[rows], GROUPS[rows])
    return Measured({"FaceSwap": part}, {"FaceSwap": DRAWS(part.labels, part.scores, part.groups)})


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(size=40) + LABELS


def test_it_is_the_paired_difference_of_compare(scores: np.ndarray) -> None:
    other = scores + LABELS
    found = difference(measured(scores), measured(other), ["FaceSwap"], DRAWS)
    expected = judged(differences(LABELS, scores, other, GROUPS, DRAWS.draws))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert (found["n_common"], found["left_out"], found["few_groups"], found["why"]) == (40, (0, 0), False, None)


def test_equal_scores_differ_by_nothing(scores: np.ndarray) -> None:
    found = difference(measured(scores), measured(scores.copy()), ["FaceSwap"], DRAWS)
    assert (found["value"], found["low"], found["high"], found["p"]) == (0, 0, 0, 1)


def test_only_videos_that_both_have_count(scores: np.ndarray) -> None:
    first, second = measured(scores, slice(0, 30)), measured(scores + LABELS, slice(10, 40))
    found = difference(first, second, ["FaceSwap"], DRAWS)
    both = slice(10, 30)
    alone = difference(measured(scores, both), measured(scores + LABELS, both), ["FaceSwap"], DRAWS)
    assert found == {**alone, "left_out": (10, 10)}
    assert found["few_groups"] and found["n_common"] == 20


def test_what_cannot_be_compared_says_why(scores: np.ndarray) -> None:
    one = measured(scores)
    assert difference(one, one, [], DRAWS) == nothing(NO_TEST)
    turned = difference(one, measured(scores, labels=1 - LABELS), ["FaceSwap"], DRAWS)
    assert turned["why"] == f"FaceSwap: {OTHER_LABELS}"
    apart = difference(measured(scores, slice(0, 10)), measured(scores, slice(20, 40)), ["FaceSwap"], DRAWS)
    assert (apart["value"], apart["why"]) == (None, f"FaceSwap: {NO_VIDEOS}")


def test_holm_counts_every_declared_comparison() -> None:
    told = [nothing("") | {"p": p} for p in (0.01, None, 0.02)]
    correct(told, 5)
    assert [one["p_holm"] for one in told] == [pytest.approx(0.05), None, pytest.approx(0.08)]
    assert {one["comparisons"] for one in told} == {5}
