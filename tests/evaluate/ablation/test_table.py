from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluate.ablation.drawn import DrawnGrid, draw_grid
from evaluate.ablation.folder import read_grid_folder
from evaluate.ablation.ranking import ranking
from evaluate.ablation.table import tidy_table


@pytest.fixture(scope="module")
def crossed_table(drawn_crossed: DrawnGrid) -> pd.DataFrame:
    return tidy_table(drawn_crossed, ranking(drawn_crossed))


def test_each_declared_cell_has_a_row_with_its_figures(crossed_table: pd.DataFrame) -> None:
    table = crossed_table.set_index("key")
    assert table["state"].tolist() == ["done", "done", "done", "failed", "pending"]
    assert table["rank"].tolist()[:3] == [3, 1, 2] and table["rank"].isna().tolist()[3:] == [True, True]
    assert table["frames"].tolist() == [1, 8, 1, 8, 1]
    assert table["head"].tolist() == ["logistic", "logistic", "mlp", "mlp", "knn"]
    first, last = table.loc["c0"], table.loc["c4"]
    assert (first["train"], first["test"]) == ("FaceSwap", "FaceSwap+NeuralTextures")
    assert first["unseen_auc"] == pytest.approx(first["NeuralTextures_auc"])
    assert first["seen_auc"] == pytest.approx(first["FaceSwap_auc"])
    assert first["unseen_auc_low"] < first["unseen_auc"] < first["unseen_auc_high"]
    assert first["NeuralTextures_auc_low"] == pytest.approx(first["NeuralTextures_auc"] - 0.05)
    assert (first["FaceSwap_seen"], first["NeuralTextures_seen"]) == (True, False)
    assert (first["FaceSwap_n_real"], first["FaceSwap_n_groups"]) == (24, 24)
    assert (first["threshold_video"], first["seconds"], first["seconds_fit"]) == (0.5, 2.0, 1.5)
    assert (first["trainable_parameters"], first["trainable_share"]) == (513, 3e-6)
    assert table.loc["c2", "difference"] > 0 and pd.isna(first["difference"])
    assert table.loc["c2", "difference_p"] <= table.loc["c2", "difference_p_holm"]
    assert table.loc["c1", "leak"].startswith("LEAK:") and pd.isna(first["leak"])
    assert table.loc["c3", "error"] == "InputError: too few groups"
    empty = set(table.columns) - {"state", "head", "frames"}
    assert last[sorted(empty)].isna().all()


def test_it_survives_csv_and_parquet(crossed_table: pd.DataFrame) -> None:
    table = crossed_table
    target = BytesIO()
    table.to_parquet(target, index=False)
    back = pd.read_parquet(BytesIO(target.getvalue()))
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
    text = pd.read_csv(BytesIO(table.to_csv(index=False).encode()))
    np.testing.assert_allclose(text["unseen_auc"], table["unseen_auc"].astype(float), rtol=1e-12)


def test_a_finished_cell_that_is_stale_says_why(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    plans = [plan({"head": "a"}), plan({"head": "b"}), plan({"head": "c"}, state="pending")]
    stale = [{"key": key, "why": f"its cache has changed ({key})"} for key in ("c1", "c2", "c9")]
    drawn = draw_grid(read_grid_folder(make_grid(tmp_path, plans, stale=stale)), 20, 20)
    told = tidy_table(drawn, ranking(drawn)).set_index("key")["stale"]
    assert told["c1"] == "its cache has changed (c1)"
    assert told[["c0", "c2"]].isna().all()  # what is not done is pending, not stale


def test_axes_of_mixed_kinds_become_text(plan: Any, make_grid: Callable[..., Path], tmp_path: Path) -> None:
    axes: list[dict[str, Any]] = [{"frames": 1, "train": "X"}, {"frames": "all", "train": "A+B"}, {"frames": None}]
    grid = read_grid_folder(make_grid(tmp_path, [plan(one, state="pending") for one in axes]))
    table = tidy_table(DrawnGrid(grid, (), True), [])
    assert table["frames"].tolist()[:2] == ["1", "all"] and pd.isna(table["frames"][2])
    assert table["train"].tolist()[:2] == ["X", "A+B"]
    table.to_parquet(BytesIO())
