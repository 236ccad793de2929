from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.ranking import ALSO_BEST, BASELINE, BEST, LEAKS, STALE, Ranked, ranking, shown


def ranked_of(out: Path) -> list[Ranked]:
    return ranking(draw_grid(read_grid_folder(out), 20, 20))


def test_the_order_is_by_out_of_fold_even_where_the_test_disagrees(drawn_crossed: DrawnGrid) -> None:
    ranked = ranking(drawn_crossed)
    assert [(one.rank, one.drawn.cell.key) for one in ranked] == [(1, "c1"), (2, "c2"), (3, "c0")]
    assert [one.marks for one in ranked] == [(LEAKS,), (BEST,), (BASELINE,)]
    best = max(ranked, key=lambda one: one.mean["value"] if one.mean else 0.0)
    assert best.drawn.cell.key == "c2"  # planted


def test_the_first_may_be_the_best_on_test_too(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    plans = [plan({"head": "a"}, fold=1.0), plan({"head": "b"}, {"FaceSwap": 2.0, "NeuralTextures": 3.0}, fold=2.0)]
    ranked = ranked_of(make_grid(tmp_path, plans, stale=[{"key": "c0", "why": "the code changed"}]))
    assert [one.marks for one in ranked] == [(ALSO_BEST,), (BASELINE, STALE)]


def test_ties_share_a_rank_and_cells_without_score_have_none(
    plan: Any, make_grid: Callable[..., Path], tmp_path: Path
) -> None:
    folds = [None, 1.0, 2.0, 2.0]
    ranked = ranked_of(make_grid(tmp_path, [plan({"seed": at}, fold=fold) for at, fold in enumerate(folds)]))
    assert [(one.rank, one.drawn.cell.key) for one in ranked] == [(1, "c2"), (1, "c3"), (3, "c1"), (None, "c0")]
    assert ranked[-1].out_of_fold is None


def test_a_single_cell_is_the_best_of_nothing(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    assert ranked_of(make_grid(tmp_path, [plan({"head": "a"})]))[0].marks == (BASELINE,)


def test_of_many_cells_the_first_the_best_on_test_and_the_baseline_are_shown(drawn_crossed: DrawnGrid) -> None:
    plain, best, base = sorted(ranking(drawn_crossed), key=lambda one: one.marks != (LEAKS,))
    fifty = [plain] * 48 + [best, base]
    assert shown(fifty) == fifty
    many = [plain] * 40 + [best] + [plain] * 40 + [base]
    assert shown(many) == [plain] * 20 + [best, base]
