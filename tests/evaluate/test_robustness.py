"""Robustness: each view against the same rows unchanged, with the same draws."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.predictions import COLUMNS
from evaluate.bootstrap import bootstrap
from evaluate.folders import Run
from evaluate.intervals import GroupDraws, group_draws, interval
from evaluate.levels import cells
from evaluate.metrics import auc
from evaluate.robustness import base_view, by_family, robustness, robustness_lines, robustness_table

CONFIG = {"head": "mlp", "train": ["FaceSwap"], "cache": {"provenance": {"view": "clean"}}}


def in_view(table: pd.DataFrame, **scores: Any) -> pd.DataFrame:
    """Scores of all rows in views, by the names of the views, "_" for "-"."""
    parts = [table[["sample_id"]].assign(view=view.replace("_", "-"), score=score) for view, score in scores.items()]
    return pd.concat(parts, ignore_index=True)


def draws_of(run: Run, n_draws: int = 200) -> GroupDraws:
    test = run.rows("test")
    return group_draws(test["group"].to_numpy(dtype=str), test["label"].to_numpy(), n_draws)


def measured(run: Run) -> dict[str, Any]:
    found = robustness(run, draws_of(run))
    assert found is not None
    return found


def make_run(table: pd.DataFrame, config: Mapping[str, Any] = CONFIG, **scores: Any) -> Run:
    return Run(Path("run"), dict(config), table, None, in_view(table, **scores) if scores else None)


@pytest.fixture
def table(predictions_table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return predictions_table()


def test_views_stand_by_family_and_severity() -> None:
    views = ["odd-1", "jpeg-30", "blur-10", "flip", "jpeg-100", "blur-2", "resize-64", "resize-112"]
    assert by_family(views) == {
        "jpeg": ["jpeg-100", "jpeg-30"],
        "blur": ["blur-2", "blur-10"],
        "resize": ["resize-112", "resize-64"],
        "": ["flip", "odd-1"],
    }


def test_a_worked_example() -> None:
    """Reals .1 .2 .6 .7, fakes .3 .4 .8 .9 (12 of 16 pairs right); in the view one fake falls below all reals."""
    rows = []
    for at, score in enumerate([0.1, 0.2, 0.6, 0.7, 0.3, 0.4, 0.8, 0.9]):
        kind = "real" if at < 4 else "FaceSwap"
        rows.append([f"{at}/0", "FF++", "c23", kind, f"{at}", f"g{at}", "test", int(at >= 4), score, 0])
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    fallen = table["score"].replace(0.9, 0.05)
    found = measured(make_run(table, blur_2=fallen))
    for level in ("frame", "video"):
        clean, blurred = (found["cells"]["FaceSwap"][level][view] for view in ("clean", "blur-2"))
        assert clean["auc"]["value"] == 12 / 16 and clean["change"] is None
        assert blurred["auc"]["value"] == 8 / 16 and blurred["change"]["value"] == -4 / 16
        assert clean["balanced_accuracy"]["value"] == 0.5, "at the run's threshold of .5: two of four on both sides"
        assert blurred["balanced_accuracy"]["value"] == 0.375 == 0.5 + blurred["balanced_accuracy_change"]["value"]
        assert (clean["n"], blurred["n"]) == (8, 8) and clean["auc"]["few_groups"]
        low, high = blurred["change"]["low"], blurred["change"]["high"]
        assert low < -4 / 16 < high <= 0, "no draw gains: the one that fell can only lose"
    assert found["views"] == ["blur-2"] and found["base"] == "clean" and found["told"] == []


def test_the_same_scores_change_nothing_and_reversed_ones_mirror_the_auc(table: pd.DataFrame) -> None:
    found = measured(make_run(table, flip=table["score"], blur_1=1 - table["score"]))
    for by_level in found["cells"].values():
        for by_view in by_level.values():
            assert by_view["flip"]["auc"] == by_view["clean"]["auc"]
            assert {by_view["flip"]["change"][end] for end in ("value", "low", "high")} == {0.0}
            clean, turned = by_view["clean"]["auc"], by_view["blur-1"]["auc"]
            assert turned["value"] == pytest.approx(1 - clean["value"])
            assert turned["low"] == pytest.approx(1 - clean["high"])


def test_changes_are_paired_draw_by_draw(table: pd.DataFrame) -> None:
    noisy = table["score"] + np.random.default_rng(3).normal(scale=0.02, size=len(table))
    run = make_run(table, jpeg_70=noisy)
    cell = cells(table)["NeuralTextures"]
    labels, groups = cell["label"].to_numpy(), cell["group"].to_numpy(dtype=str)
    one, two = cell["score"].to_numpy(), noisy[cell.index].to_numpy()
    before, after = (bootstrap(labels, scores, groups, draws_of(run))["auc"] for scores in (one, two))
    figures = measured(run)["cells"]["NeuralTextures"]["frame"]
    change = figures["jpeg-70"]["change"]
    assert change["value"] == pytest.approx(auc(labels, two) - auc(labels, one))
    assert (change["low"], change["high"]) == pytest.approx(tuple(interval(after - before).values()))
    alone = figures["clean"]["auc"]["high"] - figures["clean"]["auc"]["low"]
    assert change["high"] - change["low"] < alone / 3, "the groups are the same, so most of the spread cancels"


def test_videos_go_by_the_run_s_own_calibration_and_threshold(table: pd.DataFrame) -> None:
    curve = {"method": "platt", "slope": 2.0, "intercept": -1.0}
    thresholds = {"video": {"value": 0.6, "source": "chosen"}}
    config = {
        **CONFIG,
        "calibration": {"method": "platt", "frame": curve, "video": curve},
        "thresholds": thresholds,
    }
    lower = table["score"] * 0.8
    run = make_run(table, config, resize_64=lower)
    figures = measured(run)["cells"]["FaceSwap"]["video"]["resize-64"]
    videos = run.at_level(cells(table.assign(score=lower))["FaceSwap"], "video")
    found = [((videos["score"] >= 0.6) == (videos["label"] == 1))[videos["label"] == label].mean() for label in (0, 1)]
    assert figures["balanced_accuracy"]["value"] == pytest.approx(np.mean(found)) and 0 < np.ptp(found) < 1
    assert figures["n"] == len(videos)


def test_rows_without_a_score_are_left_out_on_both_sides_and_told(table: pd.DataFrame) -> None:
    run = make_run(table, flip=table["score"])
    assert run.views is not None
    left_out = table.sample(60, random_state=0).index
    found = measured(replace(run, views=run.views.drop(left_out)))
    assert found["told"] == [
        f"view flip: 60 of {len(table)} test rows have no score in it and are left out of the comparison"
    ]
    for by_level in found["cells"].values():
        assert by_level["frame"]["flip"]["change"]["value"] == 0, "the rows that are there score the same"
        assert by_level["frame"]["flip"]["n"] < by_level["frame"]["clean"]["n"]
    kept = cells(table.drop(left_out))["FaceSwap"]
    expected = auc(kept["label"].to_numpy(), kept["score"].to_numpy())
    assert found["cells"]["FaceSwap"]["frame"]["flip"]["auc"]["value"] == pytest.approx(expected)
    assert expected != pytest.approx(found["cells"]["FaceSwap"]["frame"]["clean"]["auc"]["value"])


def test_a_cell_that_lacks_a_class_in_a_view_is_told(table: pd.DataFrame) -> None:
    run = make_run(table, flip=table["score"])
    assert run.views is not None
    found = measured(replace(run, views=run.views[~run.views["sample_id"].str.contains("/FaceSwap/")]))
    assert set(found["cells"]["FaceSwap"]["video"]) == {"clean"}
    assert set(found["cells"]["NeuralTextures"]["video"]) == {"clean", "flip"}
    assert found["told"][1] == "view flip: a class of FaceSwap has no score in it, so that nothing is compared"


def test_the_order_of_the_file_does_not_matter(table: pd.DataFrame) -> None:
    run = make_run(table, jpeg_30=table["score"] ** 2, flip=1 - table["score"])
    assert run.views is not None
    assert measured(replace(run, views=run.views.sample(frac=1, random_state=0))) == measured(run)


def test_nothing_is_measured_without_other_views(table: pd.DataFrame) -> None:
    run = make_run(table)
    assert robustness(run, draws_of(run)) is None


@pytest.mark.parametrize(
    ("config", "base"),
    [
        ({}, "clean"),
        ({"cache": {"provenance": {"view": "jpeg-90"}}, "test_cache": None}, "jpeg-90"),
        ({"cache": {"provenance": {"view": "clean"}}, "test_cache": {"provenance": {"view": "flip"}}}, "flip"),
    ],
)
def test_the_base_is_the_view_that_was_tested_on(table: pd.DataFrame, config: dict[str, Any], base: str) -> None:
    assert base_view(make_run(table, {"head": "mlp", "train": [], **config})) == base


def test_the_table_holds_every_number(table: pd.DataFrame) -> None:
    found = measured(make_run(table, flip=table["score"] ** 2, jpeg_30=table["score"]))
    rows = robustness_table(found)
    assert len(rows) == 2 * 2 * 3 and rows["view"].tolist()[:3] == ["clean", "jpeg-30", "flip"]
    assert rows.loc[rows["view"] == "clean", "change"].isna().all()
    picked = rows[(rows["test"] == "FaceSwap") & (rows["level"] == "video") & (rows["view"] == "flip")].iloc[0]
    figures = found["cells"]["FaceSwap"]["video"]["flip"]
    assert picked["n"] == figures["n"]
    for name in ("auc", "change", "balanced_accuracy", "balanced_accuracy_change"):
        assert [picked[name], picked[f"{name}_low"], picked[f"{name}_high"]] == [
            figures[name][end] for end in ("value", "low", "high")
        ]


def test_the_console_shows_the_most_severe_view_of_each_family(table: pd.DataFrame) -> None:
    found = measured(make_run(table, jpeg_30=1 - table["score"], jpeg_90=table["score"], flip=table["score"]))
    jpeg, flip = robustness_lines(found)
    assert (
        jpeg.startswith("jpeg-30: -")
        and flip == "flip: 0.000 (0.00-0.00) on FaceSwap and 0.000 (0.00-0.00) on NeuralTextures"
    )


def test_a_gain_has_its_sign(table: pd.DataFrame) -> None:
    lifted = table["score"] + 0.1 * (table["manipulation"] == "NeuralTextures")
    (line,) = robustness_lines(measured(make_run(table, flip=lifted)))
    assert line.startswith("flip: 0.000 (0.00-0.00) on FaceSwap and +0.")


def test_a_score_at_the_threshold_is_called_fake(table: pd.DataFrame) -> None:
    at = table.assign(score=np.where(table["label"] == 1, 0.5, 0.25))
    found = measured(make_run(at, flip=at["score"]))
    for by_level in found["cells"].values():
        assert {one["balanced_accuracy"]["value"] for by_view in by_level.values() for one in by_view.values()} == {1.0}
