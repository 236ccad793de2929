"""What a page moves its threshold by: exact counts at few thresholds, the run's own among them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from evaluate.caveats import ALL
from evaluate.decisions import confusion
from evaluate.folders import read_run
from evaluate.interactive import BINS, histogram, movable, operating_points
from evaluate.levels import measure


@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(-8, 8)), min_size=2, max_size=60),
    threshold=st.floats(-3, 3),
    most=st.integers(2, 12),
)
def test_counts_are_those_of_the_decisions(rows: list[tuple[int, int]], threshold: float, most: int) -> None:
    labels = np.array([0, 1, *(label for label, _ in rows)])
    scores = np.array([0.0, 0.25, *(score / 4 for _, score in rows)])
    found = operating_points(labels, scores, threshold, most)
    cuts = found["cuts"]
    assert cuts == sorted(set(cuts)) and threshold in cuts and len(cuts) <= most + 1
    for cut, fp, tp in zip(cuts, found["fp"], found["tp"], strict=True):
        counted = confusion(labels, scores >= cut)
        assert (fp, tp) == (counted["fp"], counted["tp"])
        assert (found["real"], found["fake"]) == (counted["fp"] + counted["tn"], counted["tp"] + counted["fn"])
    ends = list(zip(found["fp"], found["tp"], strict=True))
    assert ends[0] == (found["real"], found["fake"]) and ends[-1] == (0, 0)


def test_thresholds_lie_where_there_is_something_to_see() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 20_000)
    scores = 1 / (1 + np.exp(-rng.normal(4 * labels - 2, 2)))  # crowded at both ends, as a sure head's scores are
    found = operating_points(labels, scores, 0.5)
    assert 300 < len(found["cuts"]) <= 401
    for values, whole in ((found["cuts"], 1.0), (found["fp"], found["real"]), (found["tp"], found["fake"])):
        assert np.abs(np.diff(values)).max() < 0.02 * whole


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="needs both classes"):
        operating_points(np.ones(3, int), np.arange(3.0), 0.5)


def test_a_histogram_holds_every_row_and_the_threshold() -> None:
    found = histogram(np.array([0, 0, 1]), np.array([-1.0, 0.5, 0.75]), 2.0)
    assert (found["low"], found["high"]) == (-1.0, 2.0)
    assert [sum(found["bins"][name]) for name in ("real", "fake")] == [2, 1]
    assert len(found["bins"]["real"]) == BINS and found["bins"]["real"][0] == 1
    same = histogram(np.array([0, 1]), np.array([2.0, 2.0]), 2.0)
    assert (same["low"], same["high"]) == (1.5, 2.5) and sum(same["bins"]["fake"]) == 1


def test_each_cell_and_level_starts_as_it_was_measured(run_folder: Path) -> None:
    run = read_run(run_folder)
    found = movable(run)
    assert [cell["name"] for cell in found] == ["FaceSwap", "NeuralTextures", ALL]
    for level in ("frame", "video"):
        table = run.at_level(run.rows("test"), level)
        counted = measure(table, run.threshold(level))["confusion"]
        points = found[-1][level]
        at = points["cuts"].index(run.threshold(level)["value"])
        assert (points["fp"][at], points["tp"][at]) == (counted["fp"], counted["tp"])
        assert points["real"] + points["fake"] == len(table)


def test_of_one_manipulation_there_is_one_cell(
    tmp_path: Path, make_run: Callable[..., Path], predictions_table: Callable[..., pd.DataFrame]
) -> None:
    run = make_run(tmp_path / "run", tables=[predictions_table(lift={"NeuralTextures": 0.1})])
    assert [cell["name"] for cell in movable(read_run(run))] == ["NeuralTextures"]
