"""Lists of training samples, whatever they look like, and what of them stands in a test again."""

from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from evaluate.scores import read_scores
from evaluate.training_list import Leak, find_leak, leak_sentence, read_training

TEST = (
    "path,label,score\nreal/004/0.png,0,0\nreal/004/1.png,0,0\nreal/519/0.png,0,0\nNT/004_982/0.png,1,1\n"
    "NT/634_660/0.png,1,1\nNT/018_019/0.png,1,1\n"
)


@pytest.fixture
def tested(tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "test.csv").write_text(TEST)
    return read_scores(tmp_path / "test.csv").table


def read(folder: Path, text: str) -> pd.DataFrame:
    path = folder / "training.csv"
    path.write_text(text, encoding="utf-8")
    return read_training(path)


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("path,label\nreal_004.png,0\nFS/998_999.png,1\n", Leak([], 0, 0)),
        ("path\nreal/004/7.png\n", Leak(["004"], 1, 0)),  # of the video another frame
        ("path\nreal/004_001.png\nreal/004_001.png\n", Leak(["004"], 1, 1)),  # a frame, under its flat name
        ("file_path\nC:\\x\\FS\\004_982\\0.png\n", Leak(["004"], 0, 0)),  # the scene, in another manipulation
        ("video,manipulation\n019_555,DF\n660,real\n", Leak(["018", "634"], 0, 0)),  # who gave a face
        ("path,split\nreal/519/0.png,test\nNT/634_660/0.png,val\nFS/1_2.png,train\n", Leak(["634"], 1, 1)),
        ("sample_id\nFF++/c23/NeuralTextures/018_019/0\n", Leak(["018"], 1, 1)),
        ("video_id,group,split\nFF++/c23/real/519,519,train\n", Leak(["519"], 1, 0)),  # as `classify` writes splits
        ("C:\\x\\real\\004\\7.png\r\n\r\nC:\\x\\FS\\634_001\\7.png\r\n", Leak(["004", "634"], 1, 0)),  # no header
        ("path,dataset\nreal/519/0.png,FF++\n", Leak(["519"], 1, 1)),  # the test does not tell its data set
    ],
)
def test_what_leaks(tmp_path: Path, tested: pd.DataFrame, text: str, leak: Leak) -> None:
    assert find_leak(tested, read(tmp_path, text)) == leak


def test_names_of_two_data_sets_are_not_the_same(tmp_path: Path, tested: pd.DataFrame) -> None:
    told = tested.assign(dataset="DFD", identities="DFD/" + tested["identities"])
    for column in ("video_id", "sample_id"):
        told[column] = "DFD/" + told[column]
    text = "path,dataset\nreal/519/0.png,{}\n"
    assert find_leak(told, read(tmp_path, text.format("FF++"))) == Leak([], 0, 0)
    assert find_leak(told, read(tmp_path, text.format("DFD"))) == Leak(["519"], 1, 1)


def test_in_a_sentence(tmp_path: Path, tested: pd.DataFrame) -> None:
    training = read(tmp_path, "path\nreal/004/0.png\nFS/634_001.png\n")
    assert leak_sentence(find_leak(tested, training), tested, training) == (
        "LEAK: 2 of 4 test groups were in training: 004 and 634; 1 of 5 videos and 1 of 6 frames were "
        "trained on themselves"
    )
    others = read(tmp_path, "path\nFS/634_001.png\n")
    found = leak_sentence(find_leak(tested, others), tested, others)
    assert found == "LEAK: 1 of 4 test groups were in training: 634"
    assert leak_sentence(Leak([], 0, 0), tested, training) == (
        "None of the 4 test groups has anybody of the 2 training samples that were listed, by name: files that are "
        "called otherwise would not be noticed"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,score\n1,1\n", "names no samples: it has label, score; a list of training samples has a column path"),
        ("path\nreal/1.png\nx/2.png\n", "line 3: neither a label nor a folder tells real or fake"),
        ("path,split\nreal/1.png,test\n", "has no row of split train"),
        ("real/1.png\nx/2.png\n", "line 2: neither a label nor a folder tells"),
        ("x/1.png\nreal/2.png\n", "line 1: neither a label nor a folder tells"),
        ("real/1.png\nand no path\n", "names no samples: it has real/1.png; .* or is of paths alone, one a line"),
        ("path,label\nreal/1.png,1\n", "line 2: the label 1 .* contradicts"),
    ],
)
def test_no_list(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "listed",
    [
        "path,label\nclips/clip0/7.png,0\nclips/clip9/7.png,1\n",
        "path,label\n/other/clips/clip0/7.png,0\n/other/clips/clip9/7.png,1\n",
        "video,label\nclip0,0\n",
    ],
)
def test_where_a_table_lies_is_no_part_of_a_name(tmp_path: Path, listed: str) -> None:
    rows = [f"/home/u/data/clips/clip{at}/0.png,{at % 2},0.{at + 1}" for at in range(4)]
    (tmp_path / "test.csv").write_text("path,label,score\n" + "\n".join(rows) + "\n")
    (tmp_path / "list.csv").write_text(listed)
    test = read_scores(tmp_path / "test.csv").table
    assert len(find_leak(test, read_training(tmp_path / "list.csv")).groups) == 1
    assert not test["video_id"].str.contains("home").any()
