"""Runs are compared on the samples that both have, with the first for a reason, and corrected by family."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.identity import connected_groups
from evaluate.caveats import ALL
from evaluate.cell_draws import draw_cells
from evaluate.compare import holm
from evaluate.delong import delong
from evaluate.folders import Run
from evaluate.matrix import matrices
from evaluate.pairs import SEVERAL, comparisons

Predictions = Callable[..., pd.DataFrame]
LIFT = {"FaceSwap": 0.1, "NeuralTextures": 0.05}


def run(name: str, table: pd.DataFrame, train: tuple[str, ...] = ("FaceSwap",)) -> Run:
    """A run in memory; ``train`` is empty where nobody knows."""
    return Run(Path(name), {"head": name, "train": list(train)}, table)


def compared(*runs: Run, n_draws: int = 100) -> list[dict[str, Any]]:
    """Comparisons with the first run, one head each."""
    drawn = draw_cells({one.head: [one] for one in runs}, n_draws, n_draws)
    return comparisons(drawn, [one.head for one in runs])


def by_test(records: list[dict[str, Any]], level: str = "video") -> dict[str, dict[str, Any]]:
    return {record["test"]: record for record in records if record["level"] == level}


def shifted(table: pd.DataFrame, by: float, seed: int = 5) -> pd.DataFrame:
    """The same rows, fakes scored higher, noise of their own."""
    noise = np.random.default_rng(seed).normal(scale=0.05, size=len(table))
    return table.assign(score=table["score"] + by * table["label"] + noise)


def test_the_difference_is_that_of_the_matrix(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    runs = run("a", table), run("b", shifted(table, 0.1))
    drawn = draw_cells({one.head: [one] for one in runs}, 100)
    tables = matrices(drawn)
    for record in comparisons(drawn, ["a", "b"]):
        cells = [tables[record["level"]][head]["cells"]["FaceSwap"][record["test"]] for head in ("a", "b")]
        assert record["value"] == pytest.approx(cells[1]["value"] - cells[0]["value"])
        assert record["low"] < record["value"] < record["high"]
        assert (record["seen"], record["family"]) == (record["test"] == "FaceSwap", "cells")
        assert (
            record["left_out"] == [0, 0]
            and record["draws"] == {"frame": 100, "video": 10_000}[record["level"]]
            and not record["few_groups"]
        )
    assert json.loads(json.dumps(comparisons(drawn, ["a", "b"]))) == comparisons(drawn, ["a", "b"])
    records = by_test(comparisons(drawn, ["a", "b"]))
    assert records["NeuralTextures"]["sentence"].startswith("a vs b, NeuralTextures: +0.")
    assert (records["FaceSwap"]["n_common"], records["FaceSwap"]["comparisons"]) == (48, 2)
    whys = records["FaceSwap"]["delong_why"]
    assert whys == "24 of 24 groups hold several rows, which are not independent"


def test_rows_are_matched_by_name_and_not_by_place(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    found = compared(run("a", table), run("b", table.sample(frac=1, random_state=0)))
    assert {(record["value"], record["p"], record["p_holm"]) for record in found} == {(0.0, 1.0, 1.0)}
    assert all(record["sentence"].endswith("0.000 [0.00, 0.00], no difference") for record in found)


def test_only_common_rows_count_and_the_others_are_told(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    other = shifted(table, 0.1)
    whole = by_test(compared(run("a", table), run("b", other)))
    few, early = table["group"] >= "test004", table["group"] < "test022"
    record = by_test(compared(run("a", table[few]), run("b", other[early])))["FaceSwap"]
    assert record["n_common"] == 36 and record["left_out"] == [4, 8]  # two and four groups of two videos
    assert record["value"] != whole["FaceSwap"]["value"]
    assert record["sentence"].startswith("a vs b, FaceSwap, on the 36 rows that both have (12 left out): +0.")
    assert "left out" not in whole["FaceSwap"]["sentence"]
    both = few & early
    alone = by_test(compared(run("a", table[both]), run("b", other[both])))["FaceSwap"]
    assert record["value"] == alone["value"] and alone["left_out"] == [0, 0]


def test_without_a_common_sample_there_is_nothing_to_compare(predictions_table: Predictions) -> None:
    table, other = predictions_table(lift=LIFT), predictions_table(lift=LIFT, groups=30)
    found = compared(run("a", table), run("b", other[other["group"] >= "test024"]))
    for record in found:
        assert record["value"] is record["p"] is record["p_holm"] is record["delong_p"] is None
        assert record["n_common"] == 0 and record["comparisons"] == 0
        assert record["sentence"].endswith("nothing to compare, for they share no samples of both classes")


def test_labels_that_contradict_are_refused(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    video = table["video_id"] == table["video_id"].iloc[0]
    wrong = table.assign(label=np.where(video, 1, table["label"]))
    wrong.loc[video, "manipulation"] = "FaceSwap"
    message = r"FF\+\+/c23/real/test000/0 is real in one of a and b and fake in the other \(3 such samples\)"
    kept = table.copy()
    kept.loc[video, "manipulation"] = "FaceSwap"
    with pytest.raises(InputError, match=message):
        compared(run("a", kept), run("b", wrong))


def test_means_are_a_family_of_their_own(predictions_table: Predictions) -> None:
    """Two heads against the first, two trainings: seen and unseen means, and every cell of the same training."""
    runs: dict[str, list[Run]] = {}
    for head, by in (("best", 0.0), ("b", 0.02), ("c", -0.1)):
        for train in LIFT:
            table = shifted(predictions_table(lift=LIFT, seed=len(train)), by)
            runs.setdefault(head, []).append(run(head, table, (train,)))
    drawn = draw_cells(runs, 200)
    records = comparisons(drawn, ["best", "b", "c"])
    assert len(records) == 2 * 2 * (2 + 4)
    assert {record["comparisons"] for record in records if record["family"] == "means"} == {4}
    assert {record["comparisons"] for record in records if record["family"] == "cells"} == {8}
    for level in ("frame", "video"):
        for family in ("means", "cells"):
            mine = [record for record in records if (record["level"], record["family"]) == (level, family)]
            assert [record["p_holm"] for record in mine] == holm([record["p"] for record in mine])
    tables = matrices(drawn)["video"]
    mean = by_test([record for record in records if record["second"] == "c"])["mean of unseen cells"]
    assert mean["value"] == pytest.approx(tables["c"]["unseen"]["value"] - tables["best"]["unseen"]["value"])
    assert (mean["train"], mean["seen"], mean["delong_why"]) == (None, False, SEVERAL)
    assert mean["sentence"].startswith("best vs c, mean of unseen cells: -0.")
    assert "best vs c, trained on FaceSwap, NeuralTextures: -0." in " ".join(one["sentence"] for one in records)


def test_trainings_are_not_compared_with_each_other(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    assert compared(run("a", table), run("b", table, ("NeuralTextures",))) == []


def test_scores_of_unknown_training_are_compared_over_all_rows_too(predictions_table: Predictions) -> None:
    table = predictions_table(lift=LIFT)
    found = by_test(compared(run("a", table, ()), run("b", shifted(table, 0.1), ())))
    assert list(found) == ["mean of all cells", ALL, "FaceSwap", "NeuralTextures"]
    assert found[ALL]["n_common"] == 72 and found[ALL]["family"] == "cells"
    cells = [found[name]["value"] for name in LIFT]
    assert found["mean of all cells"]["value"] == pytest.approx(np.mean(cells))
    assert found[ALL]["value"] == pytest.approx(np.mean(cells))  # as many fakes of each
    assert {record["seen"] for record in found.values()} == {None}


def test_delong_is_offered_where_every_group_is_one_row(predictions_table: Predictions) -> None:
    table = predictions_table(lift={"FaceSwap": 0.1})
    apart = table.assign(group=table["video_id"])
    other = shifted(apart, 0.1)
    found = compared(run("a", apart), run("b", other))
    video = by_test(found)["FaceSwap"]
    tables = [one.at_level(one.table, "video") for one in (run("a", apart), run("b", other))]
    labels, *scores = tables[0]["label"], *(table["score"] for table in tables)
    assert video["delong_p"] == delong(*(column.to_numpy() for column in (labels, *scores)))
    assert video["delong_why"] is None
    assert by_test(found, "frame")["FaceSwap"]["delong_p"] is None


def test_groups_that_differ_are_united_so_that_the_order_does_not_matter(predictions_table: Predictions) -> None:
    """One file keeps every video apart, the other pairs of groups together."""
    table = predictions_table(lift=LIFT)
    pairs = table["group"].map(lambda name: f"pair{int(name[-3:]) // 2}")
    apart, coarse = run("a", table.assign(group=table["video_id"]), ()), run("b", shifted(table, 0.1), ())
    coarse = replace(coarse, table=coarse.table.assign(group=pairs))
    there, back = (by_test(compared(*order)) for order in ((apart, coarse), (coarse, apart)))
    known = by_test(compared(replace(apart, table=table.assign(group=pairs)), coarse))
    for test in LIFT:
        assert there[test]["value"] == -back[test]["value"] and there[test]["p"] == back[test]["p"]
        ends = there[test]["low"], there[test]["high"]
        assert ends == pytest.approx((-back[test]["high"], -back[test]["low"]))
        width = known[test]["high"] - known[test]["low"]
        assert ends[1] - ends[0] == pytest.approx(width, rel=0.2), "the coarser groups are drawn"
        assert there[test]["few_groups"] and there[test]["left_out"] == [0, 0]


def test_files_of_unknown_training_are_compared_each_with_each(predictions_table: Predictions) -> None:
    table = predictions_table(lift={"FaceSwap": 0.1}, groups=8, frames=1)
    files = [run(name, shifted(table, 0.1, seed), ()) for seed, name in enumerate("abcdefg")]
    found = [record for record in compared(*files[:4]) if record["level"] == "video"]
    assert [one["first"] + one["second"] for one in found] == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert {one["comparisons"] for one in found} == {6}
    assert [one["p_holm"] for one in found] == holm([one["p"] for one in found])
    many = [record for record in compared(*files) if record["level"] == "video"]
    assert [one["first"] + one["second"] for one in many] == [f"a{name}" for name in "bcdefg"], "more than six"
    trained = [run("x", table), run("y", shifted(table, 0.1))]
    mixed = [one for one in compared(trained[0], *files[:3], trained[1]) if one["level"] == "video"]
    assert [one["first"] + one["second"] for one in mixed] == ["xy", "ab", "ac", "bc"]


def test_a_mean_needs_every_one_of_its_cells(predictions_table: Predictions) -> None:
    """Two cells, of c23 and of c40; where the runs share no real of c40, that cell is none, and so is the mean."""
    hard = predictions_table(lift={"FaceSwap": 0.1}, seed=1).assign(compression="c40")
    hard = hard.assign(**{name: "c40/" + hard[name] for name in ("sample_id", "video_id", "group")})
    table = pd.concat([predictions_table(lift={"FaceSwap": 0.1}), hard], ignore_index=True)
    other = shifted(table, 0.1)
    found = by_test(compared(run("a", table, ()), run("b", other, ())))
    each = [found[f"FaceSwap (FF++/{kind})"] for kind in ("c23", "c40")]
    mean = found["mean of all cells"]
    assert mean["value"] == pytest.approx(np.mean([one["value"] for one in each])) and mean["draws"] == 100
    assert mean["n_common"] == 96 and mean["high"] - mean["low"] < max(one["high"] - one["low"] for one in each)
    lost = (other["compression"] == "c40") & (other["label"] == 0)
    other.loc[lost, ["sample_id", "video_id"]] += "b"
    found = by_test(compared(run("a", table, ()), run("b", other, ())))
    mean = found["mean of all cells"]
    assert found["FaceSwap (FF++/c23)"]["value"] == each[0]["value"] and found["FaceSwap (FF++/c40)"]["value"] is None
    assert mean["value"] is mean["low"] is mean["p"] is mean["p_holm"] is None and mean["draws"] == 0
    assert mean["n_common"] == 72 and mean["left_out"] == [24, 24] and not mean["few_groups"]


def test_unnamed_fakes_have_a_mean_of_their_own(predictions_table: Predictions) -> None:
    parts = [predictions_table(lift={"fake": 0.1}, groups=8, frames=1).assign(dataset=name) for name in ("A", "B")]
    parts[1] = parts[1].assign(**{name: "B" + parts[1][name] for name in ("sample_id", "video_id", "group")})
    known = predictions_table(lift=LIFT, groups=8, frames=1)
    known = known.assign(**{name: "C" + known[name] for name in ("sample_id", "video_id", "group")})
    table = pd.concat([*parts, known])
    found = by_test(compared(run("a", table), run("b", shifted(table, 0.1))))
    assert found["mean of cells of unnamed fakes"]["n_common"] == 32 and "mean of all cells" not in found


def published(folder: Path, name: str) -> Run:
    """One published file of frames, its groups by the identities in its names."""
    rows = pd.DataFrame(json.loads((folder / "scores" / f"{name}.frame.json").read_text()))
    parts = rows["path"].str.split("\\")
    videos = parts.str[2]
    columns: Mapping[str, Any] = {
        "sample_id": rows["path"],
        "dataset": "FF++",
        "compression": "c40",
        "manipulation": np.where(rows["label"] == 1, "fake", "real"),
        "video_id": parts.str[1] + "/" + videos,
        "group": connected_groups([tuple(video.split("_")) for video in videos]),
        "split": "test",
        "label": rows["label"],
        "score": rows["score"],
    }
    return run(name, pd.DataFrame(columns), ())


def test_prompts_with_a_face_against_those_without(real_data: Path) -> None:
    """120 videos in 111 groups. Drawn jointly the difference is clearer than from two intervals beside each other."""
    names = "seed004_AI-Generated_vs_Authentic", "seed004_AI-Generated_face_vs_Authentic_face"
    records = compared(*(published(real_data, name) for name in names), n_draws=1000)
    frame, video = (by_test(records, level)["fake"] for level in ("frame", "video"))
    assert (round(frame["value"], 3), round(video["value"], 3)) == (0.067, 0.057)
    assert (video["n_common"], frame["n_common"]) == (120, 12120)
    assert frame["low"] == pytest.approx(0.013, abs=0.01) and frame["high"] == pytest.approx(0.13, abs=0.01)
    assert video["p"] < 0.05 and video["delong_why"] == "9 of 111 groups hold several rows, which are not independent"
