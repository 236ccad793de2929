"""What a user named: each file once, each unit a row, and nothing dropped."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from extract.named import NO_INPUT, list_named
from extract.video import Sampling


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Pictures, the frames of a video, a video file, and what is neither."""
    for name in ("b.png", "a.png", "clip/0002.png", "clip/0010.png", "deep/er/c.jpg", ".hidden.png"):
        picture(tmp_path / "in" / name)
    (tmp_path / "in" / "film.mp4").write_bytes(b"a video, by its name")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def test_a_folder(tree: Path) -> None:
    inputs, units = list_named([tree], Sampling(frames=4))
    assert {(unit.path.removeprefix(f"{tree}/"), unit.kind) for unit in units} == {
        ("a.png", "picture"), ("b.png", "picture"), ("deep/er/c.jpg", "picture"), ("clip", "video"),
        ("film.mp4", "video"), ("notes.txt", ""),
    }  # fmt: skip
    (left_out,) = (unit for unit in units if not unit.kind)
    assert (left_out.failed, left_out.note) == ("unreadable", NO_INPUT)
    assert len(inputs) == 6 and inputs["slots"].sum() == 3 + 2 + 4
    assert set(inputs["label"]) == {-1}
    videos = inputs[["dataset", "compression", "manipulation", "video"]].agg("/".join, axis=1)
    assert set(videos) == {unit.video_id for unit in units if unit.kind}


def test_paths_stay_in_their_order_and_as_they_were_written(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    named = [Path("film.mp4"), Path("deep"), Path("./b.png"), Path("clip/0010.png"), Path("notes.txt")]
    inputs, units = list_named(named, Sampling(frames=2))
    assert [unit.path for unit in units] == ["film.mp4", "deep/er/c.jpg", "b.png", "clip/0010.png", "notes.txt"]
    assert [unit.kind for unit in units] == ["video", "picture", "picture", "picture", ""], (
        "named, a frame is a picture"
    )
    assert len(inputs) == 4 and len({unit.video_id for unit in units if unit.kind}) == 4


def test_a_file_that_is_named_twice_is_read_once(tree: Path) -> None:
    (tree.parent / "link.png").symlink_to(tree / "a.png")
    named = [tree / "a.png", tree.parent / "link.png", tree / "a.png", tree]
    inputs, units = list_named(named, Sampling(frames=2))
    paths = [unit.path for unit in units]
    assert paths.count(str(tree / "a.png")) == 1 and str(tree.parent / "link.png") not in paths
    assert not inputs.duplicated(["root", "path"]).any() and len(inputs) == 6


def test_files_of_one_name_in_several_places(tmp_path: Path) -> None:
    named = [picture(tmp_path / folder / name) for folder in ("a", "b") for name in ("x.png", "x.jpg")]
    inputs, units = list_named(named, Sampling(frames=2))
    assert len(inputs) == 4 and len({unit.video_id for unit in units}) == 4


def test_one_frame_of_a_folder_is_a_video_of_one(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "clip" / "0001.png")
    (unit,) = list_named([tmp_path / "in"], Sampling(frames=2))[1]
    assert (unit.path, unit.kind) == (str(tmp_path / "in" / "clip"), "video")


def test_nothing_but_what_is_no_picture(tree: Path) -> None:
    inputs, units = list_named([tree / "notes.txt"], Sampling(frames=2))
    assert inputs.empty and [unit.note for unit in units] == [NO_INPUT]


@pytest.mark.parametrize("name", ["none.png", "none", "dangling.png"])
def test_a_path_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(InputError, match=f"{name} does not exist"):
        list_named([tmp_path / name], Sampling(frames=2))


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture and no video"):
        list_named([tmp_path], Sampling(frames=2))


@pytest.mark.skipif(os.name == "nt", reason="file names there are always text")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    source.rename(odd)
    inputs, units = list_named([odd], Sampling(frames=2))
    assert inputs["path"].tolist() == ["%FF.png"] and len(units) == 1
