from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.ablation.drawn import Drawn, DrawnCell, DrawnGrid
from evaluate.ablation.effects import Effect, effects, is_nested, marginal_means
from evaluate.ablation.folder import CellResult, GridFolder

NOISE = np.array([0.0, -0.02, -0.01, 0.0, 0.01, 0.02])


def cell(axes: dict[str, Any], fold: float | None = None, state: str = "done", **tests: float) -> DrawnCell:
    """A cell with these AUCs, all of them counted"""
    drawn = {name: Drawn(value + NOISE, False) for name, value in tests.items()}
    key = " ".join(map(str, axes.values()))
    result = CellResult(key, axes, state, None, {}, {}, None)
    out_of_fold = None if fold is None else Drawn(fold + NOISE, False)
    return DrawnCell(result, drawn, dict.fromkeys(tests, False), tuple(tests), out_of_fold, {})


def effect_of(axis: str, cells: list[DrawnCell], baseline: int | None = 0) -> Effect:
    axes = tuple(dict.fromkeys(name for one in cells for name in one.cell.axes))
    base = None if baseline is None else cells[baseline].cell.key
    grid = GridFolder(Path("."), "trial", "", axes, base, tuple(one.cell for one in cells), ())
    return next(one for one in effects(DrawnGrid(grid, tuple(cells), True)) if one.axis == axis)


def means(effect: Effect) -> dict[str, float]:
    return {name: float(one.values[0]) for name, one in effect.marginals.means.items() if one}


def test_means_are_over_the_combinations_that_all_values_have() -> None:
    cells = [
        cell({"head": "a", "frames": 1}, 0.9, A=0.60, B=0.70),
        cell({"head": "a", "frames": 8}, 0.8, A=0.80, B=0.80),
        cell({"head": "b", "frames": 1}, 0.7, A=0.50, B=0.60),
        cell({"head": "b", "frames": 8}, 0.6, A=0.70, B=0.80),
        cell({"head": "a", "frames": 32}, 0.5, A=0.99, B=0.99),  # b has no such cell
    ]
    found = effect_of("head", cells)
    assert means(found) == pytest.approx({"a": (0.65 + 0.80) / 2, "b": (0.55 + 0.75) / 2})
    assert found.marginals.combinations == 2 and found.marginals.cells == {"a": 2, "b": 2}
    folds = {name: one.values[0] for name, one in found.marginals.out_of_fold.items() if one}
    assert folds == pytest.approx({"a": 0.85, "b": 0.65})
    assert found.reference == "a" and found.differences["a"] is None
    less = found.differences["b"]
    assert less and less["value"] == pytest.approx(-0.075) and less["low"] == pytest.approx(-0.075)  # paired draws
    assert found.ends == ("b", "a") and found.spread and found.spread["value"] == pytest.approx(0.075)
    frames = effect_of("frames", cells)
    assert means(frames) == pytest.approx({"1": 0.65, "8": 0.80, "32": 0.99})
    assert frames.marginals.combinations == 1  # a alone has 32 frames


def test_the_reference_is_the_value_of_the_baseline() -> None:
    cells = [cell({"head": name}, A=0.5) for name in "abc"]
    assert [effect_of("head", cells, baseline).reference for baseline in (2, None)] == ["c", "a"]


def test_parameters_of_a_head_are_averaged_within_it() -> None:
    cells = [
        cell({"head": "logistic", "logistic.C": 0.1}, A=0.6),
        cell({"head": "logistic", "logistic.C": 1}, A=0.8),
        cell({"head": "knn", "logistic.C": None}, A=0.5),
    ]
    found = effect_of("head", cells)
    assert means(found) == pytest.approx({"logistic": 0.7, "knn": 0.5})
    assert found.marginals.combinations == 1
    parameter = effect_of("logistic.C", cells)
    assert means(parameter) == pytest.approx({"0.1": 0.6, "1": 0.8})  # what has no value is left out
    assert is_nested("logistic.C", "head") and not is_nested("logistic.C", "seed") and not is_nested("seed", "head")


def test_axes_that_vary_together_are_not_balanced() -> None:
    cells = [cell({"head": "a", "frames": 1}, A=0.6), cell({"head": "b", "frames": 8}, A=0.8)]
    found = effect_of("head", cells)
    assert found.marginals.combinations == 0 and found.ends is None and found.spread is None
    assert means(found) == pytest.approx({"a": 0.6, "b": 0.8})


def test_means_are_over_manipulations_that_count_for_all_values() -> None:
    cells = [
        cell({"train": "C"}, A=0.6, B=0.8),
        cell({"train": "B+C"}, A=0.7),
    ]
    found = effect_of("train", cells)
    assert means(found) == pytest.approx({"C": 0.6, "B+C": 0.7}) and found.marginals.same_tests
    assert found.differences["B+C"] == pytest.approx({"value": 0.1, "low": 0.1, "high": 0.1, "few_groups": False})


def test_values_without_a_manipulation_in_common_are_compared_two_by_two() -> None:
    cells = [
        cell({"train": "C"}, A=0.6, B=0.8),
        cell({"train": "A"}, B=0.9, C=0.9),
        cell({"train": "B"}, A=0.5, C=0.7),
        cell({"train": "A+B"}, C=0.5),
    ]
    found = effect_of("train", cells)
    assert not found.marginals.same_tests and found.ends is None
    assert means(found) == pytest.approx({"C": 0.7, "A": 0.9, "B": 0.6, "A+B": 0.5})
    values = {name: one and one["value"] for name, one in found.differences.items()}
    assert values == {"C": None, "A": pytest.approx(0.1), "B": pytest.approx(-0.1), "A+B": None}


def test_combinations_without_a_manipulation_in_common_are_left_out() -> None:
    cells = [
        cell({"head": "a", "train": "C"}, A=0.6),
        cell({"head": "b", "train": "C"}, A=0.8),
        cell({"head": "a", "train": "A"}, B=0.9),
        cell({"head": "b", "train": "A"}, D=0.1),  # tested on nothing that its mate was tested on
    ]
    found = effect_of("head", cells)
    assert means(found) == pytest.approx({"a": 0.6, "b": 0.8}) and found.marginals.same_tests
    assert (found.marginals.combinations, found.marginals.cells) == (1, {"a": 1, "b": 1})
    less = found.differences["b"]
    assert less and less["value"] == pytest.approx(0.2) and found.ends == ("a", "b")


def test_the_spread_of_seeds_is_their_standard_deviation_within_combinations() -> None:
    values = {("a", 0): 0.6, ("a", 1): 0.8, ("b", 0): 0.3, ("b", 1): 0.3}
    cells = [cell({"head": head, "seed": seed}, A=value) for (head, seed), value in values.items()]
    found = marginal_means(cells, "seed", ("head", "seed"))
    assert found.deviation == pytest.approx(((0.2**2 / 2 + 0.0) / 2) ** 0.5)


def test_an_axis_with_one_finished_value_has_no_effect() -> None:
    cells = [cell({"head": "a", "frames": 1}, A=0.6), cell({"head": "a", "frames": 8}, A=0.8)]
    with pytest.raises(StopIteration):
        effect_of("head", cells)
    without = [cells[0], cell({"head": "b", "frames": 1})]  # tested on nothing that counts
    with pytest.raises(StopIteration):
        effect_of("head", without)


def test_out_of_fold_means_need_all_of_their_cells() -> None:
    cells = [cell({"head": "a"}, 0.9, A=0.6), cell({"head": "b"}, None, A=0.7)]
    found = effect_of("head", cells).marginals.out_of_fold
    assert found["a"] and found["b"] is None
