"""Tables of several runs hold what the comparison found, one row a head, in the order of the heads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.cell_draws import draw_cells
from evaluate.folders import Run
from evaluate.levels import LEVELS
from evaluate.markup import markdown
from evaluate.matrix import matrices
from evaluate.tables import heads_table, heads_text, trainable

Predictions = Callable[..., pd.DataFrame]
Evaluated = tuple[Path, list[dict[str, Any]]]


def test_the_table_of_heads_is_that_of_the_comparison(evaluated_tree: Evaluated) -> None:
    tree, results = evaluated_tree
    written = pd.read_csv(tree / "heads.csv")
    assert list(written) == list(heads_table(results))
    assert written[["head", "level"]].to_numpy().tolist() == [
        [head, level] for head in ("mlp", "logistic") for level in ("frame", "video")
    ]
    for result in results:
        for level in ("frame", "video"):
            table = result["comparison"][level]
            row = written.set_index(["head", "level"]).loc[result["run"]["head"], level]
            assert row["out_of_fold"] == pytest.approx(table["out_of_fold"]["value"])
            assert row["gap_low"] == pytest.approx(table["gap"]["low"])
            assert row["mean_rank_high"] == pytest.approx(table["mean_rank"]["high"])
            assert row["mean"] == pytest.approx((row["seen"] + row["unseen"]) / 2)
            mean = table["unseen_each"]["NeuralTextures"]
            found = row[["unseen_NeuralTextures", "unseen_NeuralTextures_low", "unseen_NeuralTextures_high"]]
            assert found.tolist() == pytest.approx([mean["value"], mean["low"], mean["high"]])
            assert not row["few_groups"]


def test_markdown_has_a_row_for_each_head(evaluated_tree: Evaluated) -> None:
    _, results = evaluated_tree
    lines = markdown(heads_text(results)).splitlines()
    columns = "head | out of fold | seen | unseen | gap | mean rank | FaceSwap | NeuralTextures | trained | share"
    assert lines[0] == f"| {columns} |"
    rank = results[0]["comparison"]["video"]["mean_rank"]
    assert f"| {rank['value']:.1f} ({rank['low']:.1f}-{rank['high']:.1f}) |" in lines[2]
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| mlp", "| logistic"]
    unseen = results[0]["comparison"]["video"]["unseen"]
    assert f"| {unseen['value']:.3f} ({unseen['low']:.2f}-{unseen['high']:.2f}) |" in lines[2]
    assert {line.count("|") for line in lines[:4]} == {11}
    assert lines[4] == "" and lines[5].startswith("AUC at video level")


def test_what_a_head_trains() -> None:
    several = {"trained": True, "trainable_parameters": [1200, 3400], "trainable_share": [1e-5, 3e-5]}
    assert trainable(several) == ("1,200 to 3,400", "0.001 to 0.003 %")
    assert trainable({"trained": True, "trainable_parameters": None, "trainable_share": None}) == ("-", "-")
    assert trainable({**several, "trained": False, "trainable_parameters": [0, 0]}) == ("no training", "-")
    assert trainable({**several, "trainable_parameters": [0, 0], "trainable_share": [0.0, 0.0]}) == ("none", "-")


def of_runs(runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """As much of what `evaluate_tree` returns as these tables read."""
    tables = matrices(draw_cells(runs, 20))
    told = {"trained": True, "trainable_parameters": None, "trainable_share": None}
    comparisons = {head: {"head": head, **told, **{level: tables[level][head] for level in LEVELS}} for head in runs}
    return [{"comparison": one, "caveats": []} for one in comparisons.values()]


def in_memory(head: str, table: pd.DataFrame, train: str = "FaceSwap") -> Run:
    return Run(Path(head), {"head": head, "train": [train]}, table)


def test_without_an_unseen_manipulation(predictions_table: Predictions) -> None:
    table = predictions_table(groups=3, lift={"FaceSwap": 0.2})
    results = of_runs({head: [in_memory(head, table)] for head in ("mlp", "a|b")})
    text = markdown(heads_text(results))
    assert text.startswith("| head | out of fold | seen | unseen | gap | mean rank | trained | share |")
    assert "| a\\|b | - | †" in text and "†: too few groups" in text
    assert heads_table(results)["unseen"].isna().all() and heads_table(results)["few_groups"].all()


def test_heads_without_a_common_cell_have_no_means(predictions_table: Predictions) -> None:
    table = predictions_table()
    runs = {"mlp": [in_memory("mlp", table)], "svm": [in_memory("svm", table, "NeuralTextures")]}
    found = heads_table(of_runs(runs))
    assert found[["out_of_fold", "seen", "unseen", "gap", "mean", "mean_rank"]].isna().all(axis=None)
    assert "mean rank" not in markdown(heads_text(of_runs(runs)))


def test_a_mean_without_an_interval_says_so(predictions_table: Predictions) -> None:
    table = predictions_table(groups=12, lift={"A": 0.1})
    rare = (table["label"] == 0) | (table["group"] == "test000")
    text = markdown(heads_text(of_runs({"svm": [in_memory("svm", table[rare], "B")]})))
    assert "(no interval) |" in text and "| †" in text
