from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.effects import effects
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.ranking import WHY_OPTIMISTIC, ranking
from evaluate.ablation.texts import basis, difference_cell, effects_table, effects_text, is_plain, ranking_text
from evaluate.markup import Interval, latex, markdown


def test_the_order_as_text_carries_its_warnings(drawn_crossed: DrawnGrid) -> None:
    drawn = drawn_crossed
    text = markdown(ranking_text(drawn, ranking(drawn)))
    rows = text.splitlines()
    assert rows[0] == (
        "| rank | head | frames | note | out of fold | unseen manipulations | seen | to baseline | p (Holm) |"
    )
    assert rows[2].startswith("| 1 | logistic | 8 | LEAK | 0.9")
    assert rows[3].startswith("| 2 | mlp | 1 | best on test: optimistic | 0.")
    assert "over the 4 comparisons that the grid declares" in text
    assert "**LEAK: 2 of 24 test groups were in training**" in text and f"**{WHY_OPTIMISTIC}.**" in text
    assert "& best on test: optimistic &" in latex(ranking_text(drawn, ranking(drawn)))


def test_the_effects_as_text_and_table_agree(drawn_crossed: DrawnGrid) -> None:
    found = effects(drawn_crossed)
    rows = effects_text(found, drawn_crossed.subject).rows
    table = effects_table(found)
    assert [row[:2] for row in rows[1:]] == table[["axis", "value"]].to_numpy().tolist()
    assert [row[4] for row in rows[1:] if row[1] == "logistic"] == ["reference"]
    mlp = table[table["value"] == "mlp"].iloc[0]
    cell = rows[1 + table.index[table["value"] == "mlp"][0]]
    assert cell[4] == difference_cell(
        {"value": mlp["difference"], "low": mlp["difference_low"], "high": mlp["difference_high"], "few_groups": False}
    )
    assert mlp["balanced"] and mlp["combinations"] == 1 and mlp["difference"] > 0


def test_a_difference_without_ends_or_value_is_said() -> None:
    assert difference_cell({}) == "-"
    assert difference_cell({"value": 0.1, "low": None, "high": None, "few_groups": True}) == Interval(
        "+0.100", None, None, "†"
    )


def test_the_basis_tells_what_stands_against_a_comparison(
    plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    plans = [
        plan({"head": "a", "frames": 1, "seed": 0}),
        plan({"head": "a", "frames": 1, "seed": 1}, {"FaceSwap": 2.0, "NeuralTextures": 2.0}),
        plan({"head": "b", "frames": 8, "seed": 0}, train=("NeuralTextures",)),
    ]
    found = {one.axis: one for one in effects(draw_grid(read_grid_folder(make_grid(tmp_path, plans)), 50, 50))}
    assert "not balanced" in basis(found["head"]) and "different manipulations" in basis(found["head"])
    assert "standard deviation over the seeds 0.107" in basis(found["seed"])
    assert not any(map(is_plain, found.values()))
