"""Scores that others wrote: read in every form, their videos and groups found, what means nothing refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from cache.errors import InputError
from cache.predictions import COLUMNS, write
from evaluate import metrics
from evaluate.score_reals import with_reals
from evaluate.scores import ALONE, SCORE_COLUMNS, UNPAIRED, Scores, read_scores

HEAD = "path,label,score\n"
PLAIN = HEAD + "real/004.png,0,0.1\nFaceSwap/018_019.png,1,0.9\n"


def read(folder: Path, text: str, *columns: str) -> Scores:
    path = folder / "theirs.csv"
    path.write_text(text, encoding="utf-8")
    return read_scores(path, columns)


def test_a_table_becomes_predictions(tmp_path: Path) -> None:
    text = (
        "FilePath,Fake Probability,True-Label,note\n"
        "./data\\Real_youtube\\286\\082.png,1e-3,0,x\n"
        "/hdd/c40/FaceSwap/286_971/7.png,0.75,fake,\n"
    )
    table, columns, notes, bare = read(tmp_path, text)
    assert list(table) == [*COLUMNS[:-1], "scene", "identities"] and not notes and not bare
    assert columns == {"path": "FilePath", "label": "True-Label", "score": "Fake Probability"}
    assert table.to_numpy().tolist() == [
        ["real/286/82", "unknown", "unknown", "real", "real/286", "286", "test", 0, 0.001, "286", "286"],
        ["c40/FaceSwap/286_971/7", "unknown", "c40", "FaceSwap", "c40/FaceSwap/286_971", "286", "test", 1, 0.75,
         "286", "286 971"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SCORE_COLUMNS["score"] if name != "score"])
def test_a_score_column_by_its_name(tmp_path: Path, name: str) -> None:
    text = PLAIN.replace("score", name.upper())
    assert read(tmp_path, text).table["score"].tolist() == [0.1, 0.9]
    both = text.replace("\n", ",score\n", 1).replace("0.1", "0.1,5").replace("0.9", "0.9,6")
    assert read(tmp_path, both).table["score"].tolist() == [5, 6]
    assert read(tmp_path, both, f"score={name.upper()}").table["score"].tolist() == [0.1, 0.9]


def test_flat_and_nested_names_of_one_frame_agree(tmp_path: Path) -> None:
    flat = "Real_youtube/286_082.png,0,0\nNeuralTextures/018_019_055.png,1,1\nFS/018_019_055.png,1,1\n"
    nested = "a/Real_youtube/286/082.png,0,0\na/NT/018_019/055.jpg,1,1\na/faceswap/018_019/55.png,1,1\n"
    tables = [read(tmp_path, HEAD + text).table for text in (flat, nested)]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["sample_id"].tolist() == ["real/286/82", "NeuralTextures/018_019/55", "FaceSwap/018_019/55"]


def test_rows_of_a_video_are_its_frames_in_file_order(tmp_path: Path) -> None:
    text = "video,label,score\n004,0,0.5\n018_019,1,0.5\n004,0,0.5\n004,0,0.5\n"
    table = read(tmp_path, text).table
    assert table["sample_id"].tolist() == ["real/004/#0", "fake/018_019/#0", "real/004/#1", "real/004/#2"]
    assert table["group"].tolist() == ["004", "018", "004", "004"]
    numbered = "video,label,score,frame\n004,0,0.5,10\n018_019,1,0.5,010\n004,0,0.5,last\n"
    found = read(tmp_path, numbered).table["sample_id"].tolist()
    assert found == ["real/004/10", "fake/018_019/10", "real/004/last"]


def test_a_row_may_have_a_video_in_the_place_of_a_path(tmp_path: Path) -> None:
    text = "path,video,label,score\n,004,0,0.5\n,004,0,0.5\nFS/018_019/3.png,,1,0.5\n"
    assert read(tmp_path, text).table["sample_id"].tolist() == ["real/004/#0", "real/004/#1", "FaceSwap/018_019/3"]


def test_a_video_column_may_hold_paths(tmp_path: Path) -> None:
    text = "video,label,score\nyoutube/c23/004.mp4,0,0\nFS/018_019.mp4,1,1\nNT/018_019.mp4,1,1\nb/7,1,1\nc/7,1,1\n"
    table = read(tmp_path, text).table
    assert table["video_id"].tolist() == [
        "c23/real/004", "FaceSwap/018_019", "NeuralTextures/018_019", "fake/b/7", "fake/c/7",
    ]  # fmt: skip
    assert table["group"].tolist() == ["004", "018", "018", "b/7", "c/7"]


def test_rows_without_a_name_stand_for_themselves(tmp_path: Path) -> None:
    scores = read(tmp_path, "label,score\n0,0.1\n1,0.1\n1,0.1\n")
    assert scores.table["group"].nunique() == scores.table["video_id"].nunique() == 3
    assert scores.notes == [ALONE, UNPAIRED] and not scores.bare
    grouped = read(tmp_path, "label,score,group\n0,0.1,a\n1,0.1,a\n1,0.1,b\n")
    assert grouped.table["video_id"].nunique() == 3 and grouped.table["group"].nunique() == 2
    assert grouped.notes == [UNPAIRED]


def test_a_row_without_a_name_is_that_of_its_file_alone(tmp_path: Path) -> None:
    text = "label,score\n0,0.1\n1,0.2\n"
    one, same, other = (read(tmp_path, each).table for each in (text, text, "label,score\n1,0.2\n0,0.1\n"))
    for column in ("sample_id", "video_id", "group"):
        assert one[column].tolist() == same[column].tolist()
        assert not set(one[column]) & set(other[column])


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("video,label,score\nv1,0,0\nv2,1,1\n", True),
        ("video,label,score,method\nv1,0,0,gan\nv2,1,1,gan\n", False),
        ("video,label,score\nv1,0,0\ngan/v2,1,1\n", False),
        (PLAIN, False),
    ],
)
def test_names_of_videos_and_nothing_else(tmp_path: Path, text: str, bare: bool) -> None:
    assert read(tmp_path, text).bare is bare


def test_folders_that_all_share_tell_no_class(tmp_path: Path) -> None:
    text = HEAD + "deepfake/test/abc/1.png,0,0.1\ndeepfake/test/xyz/1.png,1,0.9\n"
    assert read(tmp_path, text).table["manipulation"].tolist() == ["real", "fake"]


def test_the_reals_of_a_method_are_real(tmp_path: Path) -> None:
    text = "path,label,score,method\na/1.png,0,0.1,blendface\nb/1.png,1,0.9,blendface\n"
    assert read(tmp_path, text).table["manipulation"].tolist() == ["real", "blendface"]


def test_own_predictions_come_back_as_they_are(tmp_path: Path, predictions: pd.DataFrame) -> None:
    write(tmp_path / "predictions.csv", predictions)
    scores = read_scores(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(scores.table[list(COLUMNS[:-1])], predictions[list(COLUMNS[:-1])])
    assert not scores.notes
    write(tmp_path / "predictions.csv", pd.concat([predictions, predictions[:1]]))
    with pytest.raises(InputError, match=r"line 5: sample_id 'D/c23/real/x/y/0' stands in line 2 already"):
        read_scores(tmp_path / "predictions.csv")


@pytest.fixture
def predictions() -> pd.DataFrame:
    """With names that no rule would find again, and a sample that is in val and in test."""
    rows = [
        ["D/c23/real/x/y/0", "D", "c23", "real", "D/c23/real/x/y", "scene 1", "test", 0, 0.1],
        ["D/c23/FaceSwap/004_982/0", "D", "c23", "FaceSwap", "D/c23/FaceSwap/004_982", "982", "test", 1, 1 / 3],
        ["D/c23/real/x/y/0", "D", "c23", "real", "D/c23/real/x/y", "scene 1", "val", 0, 0.1],
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS[:-1])).assign(predicted=0)


def test_other_splits_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "path,label,score,split\nreal/1.png,0,0,test\nFS/001_002.png,1,1,Testing\nFS/003_004.png,1,1,val\n"
    scores = read(tmp_path, text + "FS/005_006.png,1,1,train\nFS/007_008.png,1,1,train\nFS/009_010.png,1,1,\n")
    assert scores.table["split"].tolist() == ["test", "test", "val"]
    assert scores.notes == ["Left out: 2 rows of split train and 1 row of no split"]


def test_fakes_without_reals_of_their_kind(tmp_path: Path) -> None:
    text = "path,label,score\nyoutube/1.png,0,0\nFS/c23/001_002/0.png,1,1\nNT/c40/001_002/0.png,1,1\n"
    table, notes = with_reals(read(tmp_path, text).table)
    assert table["compression"].unique().tolist() == ["mixed"] and table["dataset"].unique().tolist() == ["unknown"]
    assert notes[0].startswith("No reals of unknown/c23 and unknown/c40: ")
    text = "path,label,score,dataset\nyoutube/1.png,0,0,A\nFS/001_002/0.png,1,1,B\n"
    assert with_reals(read(tmp_path, text).table)[0]["dataset"].unique().tolist() == ["mixed"]
    whole = read(tmp_path, PLAIN).table
    assert with_reals(whole) == (whole, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\na.png,1\n",
            "no column for the score: it has path, label; accepted: score, .*--column score=NAME",
        ),
        ("path,score\na.png,1\n", "no column for the label"),
        ("path,label,prob,logit\na.png,1,1,2\n", "several columns that may be the score: prob, logit; say which with"),
        ("path,label,score,Score\na.png,1,1,2\n", "several columns that may be the score: score, Score"),
        ("path,label,score,score\na.png,1,1,2\n", "2 columns called 'score'"),
        (PLAIN + "FS/1.png,1,\n", "line 4: the score '' is no finite number .*1 such rows"),
        (PLAIN + "FS/1.png,1,nan\nFS/2.png,1,x\n", "line 4: the score 'nan' is no finite number .*2 such rows"),
        (PLAIN + "FS/1.png,1,-inf\n", "line 4: the score '-inf' is no finite"),
        (PLAIN.replace(",", ";").replace("0.9", "0,9"), "line 3: the score '0,9' is no .* with a decimal point"),
        (PLAIN + "FS/1.png,2,1\n", "line 4: label '2' means nothing; known: 0, 0.0, real"),
        (PLAIN + "FS/1.png,,1\n", "line 4: label '' means nothing"),
        (PLAIN + ",1,1\n", "line 4: no path and no video"),
        (PLAIN + "/,1,1\n", "line 4: / names neither a file nor a video"),
        (PLAIN + "FaceSwap/2.png,0,0.5\n", r"line 4: the label 0 \(real\) of FaceSwap/2.png contradicts"),
        (PLAIN + "x/../real\\004.png,0,0.5\n", "line 4: path 'real/004.png' stands in line 2 already .1 such"),
        ("video,frame,label,score\n4,1,0,0\n4,1,1,0\n4,1,1,0\n", "line 4: .*video '4', frame '1' stands in line 3"),
        ("sample_id,label,score\nreal/4/1,0,0\nreal/4/1,0,0\nFS/4/1,1,0\n", "line 3: sample_id .* stands in line 2"),
        ("path,label,score\nreal/1.png,0,0\n", "has 1 real and 0 fakes to test on: both classes are needed"),
        (
            "path,label,score,split\nreal/1.png,0,0,train\nFS/1.png,1,0,train\n",
            "0 fakes to test on, 2 rows of split 'tr",
        ),
        ("path,label,score,split\nreal/1.png,0,0,holdout\n", "line 2: split 'holdout' means nothing"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_records_are_named_by_number(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"video_id": 820, "label": 0, "score": 0.5},
        {"video_id": "018_019", "label": 1.0, "score": True},
    ]
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(records))
    with pytest.raises(InputError, match="record 2: the score 'true' is no finite number"):
        read_scores(path)
    for nothing, shown in ((None, "null"), (float("nan"), "nan"), ("", "''")):
        records[1]["score"] = nothing
        path.write_text(json.dumps(records))
        with pytest.raises(InputError, match=f"record 2: the score {shown} is no finite number"):
            read_scores(path)
    records[1]["score"] = 7
    path.write_text(json.dumps({"results": records}))
    assert read_scores(path).table["video_id"].tolist() == ["real/820", "fake/018_019"]


NAMES = st.sampled_from(
    ["", "real/1.png", "FS/1_2.png", "x\\y", "a b", "018_019", "/", "..", "\ud800", "\0", "7", "D/"]
)
ROWS = st.fixed_dictionaries(
    {"label": st.sampled_from([0, 1, "real", 1.0])},
    optional={
        "score": st.one_of(st.floats(), st.integers(), st.text(max_size=3), st.none()),
        "path": NAMES, "video": NAMES, "frame": NAMES, "group": NAMES, "manipulation": NAMES, "dataset": NAMES,
    },
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6))
def test_any_records_are_predictions_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]]
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_text(json.dumps([{"score": 0.5, **record} for record in records]))
    try:
        table = read_scores(path).table
    except InputError:
        return
    assert len(table) == len(records) and not table["sample_id"].duplicated().any()
    assert (table[["video_id", "group", "identities", "sample_id"]] != "").all(axis=None)
    assert np.isfinite(table["score"]).all() and set(table["label"]) == {0, 1}
    assert (table.groupby("video_id")[["label", "group"]].nunique() == 1).all(axis=None)


PUBLISHED = {  # file: (convention of the EER, AUC, EER, F1, accuracy), as published
    "seed000_test_results.csv": ("nearest", 0.9913944752475247, 0.0422, 0.9159600729848664, 0.8962913907284769),
    "seed001_test_predictions.csv": (
        "mean", 0.9907112475247526, 0.044378217821782195, 0.9140952585743468, 0.8941721854304636,
    ),
    "seed004_baseline_clip_linear.frame.json": ("thinned", 0.603, 0.441, 0.899, 0.818),
    "seed004_AI-Generated_vs_Authentic.frame.json": ("thinned", 0.792, 0.269, 0.927, 0.872),
    "seed004_AI-Generated_face_vs_Authentic_face.frame.json": ("thinned", 0.859, 0.191, 0.924, 0.869),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str, real_data: Path) -> None:
    table, _, notes, _ = read_scores(real_data / "scores" / name)
    labels, scores = table["label"].to_numpy(), table["score"].to_numpy()
    convention, *published = PUBLISHED[name]
    called = scores >= 0.5
    mine = [metrics.auc(labels, scores), metrics.f1(labels, called), metrics.accuracy(labels, called)]
    if convention == "thinned":
        fpr, tpr, _ = roc_curve(labels, scores)  # drops intermediate thresholds
        nearest = np.argmin(np.abs(fpr + tpr - 1))
        mine.insert(1, (fpr + 1 - tpr)[nearest] / 2)
        assert [round(value, 3) for value in mine] == published
        assert metrics.eer(labels, scores, "mean") == pytest.approx(mine[1], abs=1e-3)
    else:
        mine.insert(1, metrics.eer(labels, scores, convention))
        assert mine == pytest.approx(published, abs=1e-12)
    assert not notes


@pytest.mark.parametrize("level", ["frame", "video"])
def test_videos_and_groups_of_the_published_files(level: str, real_data: Path) -> None:
    table = read_scores(real_data / "scores" / f"seed004_baseline_clip_linear.{level}.json").table
    assert table["video_id"].nunique() == 120 and table["group"].nunique() == 111
    labels = table.groupby("group")["label"].agg(["min", "max"])
    assert labels.value_counts().to_dict() == {(1, 1): 91, (0, 0): 17, (0, 1): 3}
