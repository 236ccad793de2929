"""Other people's split files, in the forms that are about; what contradicts itself is refused."""

from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from evaluate.audit_table import read_split_table

Read = list[str]  # video_id, scene, identities


def read(folder: Path, text: str, *columns: str, hash_files: bool = False) -> pd.DataFrame:
    path = folder / "splits.csv"
    path.write_text(text, encoding="utf-8")
    return read_split_table(path, columns, hash_files=hash_files)


@pytest.mark.parametrize(
    ("path", "label", "expected"),
    [
        ("data/Real_youtube/286_082.png", "0", ["real/286", "286", "286"]),
        ("data/FaceSwap/018_019_055.png", "1", ["FaceSwap/018_019", "018", "018 019"]),
        (r".\data\NeuralTextures\018_019\055.png", "fake", ["NeuralTextures/018_019", "018", "018 019"]),
        ("/hdd/C40/Real_youtube/009/000.png", "real", ["real/009", "009", "009"]),
        ("manipulated_sequences/FaceSwap/c23/videos/634_660.mp4", "1", ["c23/FaceSwap/634_660", "634", "634 660"]),
        ("manipulated_sequences/FS/c40/frames/634_660/7.png", "1", ["c40/FaceSwap/634_660", "634", "634 660"]),
        ("Celeb-synthesis/id0_id1_0003.mp4", "1", ["Celeb-synthesis/id0_id1_0003", "id0_0003", "id0 id1"]),
        ("gan/1_fake/00012.png", "1", ["1_fake/00012", "00012", "00012"]),
        ("faces/clip/0012.png", "1", ["fake/faces/clip", "faces/clip", "faces/clip"]),
        ("train/img_0012.png", "0", ["real/train/img", "train/img", "train/img"]),
        ("portrait.png", "0", ["real/portrait", "portrait", "portrait"]),
    ],
)
def test_what_a_path_says(tmp_path: Path, path: str, label: str, expected: Read) -> None:
    table = read(tmp_path, f"path,label,split\n{path},{label},train\n")
    assert table.loc[0, ["video_id", "scene", "identities"]].tolist() == expected
    assert table.loc[0, "label"] == int(label in ("1", "fake"))


def test_columns_tell_more_than_paths(tmp_path: Path) -> None:
    text = (
        "image,class,set,clip,original,method,dataset,size\n"
        "faces/a.jpg,REAL,Training,a.mp4,,,DFDC,10\n"
        "faces/b.jpg,FAKE,test,b.mp4,a.mp4,dfdc swap,DFDC,\n"
    )
    table = read(tmp_path, text)
    assert table["video_id"].tolist() == ["DFDC/real/a", "DFDC/dfdc swap/b"]
    assert table["scene"].tolist() == ["DFDC/a", "DFDC/a"]
    assert table["identities"].tolist() == ["DFDC/a", "DFDC/a"]
    assert table["group"].tolist() == ["DFDC/a", "DFDC/a"]
    assert table["split"].tolist() == ["train", "test"] and table["label"].tolist() == [0, 1]
    assert table["byte_size"].tolist() == [10, 0] and table["format"].tolist() == [".jpg", ".jpg"]


def test_folders_that_all_share_tell_no_class(tmp_path: Path) -> None:
    table = read(tmp_path, "path,label,split\ndeepfakes/a/004.png,0,train\ndeepfakes/b/5.png,1,test\n")
    assert table["manipulation"].tolist() == ["real", "fake"]


def test_records_are_a_table_too(tmp_path: Path) -> None:
    table = read(tmp_path, '[{"path": "real/004.png", "label": 0, "split": "train"}]')
    assert table["video_id"].tolist() == ["real/004"] and table.index.tolist() == [0]


def test_groups_are_components_of_identities(tmp_path: Path) -> None:
    text = "path,label,split\nreal/004.png,0,train\nFS/982_004.png,1,test\nreal/634.png,0,test\n"
    assert read(tmp_path, text)["group"].tolist() == ["004", "004", "634"]


def test_columns_of_other_names(tmp_path: Path) -> None:
    text = "where,truth,label,split\na.png,1,x,train\n"
    table = read(tmp_path, text, "path=where", "label=truth")
    assert table[["path", "label"]].to_numpy().tolist() == [["a.png", 1]]
    with pytest.raises(InputError, match="--column label=nothing: write OURS=THEIRS"):
        read(tmp_path, text, "path=where", "label=nothing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,split\n", "has a header and no rows"),
        ("", "is empty"),
        ("video_id,group,split\na,b,train\n", "no column for the path.*audit CACHE --split"),
        ("path,split\na.png,train\n", "no column for the label: it has path, split"),
        ("file,image,label,split\na,b,1,train\n", "several columns that may be the path: file, image; say which"),
        ("path,label,split\na.png,1,train\nb,png,1,train\n", "line 3: 4 cells where the header has 3"),
        ("path,label,split\na.png,2,train\n", "line 2: label '2' means nothing; known: 0, 0.0, real"),
        ("path,label,split\na.png,1,train\nb.png,1,holdout\n", "line 3: split 'holdout' means nothing"),
        (
            "path,label,split\nreal/a.png,1,train\n",
            r"line 2: the label 1 \(fake\) of real/.* contradicts 'real'.*1 means fake",
        ),
        ("path,label,split\nCeleb-synthesis/id0_id1_0003.mp4,0,test\n", "contradicts 'Celeb-synthesis', which is fake"),
        ("path,label,split,method\na.png,0,train,FaceSwap\n", "contradicts 'FaceSwap', which is fake"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_files_that_are_there_are_looked_at(tmp_path: Path) -> None:
    for name, content in (("a.png", b"same"), ("b.png", b"same"), ("c.png", b"other!")):
        (tmp_path / name).write_bytes(content)
    text = "path,label,split\na.png,0,train\nb.png,0,test\nc.png,1,test\n"
    table = read(tmp_path, text)
    assert table["byte_size"].tolist() == [4, 4, 6] and "file_hash" not in table
    hashes = read(tmp_path, text, hash_files=True)["file_hash"].tolist()
    assert hashes[0] == hashes[1] != hashes[2]
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png is named but cannot be read"):
        read(tmp_path, text)


def test_a_row_without_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3: no path"):
        read(tmp_path, "path,label,split\nreal/004/0.png,0,train\n,1,test\n")
