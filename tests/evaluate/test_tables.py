"""Tables of several runs hold what the comparison found, one row a head, in the order of the heads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.runs import evaluate_tree
from evaluate.tables import heads_markdown, heads_table, trainable

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
            mean = table["unseen_each"]["NeuralTextures"]
            found = row[["unseen_NeuralTextures", "unseen_NeuralTextures_low", "unseen_NeuralTextures_high"]]
            assert found.tolist() == pytest.approx([mean["value"], mean["low"], mean["high"]])
            assert not row["few_groups"]


def test_markdown_has_a_row_for_each_head(evaluated_tree: Evaluated) -> None:
    _, results = evaluated_tree
    lines = heads_markdown(results).splitlines()
    assert lines[0] == ("| head | out of fold | seen | unseen | gap | FaceSwap | NeuralTextures | trained | share |")
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| mlp", "| logistic"]
    unseen = results[0]["comparison"]["video"]["unseen"]
    assert f"| {unseen['value']:.3f} ({unseen['low']:.2f}-{unseen['high']:.2f}) |" in lines[2]
    assert {line.count("|") for line in lines[:4]} == {10}
    assert lines[4] == "" and lines[5].startswith("AUC at video level")


def test_what_a_head_trains() -> None:
    several = {"trained": True, "trainable_parameters": [1200, 3400], "trainable_share": [1e-5, 3e-5]}
    assert trainable(several) == ("1,200 to 3,400", "0.001 to 0.003 %")
    assert trainable({"trained": True, "trainable_parameters": None, "trainable_share": None}) == ("-", "-")
    assert trainable({**several, "trained": False, "trainable_parameters": [0, 0]}) == ("no training", "-")
    assert trainable({**several, "trainable_parameters": [0, 0], "trainable_share": [0.0, 0.0]}) == ("none", "-")


def test_without_an_unseen_manipulation(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    for head in ("mlp", "a|b"):
        tables = [predictions_table(groups=3, lift={"FaceSwap": 0.2})]
        make_run(tmp_path / "FaceSwap" / head.replace("|", ""), head=head, tables=tables)
    results = evaluate_tree(tmp_path)
    text = heads_markdown(results)
    assert text.startswith("| head | out of fold | seen | unseen | gap | trained | share |")
    assert "| a\\|b | - | †" in text and "†: too few groups" in text
    assert heads_table(results)["unseen"].isna().all() and heads_table(results)["few_groups"].all()


def test_heads_without_a_common_cell_have_no_means(tree: Path) -> None:
    shutil.rmtree(tree / "FaceSwap" / "mlp")
    shutil.rmtree(tree / "NeuralTextures" / "logistic")
    table = heads_table(evaluate_tree(tree))
    assert table[["out_of_fold", "seen", "unseen", "gap"]].isna().all(axis=None)
