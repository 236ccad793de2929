"""How much of a map lies in the face, how far two maps agree, and means with intervals of whole groups."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.compare import holm
from evaluate.saliency import (
    COLUMNS,
    UNLABELLED,
    Explanation,
    agreement,
    beyond_reference,
    concentration,
    mean_concentration,
    paired_difference,
    paired_differences,
    saliency_table,
)

NO_BOX = (np.nan,) * 4
SIZE = (112, 112)


def explanation(number: int = 0, **changed: Any) -> Explanation:
    """A fake called fake whose face is the upper left quarter."""
    stated = {
        "sample_id": f"FF++/c23/FaceSwap/{number:03d}/0",
        "video_id": f"FF++/c23/FaceSwap/{number:03d}",
        "group": f"g{number}",
        "manipulation": "FaceSwap",
        "label": 1,
        "score": 0.8,
        "threshold": 0.5,
        "square": np.zeros((*SIZE, 3), np.uint8),
        "box": (0.0, 0.0, 56.0, 56.0),
        "maps": {"gradient": quarter(3), "occlusion": quarter(1)},
        "reference": quarter(1),
        "prompts": [],
    }
    return Explanation(**{**stated, **changed})


def quarter(weight: float) -> np.ndarray:
    """A map of ones, ``weight`` in the upper left quarter; a concentration of 4 w / (w + 3) there."""
    values = np.ones((14, 14))
    values[:7, :7] = weight
    return values


def test_concentration_by_hand() -> None:
    """Of one cell, which the box cuts in half; the box is a 1/392th of the square."""
    values = np.zeros((14, 14))
    values[3, 5] = -2
    inside, share = concentration(values, (40, 24, 44, 32), SIZE)
    assert share == pytest.approx(1 / 392) and inside == pytest.approx(392 / 2)


def test_what_speaks_for_real_counts_like_what_speaks_for_fake() -> None:
    values = np.random.default_rng(0).normal(size=(14, 14))
    box = (10, 20, 60, 90)
    assert concentration(values, box, SIZE) == concentration(-values, box, SIZE)
    assert concentration(values, box, SIZE) == pytest.approx(concentration(7 * np.abs(values), box, SIZE))


@given(
    st.tuples(st.floats(0, 110), st.floats(0, 110)),
    st.tuples(st.floats(1, 112), st.floats(1, 112)),
    st.sampled_from([(14, 14), (7, 13)]),
)
def test_an_even_map_has_1_in_any_box(corner: tuple[float, float], extent: tuple[float, float], grid: Any) -> None:
    box = (*corner, *(min(112.0, at + by) for at, by in zip(corner, extent, strict=True)))
    inside, share = concentration(np.full(grid, 0.3), box, SIZE)
    assert inside == pytest.approx(1)
    assert share == pytest.approx((box[2] - box[0]) * (box[3] - box[1]) / 112**2)


def test_box_and_rest_make_up_the_whole() -> None:
    """Of a square that is no square, cut across: the shares of mass add up to 1."""
    values = np.random.default_rng(1).normal(size=(14, 14))
    parts = [concentration(values, box, (100, 60)) for box in ((0, 0, 60, 33), (0, 33, 60, 100))]
    assert sum(inside * share for inside, share in parts) == pytest.approx(1)
    assert sum(share for _, share in parts) == pytest.approx(1)


def test_without_box_or_mass_there_is_no_number() -> None:
    assert np.isnan(concentration(np.ones((14, 14)), NO_BOX, SIZE)).all()
    inside, share = concentration(np.zeros((14, 14)), (0, 0, 56, 56), SIZE)
    assert np.isnan(inside) and share == 1 / 4


def test_agreement_goes_by_ranks() -> None:
    values = np.random.default_rng(2).normal(size=(14, 14))
    assert agreement(values, np.exp(3 * values)) == pytest.approx(1)
    assert agreement(values, -values) == pytest.approx(-1)
    assert np.isnan(agreement(values, np.ones((14, 14))))


@pytest.mark.parametrize(
    ("label", "score", "kind"),
    [(0, 0.5, "false_positive"), (1, 0.4, "false_negative"), (1, 0.9, "true_positive"), (0, 0.1, "true_negative"),
     (-1, 0.9, UNLABELLED)],
)  # fmt: skip
def test_kinds(label: int, score: float, kind: str) -> None:
    assert explanation(label=label, score=score).kind == kind


def test_the_table_by_hand() -> None:
    table = saliency_table({"a": [explanation(0), explanation(1, box=NO_BOX)], "b": [explanation(0, reference=None)]})
    assert tuple(table) == COLUMNS and len(table) == 6
    first = table.iloc[0]
    assert (first["run"], first["method"], first["kind"]) == ("a", "gradient", "true_positive")
    assert first["concentration"] == pytest.approx(2) and first["reference"] == pytest.approx(1)
    assert np.isnan(first["agreement"]), "one of the maps is even"
    assert table.loc[2:3, ["concentration", "box_share"]].isna().all(axis=None)
    assert table.loc[4:5, "reference"].isna().all()


def test_means_and_intervals_of_whole_groups() -> None:
    """Two groups, of three samples and of one: each mean that a draw can have, and the middle of them."""
    weights = {0: 1.0, 1: 1.0, 2: 1.0, 3: 9.0}  # concentrations 1, 1, 1 and 3
    ones = [explanation(n, group="b" if n == 3 else "a", maps={"gradient": quarter(w)}) for n, w in weights.items()]
    table = saliency_table({"a": ones})
    found = mean_concentration(table, "a", "gradient")
    assert found is not None
    assert (found["value"], found["low"], found["high"]) == pytest.approx((1.5, 1.0, 3.0))
    assert (found["few_groups"], found["samples"], found["groups"]) == (True, 4, 2)
    beyond = beyond_reference(table, "a", "gradient")
    assert beyond is not None and beyond["value"] == pytest.approx(0.5)
    assert mean_concentration(table, "a", "occlusion") is None


def test_one_group_has_no_interval_and_no_box_no_mean() -> None:
    found = mean_concentration(saliency_table({"a": [explanation(0)]}), "a", "gradient")
    assert found is not None and (found["value"], found["low"], found["high"]) == (pytest.approx(2), None, None)
    assert mean_concentration(saliency_table({"a": [explanation(0, box=NO_BOX)]}), "a", "gradient") is None


def test_twenty_groups_are_enough() -> None:
    table = saliency_table({"a": [explanation(n, maps={"gradient": quarter(1 + n)}) for n in range(20)]})
    found = mean_concentration(table, "a", "gradient")
    assert found is not None and not found["few_groups"]
    assert found["low"] < found["value"] < found["high"]


def test_differences_are_paired() -> None:
    """Samples differ far more than runs do: unpaired, nothing would be seen."""
    random = np.random.default_rng(3)
    weights = random.uniform(1, 20, 25)
    runs = {
        name: [explanation(n, maps={"gradient": quarter(w + lift)}) for n, w in enumerate(weights)]
        for name, lift in (("a", 1.0), ("b", 0.0))
    }
    table = saliency_table(runs)
    found = paired_difference(table, "a", "b", "gradient")
    assert found is not None and 0 < found["low"] < found["value"] < found["high"] < 0.3
    means = [mean_concentration(table, name, "gradient") for name in runs]
    assert found["value"] == pytest.approx(means[0]["value"] - means[1]["value"])
    assert means[0]["low"] < means[1]["value"], "their own intervals overlap"
    mirrored = paired_difference(table, "b", "a", "gradient")
    assert mirrored is not None and mirrored["low"] == pytest.approx(-found["high"])
    assert paired_difference(saliency_table({"a": runs["a"][:3], "b": runs["b"][3:]}), "a", "b", "gradient") is None


def test_differences_are_of_the_same_sample_and_not_of_the_same_group() -> None:
    """Two samples of one group, the second much further in the face: crossed pairs would count, too."""
    runs = {
        name: [explanation(n, group="one", maps={"gradient": quarter(w)}) for n, w in enumerate(weights)]
        for name, weights in {"a": (3.0, 9.0), "b": (1.0, 3.0)}.items()
    }  # concentrations 2 and 3, and 1 and 2
    found = paired_difference(saliency_table(runs), "a", "b", "gradient")
    assert found is not None and (found["value"], found["samples"]) == (pytest.approx(1), 2)
    fewer = paired_difference(saliency_table(runs | {"b": runs["b"][1:]}), "a", "b", "gradient")
    assert fewer is not None and (fewer["value"], fewer["samples"]) == (pytest.approx(1), 1)


def test_many_differences_are_corrected_for_their_number() -> None:
    """Three runs by two methods; a fourth has other samples and is compared with none."""
    random = np.random.default_rng(4)
    runs = {
        name: [
            explanation(n, maps={"gradient": quarter(w + lift), "occlusion": quarter(2 + random.normal(scale=0.3))})
            for n, w in enumerate(random.uniform(2, 4, 20))
        ]
        for name, lift in (("a", 0.0), ("b", 0.3), ("c", 2.0))
    }
    table = saliency_table(runs | {"d": [explanation(50)]})
    found = paired_differences(table)
    assert [(one["run"], one["other"]) for one in found] == [(*pair,) for pair in ("ab", "ab", "ac", "ac", "bc", "bc")]
    for one in found:
        alone = paired_difference(table, one["run"], one["other"], one["method"])
        assert alone is not None and {key: one[key] for key in alone} == alone
        assert (one["low"] > 0 or one["high"] < 0) == (one["p"] < 0.05)
    assert [one["p_holm"] for one in found] == holm([one["p"] for one in found])
    assert found[2]["p_holm"] == pytest.approx(6 * 2 / 1001), "the smallest there is, times six"
    lonely = paired_differences(saliency_table({name: [explanation(0)] for name in "ab"}))
    assert [one["p_holm"] for one in lonely] == [None, None], "a single group has neither interval nor p"
