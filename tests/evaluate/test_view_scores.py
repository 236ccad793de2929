"""Scores in other views: read as they were written, and what is broken is refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.predictions import write
from evaluate.view_scores import FILE, read_views


@pytest.fixture
def test_rows(predictions_table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return predictions_table(groups=2, frames=1)


@pytest.fixture
def views(test_rows: pd.DataFrame) -> pd.DataFrame:
    parts = [test_rows[["sample_id", "score"]].assign(view=view) for view in ("flip", "jpeg-30")]
    return pd.concat(parts, ignore_index=True)[["view", "sample_id", "score"]]


def test_scores_come_back_bit_for_bit(tmp_path: Path, test_rows: pd.DataFrame, views: pd.DataFrame) -> None:
    views["score"] = np.random.default_rng(0).random(len(views)) / 3
    write(tmp_path / FILE, views)
    pd.testing.assert_frame_equal(read_views(tmp_path, test_rows, ["flip", "jpeg-30"]), views, check_exact=True)


def test_a_run_without_other_views_has_none(tmp_path: Path, test_rows: pd.DataFrame, views: pd.DataFrame) -> None:
    assert read_views(tmp_path, test_rows) is None
    write(tmp_path / FILE, views[:0])
    assert read_views(tmp_path, test_rows) is None


def test_what_the_run_names_must_be_there(tmp_path: Path, test_rows: pd.DataFrame, views: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"view_predictions.csv is missing, which holds the scores in flip: remove"):
        read_views(tmp_path, test_rows, ["flip"])
    write(tmp_path / FILE, views)
    with pytest.raises(InputError, match=r"has no score in blur-1, which run\.json names: was it cut"):
        read_views(tmp_path, test_rows, ["flip", "blur-1"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("score", "high", r"line 3: the score is no finite number \(1 such lines\)"),
        ("score", "", "line 3: the score is no finite number"),
        ("score", "inf", "line 3: the score is no finite number"),
        ("sample_id", "elsewhere", r"line 3: the sample_id is that of no test row \(1 such"),
        ("sample_id", None, "line 3: the sample_id stands twice in its view"),
    ],
)
def test_bad_lines_are_refused_by_number(
    tmp_path: Path, test_rows: pd.DataFrame, views: pd.DataFrame, column: str, value: str | None, message: str
) -> None:
    broken = views.astype(object)
    broken.loc[1, column] = broken.loc[0, column] if value is None else value
    broken.to_csv(tmp_path / FILE, index=False)
    with pytest.raises(InputError, match=f"{FILE}, {message}"):
        read_views(tmp_path, test_rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "cannot read"), (b"\xff\xfe\x00", "cannot read"), (b"view,score\nflip,1\n", "lacks the columns sample_id")],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, test_rows: pd.DataFrame, content: bytes, message: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_views(tmp_path, test_rows)
