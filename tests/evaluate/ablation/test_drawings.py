from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.ablation.drawings import Drawing, drawings, numeric_axes
from evaluate.ablation.drawn import draw_grid
from evaluate.ablation.folder import read_grid_folder
from evaluate.drawing import svg


@pytest.fixture
def drawn(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> Callable[..., dict[str, Drawing]]:
    def by_name(*plans: Any) -> dict[str, Drawing]:
        return {one.name: one for one in drawings(draw_grid(read_grid_folder(make_grid(tmp_path, plans)), 50, 50))}

    return by_name


def test_axes_of_numbers_are_drawn_as_curves_a_line_for_each_head(drawn: Callable[..., Any], plan: Any) -> None:
    heads = ("logistic", "mlp")
    found = drawn(*(plan({"head": head, "frames": frames}) for head in heads for frames in (1, 4, 32)))
    assert list(found) == ["curve_frames", "cost"]
    upper, lower = found["curve_frames"].figure.axes
    assert upper.get_xscale() == "log" and upper.get_ylabel() == "unseen manipulations"
    assert [line.get_label() for line in upper.get_lines()] == ["logistic", "mlp"]
    assert [list(line.get_xdata()) for line in lower.get_lines()] == [[1, 4, 32]] * 2
    assert "a line for each head" in found["curve_frames"].caption
    text = svg(found["curve_frames"].figure)
    assert ">32</text>" in text and "mathdefault" not in text


def test_a_seed_is_no_curve_and_a_word_neither(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    plans = [plan({"seed": at, "frames": at + 1, "head": "ab"[at], "leak": bool(at)}, state="pending") for at in (0, 1)]
    assert numeric_axes(read_grid_folder(make_grid(tmp_path, plans))) == ["frames"]


def test_lines_are_trainings_where_there_is_one_head(drawn: Callable[..., Any], plan: Any) -> None:
    trains = ("FaceSwap", "NeuralTextures")
    plans = [plan({"train": name, "fraction": part}, train=(name,)) for name in trains for part in (0.5, 1.0)]
    axes = drawn(*plans)["curve_fraction"].figure.axes
    assert [line.get_label() for line in axes[0].get_lines()] == list(trains)
    assert axes[0].get_xscale() == "linear"


def test_without_out_of_fold_scores_there_is_one_panel(drawn: Callable[..., Any], plan: Any) -> None:
    found = drawn(*(plan({"frames": frames}, fold=None) for frames in (1, 4)))
    assert len(found["curve_frames"].figure.axes) == 1


def test_curves_that_are_not_balanced_say_so(drawn: Callable[..., Any], plan: Any) -> None:
    plans = [plan({"frames": frames, "normalize": name}) for frames, name in ((1, "l2"), (4, "none"))]
    assert "Not balanced, other axes differ too: logistic." in drawn(*plans)["curve_frames"].caption


def test_cost_is_a_dot_a_cell_by_head(drawn: Callable[..., Any], plan: Any) -> None:
    plans = [plan({"head": name, "features": part}) for name in ("a", "b") for part in ("x", "y")]
    plans[0].settings = {"timings": {"fit": 1000.0}}
    (axes,) = drawn(*plans)["cost"].figure.axes
    assert sorted(axes.get_lines()[0].get_xdata()) == [2.0, 1000.0] and len(axes.get_lines()) == 2


def test_one_cell_has_nothing_to_draw(drawn: Callable[..., Any], plan: Any) -> None:
    assert drawn(plan({"head": "a"})) == {}
