from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.effects import effects
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.ranking import WHY_OPTIMISTIC, ranking
from evaluate.ablation.texts import FIXED
from evaluate.ablation.words import ORDER, TRAININGS, caveats, headline
from evaluate.caveats import FEW, LEAK


@pytest.fixture
def told(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[list[str], list[str]]]:
    def both(*plans: Any, baseline: int | None = 0, most: int = 300) -> tuple[list[str], list[str]]:
        out = make_grid(tmp_path / "grid", plans, baseline)
        return words_of(draw_grid(read_grid_folder(out), 100, most))

    return both


def words_of(drawn: DrawnGrid) -> tuple[list[str], list[str]]:
    ranked = ranking(drawn)
    return headline(drawn, ranked, effects(drawn)), caveats(drawn, ranked)


def test_the_headline_tells_the_first_by_out_of_fold_and_what_it_reaches(drawn_crossed: DrawnGrid) -> None:
    lead, _ = words_of(drawn_crossed)
    assert lead[0] == "3 of 5 cells are done (1 failed, 1 pending)."
    assert lead[1].startswith("First by out-of-fold AUC at video level: head logistic, frames 8, 0.9")
    assert lead[1].endswith(" on unseen manipulations (mean over 1).")
    assert lead[2] == "The baseline vs this cell (mean over 1 unseen manipulations): 0.000 [0.00, 0.00], no difference."
    assert lead[3] == (
        "Of 4 comparisons with the baseline (head logistic, frames 1), 1 is significantly better and 0 worse after "
        "Holm."
    )
    assert lead[4].startswith("On unseen manipulations the axis head matters most: from logistic to mlp")


def test_the_gravest_stands_first_and_all_is_counted(drawn_crossed: DrawnGrid) -> None:
    _, found = words_of(drawn_crossed)
    assert found[0] == f"{LEAK} 2 of 24 test groups were in training (in 1 of 3 finished cells)"
    assert found[1] == "1 stale result in this folder left aside: the cache changed"
    assert found[2].startswith("2 cells without figures count as p = 1")
    assert "Cells were computed with different versions: numpy 2.0 and 2.1" in found
    assert f"{WHY_OPTIMISTIC} (here head mlp, frames 1)" in found
    assert ORDER in found and found[-1] == FIXED
    assert not any(line.startswith(FEW) or line == TRAININGS for line in found)


def test_few_groups_other_videos_and_trainings_are_told(told: Callable[..., Any], plan: Any) -> None:
    _, found = told(
        plan({"train": "FaceSwap"}, groups=range(15)),
        plan({"train": "NeuralTextures"}, train=("NeuralTextures",)),
        plan({"train": "X"}, fold=None),
    )
    assert any(line.startswith(f"{FEW} in 1 of 3 finished cells") for line in found)
    assert any(line.startswith("Means over unseen manipulations are over different") for line in found)
    assert any(line.startswith("Cells were tested on different videos") for line in found)
    assert any(line.startswith("1 cell without out-of-fold scores") for line in found)
    assert TRAININGS in found


def test_many_leaks_are_cut_short(told: Callable[..., Any], plan: Any) -> None:
    lines = [f"LEAK: {count} of 24 test groups were in training" for count in range(1, 6)]
    _, found = told(*(plan({"seed": at}, settings={"caveats": [line]}) for at, line in enumerate(lines)))
    assert sum(line.startswith(LEAK) for line in found) == 4
    assert found[3] == f"{LEAK} 2 other sentences of this kind, in 2 cells: see table.csv"


def test_a_grid_of_one_cell_compares_nothing(told: Callable[..., Any], plan: Any) -> None:
    lead, found = told(plan({}))
    assert len(lead) == 1 and lead[0].startswith("c0: AUC at video level 0.9")
    assert ORDER not in found and FIXED in found


@pytest.mark.parametrize(("baseline", "name"), [(0, "head a"), (None, "not named")])
def test_a_missing_baseline_is_said(baseline: int | None, name: str, told: Callable[..., Any], plan: Any) -> None:
    lead, _ = told(plan({"head": "a"}, state="pending"), plan({"head": "b"}), baseline=baseline)
    assert f"Nothing is compared: the baseline ({name}) has no figures." in lead


def test_no_cell_done_is_said(told: Callable[..., Any], plan: Any) -> None:
    lead, found = told(plan({"head": "a"}, state="failed", error="why"))
    assert lead == ["0 of 1 cell are done (1 failed)."] and found[-1] == FIXED


def test_no_out_of_fold_scores_put_none_first(told: Callable[..., Any], plan: Any) -> None:
    lead, _ = told(plan({"head": "a"}, fold=None), plan({"head": "b"}, fold=None))
    assert lead[0].startswith("No cell has out-of-fold scores, so that none is first. head a: 0.")


def test_too_few_draws_for_holm_are_told(told: Callable[..., Any], plan: Any) -> None:
    plans = [plan({"seed": at}, state="pending" if at > 1 else "done") for at in range(9)]
    _, found = told(*plans, most=100)
    assert any(line.startswith("The draws give no p below 0.020: over 8 comparisons") for line in found)


def test_where_all_was_seen_it_is_said(told: Callable[..., Any], plan: Any) -> None:
    lead, found = told(plan({"head": "a"}, train=("FaceSwap", "NeuralTextures")))
    assert "on test manipulations (mean over 2)" in lead[0]
    assert any("nothing here speaks of unseen ones" in line for line in found)
