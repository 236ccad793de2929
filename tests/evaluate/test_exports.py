"""Every table of several runs is there as CSV, Markdown and LaTeX, and all three say the same."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluate.cell_draws import draw_cells
from evaluate.exports import exports
from evaluate.folders import Run
from evaluate.levels import LEVELS
from evaluate.matrix import matrices
from evaluate.pairs import comparisons

Results = list[dict[str, Any]]
LIFT = {"FaceSwap": 0.2, "Neural_Textures": 0.05}


def results_of(runs: dict[str, list[Run]], caveats: tuple[str, ...] = ()) -> Results:
    """As much of what `evaluate_tree` returns as tables read."""
    drawn = draw_cells(runs, 60, 60)
    tables = matrices(drawn)
    pairs = comparisons(drawn, list(tables["video"]))
    told = {"trained": True, "trainable_parameters": [100, 100], "trainable_share": [0.01, 0.01]}
    return [
        {
            "comparison": {"head": head, **told, **{level: tables[level][head] for level in LEVELS}},
            "pairs": pairs,
            "caveats": list(caveats),
        }
        for head in tables["video"]
    ]


def make_runs(predictions_table: Callable[..., pd.DataFrame], trains: tuple[str, ...], sets: int = 1) -> Results:
    runs: dict[str, list[Run]] = {}
    for seed, head in enumerate(("svm", "mlp")):
        for train in trains:
            table = predictions_table(lift=LIFT, seed=seed)
            if sets == 2:
                other = predictions_table(lift={"Swap": 0.1}, seed=seed, split="test")
                names = {name: "c_" + other[name] for name in ("sample_id", "video_id", "group")}
                table = pd.concat([table, other.assign(dataset="Celeb", compression="", **names)])
            config = {"head": head, "train": [train] if train else [], "trained_on": [f"FF++/{train}"] if train else []}
            runs.setdefault(head, []).append(Run(Path(head), config, table))
    return results_of(runs, ("LEAK: 5 % of a_b", "Something else"))


def frame(files: dict[str, str], name: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(files[f"{name}.csv"]), float_precision="round_trip")


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines if "---" not in line]


def test_all_tables_of_one_data_set(predictions_table: Callable[..., pd.DataFrame]) -> None:
    results = make_runs(predictions_table, tuple(LIFT))
    files = exports(results)
    assert sorted(files) == sorted(
        f"{name}.{kind}" for name in ("heads", "matrix", "comparisons") for kind in ("csv", "md", "tex")
    )
    for name, text in files.items():
        if not name.endswith(".csv"):
            assert ("LEAK: 5 % of a_b" if name.endswith(".md") else "LEAK: 5 \\% of a\\_b") in text
            assert "Something else" not in text
        if name.endswith(".tex"):
            assert text.count("Neural\\_Textures") > 0 and "Neural_Textures" not in text
            body = text[text.index("\\midrule") : text.index("\\bottomrule")]
            assert "textbf" not in body  # nothing is best by test
            assert body.count("\\\\\n") == len(rows(files[name.replace(".tex", ".md")])) - 1
    assert len(frame(files, "matrix")) == 2 * 2 * 2 * 2
    assert len(frame(files, "comparisons")) == 2 * (2 + 4)


def test_the_matrix_is_that_of_the_comparison(predictions_table: Callable[..., pd.DataFrame]) -> None:
    results = make_runs(predictions_table, tuple(LIFT))
    files = exports(results)
    table = frame(files, "matrix").set_index(["head", "train", "test", "level"])
    for result in results:
        for level in LEVELS:
            for train, row in result["comparison"][level]["cells"].items():
                for test, cell in row.items():
                    written = table.loc[(result["comparison"]["head"], train, test, level)]
                    assert [written[key] for key in ("value", "low", "high")] == [
                        cell[key] for key in ("value", "low", "high")
                    ]
                    assert written["seen"] == cell["seen"] == (train == test)
    head, first, second, *_ = rows(files["matrix.md"])
    assert head == ["head", "trained on", *LIFT] and first[:2] == ["svm", "FaceSwap"]
    assert first[2].startswith("*") and second[3].startswith("*")
    assert not first[3].startswith("*") and "*: seen in training." in files["matrix.md"]


def test_comparisons_say_what_was_compared(predictions_table: Callable[..., pd.DataFrame]) -> None:
    results = make_runs(predictions_table, tuple(LIFT))
    files = exports(results)
    table, shown = frame(files, "comparisons"), rows(files["comparisons.md"])
    assert table["sentence"].tolist() == [record["sentence"] for record in results[0]["pairs"]]
    assert table["left_out_first"].sum() == table["left_out_second"].sum() == 0
    assert shown[0] == ["compared", "trained on", "tested on", "difference", "p", "p (Holm)", "p (DeLong)"]
    assert shown[1][:3] == ["svm vs mlp", "all", "mean of seen cells"]
    assert shown[3][:3] == ["svm vs mlp", "FaceSwap", "FaceSwap"]
    value = results[0]["pairs"][len(results[0]["pairs"]) // 2]["value"]
    assert shown[1][3].startswith(f"{value:+.3f} (") and "leave samples out" not in files["comparisons.md"]
    # 60 draws: 2 / 61 for each of four cells is more than 0.05, whatever the data say
    assert "60 draws give no p below 0.033: over 4 comparisons none can be significant" in files["comparisons.md"]


def test_data_sets_have_a_table_where_there_are_several(predictions_table: Callable[..., pd.DataFrame]) -> None:
    results = make_runs(predictions_table, ("FaceSwap",), sets=2)
    files = exports(results)
    table = frame(files, "datasets").set_index(["head", "level", "dataset"])
    cells = results[0]["comparison"]["video"]["cells"]["FaceSwap"]
    row = table.loc[("svm", "video", "FF++/c23")]
    assert row["value"] == pytest.approx(sum(cells[name]["value"] for name in LIFT) / 2)
    assert row["low"] < row["value"] < row["high"]
    assert (row["manipulations"], row["seen"], row["trained_on"]) == (2, 1, "FF++/FaceSwap")
    other = table.loc[("svm", "video", "Celeb")]
    assert other["value"] == cells["Swap"]["value"] and (other["manipulations"], other["seen"]) == (1, 0)
    shown = rows(files["datasets.md"])
    assert shown[0] == ["head", "trained on", "FF++/c23", "Celeb"] and shown[1][:2] == ["svm", "FF++/FaceSwap"]
    assert shown[1][2].startswith("*0.") and shown[1][3].startswith("0.")


def test_scores_of_unknown_training_say_neither_seen_nor_unseen(
    predictions_table: Callable[..., pd.DataFrame],
) -> None:
    files = exports(make_runs(predictions_table, ("",), sets=2))
    assert rows(files["heads.md"])[0] == ["head", "mean", "mean rank", *LIFT, "Swap"]
    for name, text in files.items():
        assert "seen in" not in text and "did not see" not in text, name
    assert rows(files["matrix.md"])[1][:2] == ["svm", "unknown"]
    assert rows(files["datasets.md"])[1][:2] == ["svm", "unknown"]
    table = frame(files, "heads")
    assert table[["seen", "unseen", "gap"]].isna().all(axis=None) and table["auc_Swap"].notna().all()
    shown = rows(files["comparisons.md"])
    assert shown[1][:3] == ["svm vs mlp", "all", "mean of all cells"]
    assert shown[2][:3] == ["svm vs mlp", "unknown", "all test rows"]


def test_a_single_head_has_no_comparison(predictions_table: Callable[..., pd.DataFrame]) -> None:
    run = Run(Path("a"), {"head": "svm", "train": ["FaceSwap"]}, predictions_table(lift=LIFT))
    files = exports(results_of({"svm": [run]}))
    assert sorted(files) == [f"{name}.{kind}" for name in ("heads", "matrix") for kind in ("csv", "md", "tex")]
    assert "rank" not in files["heads.md"]


def test_samples_left_out_are_told(predictions_table: Callable[..., pd.DataFrame]) -> None:
    table = predictions_table(lift=LIFT)
    parts = {"svm": table, "mlp": table[table["group"] > "test003"]}
    runs = {head: [Run(Path(head), {"head": head, "train": []}, part)] for head, part in parts.items()}
    files = exports(results_of(runs))
    assert " 4 of 4 leave samples out that only one of the two has." in files["comparisons.md"]
    assert (frame(files, "comparisons")["left_out_first"] > 0).all()


def test_runs_without_a_common_sample(predictions_table: Callable[..., pd.DataFrame]) -> None:
    table = predictions_table(lift={"FaceSwap": 0.1})
    parts = {"svm": table[table["group"] < "test012"], "mlp": table[table["group"] >= "test012"]}
    runs = {head: [Run(Path(head), {"head": head, "train": []}, part)] for head, part in parts.items()}
    files = exports(results_of(runs))
    assert rows(files["comparisons.md"])[1] == ["svm vs mlp", "unknown", "FaceSwap", "-", "-", "-", "-"]
    assert "draws give no p" not in files["comparisons.md"]
