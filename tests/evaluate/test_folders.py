"""Run folders are found, read and checked; what is broken is named with its file; files appear whole."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from cache.predictions import write
from evaluate.folders import find_runs, read_run, write_json, write_text


def test_runs_below_a_folder(tree: Path) -> None:
    found = [path.relative_to(tree).as_posix() for path in find_runs(tree)]
    assert found == ["FaceSwap/logistic", "FaceSwap/mlp", "NeuralTextures/logistic", "NeuralTextures/mlp"]
    assert find_runs(tree / "FaceSwap" / "mlp") == [tree / "FaceSwap" / "mlp"]


def test_half_written_runs_in_hidden_folders_are_no_runs(tree: Path) -> None:
    (tree / "FaceSwap" / "mlp").rename(tree / "FaceSwap" / ".mlp.tmp")
    assert len(find_runs(tree)) == 3


def test_a_hidden_parent_folder_hides_nothing(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = make_run(tmp_path / ".results" / "out" / "FaceSwap" / "mlp")
    assert find_runs(tmp_path / ".results" / "out") == [run]


def test_a_run_without_its_run_json_is_not_left_out_in_silence(tree: Path) -> None:
    (tree / "FaceSwap" / "mlp" / "run.json").unlink()
    for folder in (tree, tree / "FaceSwap" / "mlp"):
        with pytest.raises(InputError, match=r"mlp holds predictions\.csv but no run\.json: remove the folder"):
            find_runs(folder)
    (tree / "FaceSwap" / "mlp").rename(tree / "FaceSwap" / ".mlp.tmp")
    assert len(find_runs(tree)) == 3


def test_missing_predictions_say_how_to_get_them_back(run_folder: Path) -> None:
    (run_folder / "predictions.csv").unlink()
    with pytest.raises(
        InputError, match=r"predictions\.csv is missing: remove the folder and `classify` makes it anew"
    ):
        read_run(run_folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", None, [0.5]])
def test_a_threshold_that_is_no_finite_number_is_named(
    tmp_path: Path, make_run: Callable[..., Path], value: object
) -> None:
    run = make_run(tmp_path / "run", thresholds={"video": {"value": value, "source": "out of fold"}})
    with pytest.raises(InputError, match=r"run\.json: the threshold at video level is") as raised:
        read_run(run)
    assert repr(value) in str(raised.value)


@pytest.mark.parametrize("thresholds", [[0.5], 0.5, {"frame": 0.5}, {"frame": {"value": 0.5}}])
def test_a_threshold_of_another_shape_is_named(
    tmp_path: Path, make_run: Callable[..., Path], thresholds: object
) -> None:
    with pytest.raises(InputError, match=r"run\.json: the threshold at (frame|any) level is"):
        read_run(make_run(tmp_path / "run", thresholds=thresholds))


@pytest.mark.parametrize(("split", "videos"), [("test", 72), ("val", 48)])
def test_predictions_that_were_cut_between_two_videos_are_refused(
    tmp_path: Path, make_run: Callable[..., Path], split: str, videos: int
) -> None:
    run = make_run(tmp_path / "run", split={"videos": {"train": 48, "test": 72}})
    path = run / "predictions.csv"
    table = pd.read_csv(path)
    assert len(read_run(run).table) == len(table) == 3 * 120
    last = table.loc[table["split"] == split, "video_id"].iloc[-1]
    table[table["video_id"] != last].to_csv(path, index=False)
    with pytest.raises(InputError, match=rf"{videos - 1} videos of the {split} rows where run.json counts {videos}"):
        read_run(run)
    table[table["split"] == "test"].to_csv(path, index=False)
    assert not len(read_run(run).rows("val")), "a run may have no out-of-fold scores"


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_no_run_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=rf"{name} (holds no run|is no folder)"):
        find_runs(tmp_path / name)


def test_what_a_run_says_of_itself(run_folder: Path) -> None:
    run = read_run(run_folder)
    assert (run.head, run.train) == ("logistic", "FaceSwap")
    assert run.threshold("video")["value"] == 0.55
    assert set(run.rows("test")["split"]) == {"test"}
    assert len(run.rows("val")) + len(run.rows("test")) == len(run.table)


def test_rows_of_a_split_that_do_not_lie_together(run_folder: Path) -> None:
    whole = read_run(run_folder)
    mixed = replace(whole, table=whole.table.sample(frac=1, random_state=0))
    for split in ("val", "test"):
        assert mixed.rows(split).sort_index().equals(whole.rows(split))
    assert len(replace(whole, table=whole.table[:0]).rows("val")) == 0


def test_a_run_of_parquet_is_read_as_one_of_csv(run_folder: Path) -> None:
    from_csv = read_run(run_folder).table
    table = from_csv.assign(manipulation=from_csv["manipulation"].astype("category"))
    write(run_folder / "predictions.parquet", table)
    write(run_folder / "predictions.csv", table.iloc[:-1])
    assert len(read_run(run_folder).table) == len(table) - 1, "the CSV counts where both are there"
    (run_folder / "predictions.csv").unlink()
    pd.testing.assert_frame_equal(read_run(run_folder).table, from_csv, check_exact=True)
    write(run_folder / "predictions.parquet", pd.concat([table, table.iloc[[3]]]))
    with pytest.raises(
        InputError, match=rf"parquet, row {len(table) + 1}: the sample_id stands twice .* \(1 such rows\)"
    ):
        read_run(run_folder)
    (run_folder / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"cannot read predictions from .*\.parquet"):
        read_run(run_folder)
    (run_folder / "run.json").unlink()
    with pytest.raises(InputError, match=r"holds predictions\.parquet but no run\.json"):
        find_runs(run_folder)


def test_a_run_without_thresholds_is_judged_at_one_half(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = read_run(make_run(tmp_path / "run", thresholds=None))
    assert run.threshold("frame") == {"value": 0.5, "source": "0.5, the run states none"}


PLATT = {"method": "platt", "slope": 2.0, "intercept": 0.0}
LEFT = {"method": "unchanged", "why": "no order"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"score": "probability: logistic function"}, (True, True)),
        ({"score": "squashed margin"}, (False, False)),
        ({"score": None}, (False, False)),
        (
            {"score": "squashed margin", "calibration": {"method": "platt", "frame": PLATT, "video": LEFT}},
            (True, False),
        ),
        ({"score": "probability", "calibration": {"method": "platt", "frame": LEFT, "video": PLATT}}, (False, True)),
        ({"score": "probability: logistic", "calibrate": "platt", "calibration": None}, (True, True)),
        ({"score": "squashed margin", "calibrate": "platt", "calibration": None}, (False, False)),
    ],
)
def test_what_can_be_taken_as_a_probability(
    tmp_path: Path, make_run: Callable[..., Path], settings: dict[str, object], expected: tuple[bool, bool]
) -> None:
    run = read_run(make_run(tmp_path / "run", **settings))
    assert (run.gives_probabilities("frame"), run.gives_probabilities("video")) == expected


def test_videos_are_read_as_the_run_calibrates_them(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    calibration = {"method": "platt", "frame": LEFT, "video": PLATT}
    plain, run = (
        read_run(make_run(tmp_path / name, calibration=one)) for name, one in (("a", None), ("b", calibration))
    )
    frames = run.rows("test")
    assert run.at_level(frames, "frame")["score"].equals(frames["score"])
    before, after = (one.at_level(frames, "video")["score"].to_numpy() for one in (plain, run))
    assert after == pytest.approx(before**2 / (before**2 + (1 - before) ** 2))  # twice the log odds


@pytest.mark.parametrize(
    "calibration", ["platt", {"method": "platt"}, {"frame": PLATT, "video": {**PLATT, "slope": -1}}]
)
def test_a_broken_calibration_is_named(tmp_path: Path, make_run: Callable[..., Path], calibration: object) -> None:
    with pytest.raises(InputError, match=r"run\.json: calibration: .* is no calibration"):
        read_run(make_run(tmp_path / "run", calibration=calibration))


def test_the_history_of_a_head_with_epochs(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = make_run(tmp_path / "run", parameters={"epochs": 2})
    assert read_run(run).history is None and read_run(run).kept_epoch is None
    path = run / "history.csv"
    path.write_text("epoch,lr,train_loss\n1,0.1,0.7\n2,0.1,0.6\n3,0.1,0.65\n")
    found = read_run(run)
    assert found.history is not None and found.history["train_loss"].tolist() == [0.7, 0.6, 0.65]
    assert found.kept_epoch == 2
    path.write_text("epoch,lr,train_loss\n1,0.1,0.7\n")
    assert read_run(run).kept_epoch is None, "an epoch that the history does not show"


@pytest.mark.parametrize(
    ("text", "is_drawn"),
    [
        ("epoch,train_loss\n1,0.7\n", True),
        ("epoch,lr\n1,0.1\n", False),
        ("epoch,lr,train_loss\n1,x,0\n", False),
        ("", False),
    ],
)
def test_a_run_is_measured_whatever_its_history_is(run_folder: Path, text: str, is_drawn: bool) -> None:
    (run_folder / "history.csv").write_text(text)
    assert (read_run(run_folder).history is not None) is is_drawn


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read"),
        ('{"head": "logi', "cannot read"),
        ("[]", "lacks all keys"),
        ('{"head": "logistic"}', "lacks train"),
        ('{"head": "logistic", "train": "FaceSwap"}', "lists the manipulations"),
    ],
)
def test_a_broken_run_json_is_named(run_folder: Path, text: str | None, said: str) -> None:
    path = run_folder / "run.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=said) as raised:
        read_run(run_folder)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("label", "-1", "neither 0"),
        ("label", "fake", "neither 0"),
        ("score", "", "no finite number"),
        ("score", "inf", "no finite number"),
        ("score", "high", "no finite number"),
        ("split", "train", "none of val, test"),
        ("group", "", "the group is empty"),
        ("video_id", "", "the video_id is empty"),
    ],
)
def test_a_broken_line_is_named(run_folder: Path, column: str, value: str, said: str) -> None:
    path = run_folder / "predictions.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[7, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=said) as raised:
        read_run(run_folder)
    assert f"{path}, line 9" in str(raised.value)


def test_a_sample_twice_is_refused(run_folder: Path) -> None:
    path = run_folder / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1]]))
    with pytest.raises(InputError, match=rf"line {len(lines) + 1}: the sample_id stands twice"):
        read_run(run_folder)


def test_a_file_that_was_cut_is_refused(run_folder: Path) -> None:
    path = run_folder / "predictions.csv"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match=r"predictions\.csv"):
        read_run(run_folder)


@pytest.mark.parametrize(("keep", "said"), [(0, "real and 0 fake"), (1, "0 real and")])
def test_a_test_set_of_one_class_gets_a_sentence(run_folder: Path, keep: int, said: str) -> None:
    path = run_folder / "predictions.csv"
    table = pd.read_csv(path)
    table[(table["split"] == "val") | (table["label"] == keep)].to_csv(path, index=False)
    with pytest.raises(InputError, match=said) as raised:
        read_run(run_folder)
    assert str(run_folder) in str(raised.value) and "test rows" in str(raised.value)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"auc": 0.5})

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_text(path, "half")
    assert json.loads(path.read_text()) == {"auc": 0.5}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())
