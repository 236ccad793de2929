"""Given splits: they survive their file, and are believed only where they are whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.given_splits import NothingNamedError, column_split, ffpp_split, read_split, split_csv


def pairs(count: int, dataset: str = "D", compression: str = "c23") -> pd.DataFrame:
    """``count`` groups of two identities, each with a real video and a FaceSwap of the one onto the other."""
    rows = []
    for k in range(count):
        names = (f"{2 * k:03d}", f"{2 * k + 1:03d}")
        for target, source in (names, names[::-1]):
            for manipulation, video, who in (
                ("real", target, (target,)),
                ("FaceSwap", f"{target}_{source}", (target, source)),
            ):
                rows.append(
                    {
                        "dataset": dataset,
                        "manipulation": manipulation,
                        "video_id": f"{dataset}/{compression}/{manipulation}/{video}",
                        "identities": " ".join(f"{dataset}/{name}" for name in who),
                        "group": f"{dataset}/{names[0]}",
                        "split": "",
                    }
                )
    return pd.DataFrame(rows)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def write_lists(folder: Path, **lists: object) -> Path:
    others = {"train": [["900", "901"]], "val": [["902", "903"]], "test": [["904", "905"]]}
    for name, value in {**others, **lists}.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("splits")


@st.composite
def splits(draw: Callable) -> tuple[pd.DataFrame, pd.Series]:
    """Frames of videos with a side, or none, for each video."""
    samples = pairs(draw(st.integers(1, 5)))
    sides = {name: draw(st.sampled_from(["train", "val", "test", "both", ""])) for name in samples["video_id"]}
    sides[samples["video_id"].iloc[0]] = "train"
    samples = samples.loc[draw(st.lists(st.sampled_from(list(samples.index)))) + list(samples.index)]
    samples = samples.reset_index(drop=True)
    return samples, samples["video_id"].map(sides).rename("split")


@given(splits())
@settings(max_examples=60, deadline=None)
def test_a_split_survives_its_file(folder: Path, made: tuple[pd.DataFrame, pd.Series]) -> None:
    samples, split = made
    path = folder / "splits.csv"
    path.write_bytes(split_csv(samples, split))
    written = pd.read_csv(path)
    assert list(written) == ["video_id", "group", "split"]
    assert not written["video_id"].duplicated().any()
    pd.testing.assert_series_equal(read_split(path, samples), split, check_dtype=False)


def test_a_split_file_may_name_groups_and_leave_samples_out(tmp_path: Path) -> None:
    samples = pairs(4)
    path = write(tmp_path / "s.csv", "group,split\nD/000,train\nD/002,val\nD/004,test\n")
    sides = read_split(path, samples).groupby(samples["group"]).first()
    assert sides.to_dict() == {"D/000": "train", "D/002": "val", "D/004": "test", "D/006": ""}


def test_another_compression_is_split_by_the_groups_of_the_file(tmp_path: Path) -> None:
    one, other = pairs(2), pairs(3, compression="c40")
    path = tmp_path / "splits.csv"
    path.write_bytes(split_csv(one, one["group"].map({"D/000": "train", "D/002": "test"})))
    sides = read_split(path, other).groupby(other["group"]).first()
    assert sides.to_dict() == {"D/000": "train", "D/002": "test", "D/004": ""}
    cut = one["video_id"].str.contains("000").map({True: "train", False: "test"})
    path.write_bytes(split_csv(one, cut))
    assert read_split(path, one).tolist() == cut.tolist(), "its own videos it names one by one"
    with pytest.raises(InputError, match="gives 'D/000' two splits"):
        read_split(path, other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,split\nx,train\n", "has the columns video, split"),
        ("group\nD/000\n", "has the columns group"),
        ("group,split\nD/000,tset\n", "has the split 'tset'; known: train, val, test, both"),
        ("group,split\nD/000,train\nD/000,test\n", "gives 'D/000' two splits"),
        ("group,split\nother,train\n", "names none of the samples: its first group is 'other', the cache's 'D/000'"),
        ("group,split\n", "names none"),
        ("", "cannot read"),
    ],
)
def test_bad_split_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_split(write(tmp_path / "s.csv", text), pairs(2))


def test_a_missing_split_file_is_refused_and_so_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the split file"):
        read_split(tmp_path / "none.csv", pairs(2))
    with pytest.raises(InputError, match=r"is a folder, not a CSV file; .* --split ffpp:"):
        read_split(tmp_path, pairs(2))


def test_the_data_sets_own_split() -> None:
    samples = pairs(3)
    with pytest.raises(NothingNamedError, match="no split of its own"):
        column_split(samples)
    samples["split"] = samples["group"].map({"D/000": "train", "D/002": "test", "D/004": ""})
    assert column_split(samples).tolist() == samples["split"].tolist()


def test_the_lists_name_videos_whatever_the_data_set_is_called(tmp_path: Path) -> None:
    write_lists(tmp_path, train=[["001", "000"]], val=[["002", "003"]], test=[["004", "005"]])
    for dataset in ("FF++", "my/ff"):
        samples = pairs(4, dataset)
        sides = ffpp_split(tmp_path, samples).groupby(samples["group"]).agg(set)
        assert sides.tolist() == [{"train"}, {"val"}, {"test"}, {""}]


def test_the_lists_say_nothing_of_other_data_sets(tmp_path: Path) -> None:
    """A folder of generated pictures may be numbered like the videos of FaceForensics++."""
    write_lists(tmp_path, train=[["001", "000"]], test=[["002", "003"]])
    others = pairs(2, "ProGAN").replace({"manipulation": {"FaceSwap": "ProGAN"}})
    samples = pd.concat([pairs(2), others], ignore_index=True)
    named = ffpp_split(tmp_path, samples).ne("")
    assert named.tolist() == samples["dataset"].eq("D").tolist()


def test_a_fake_of_two_lists_or_of_none_is_left_out(tmp_path: Path) -> None:
    write_lists(tmp_path, train=[["000", "002"]], test=[["001", "003"]])
    samples = pairs(3)  # swaps 000 and 001, 002 and 003, 004 and 005
    split = ffpp_split(tmp_path, samples)
    sides = dict(zip(samples["video_id"].str.removeprefix("D/c23/"), split, strict=True))
    assert {name: side for name, side in sides.items() if side} == {
        "real/000": "train", "real/001": "test", "real/002": "train", "real/003": "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"val": {"a": "b"}}, r"val\.json is no list of pairs"),
        ({"val": []}, r"val\.json is no list of pairs"),
        ({"test": [["000", 1]]}, r"test\.json is no list of pairs"),
        ({"train": [["000", "001"]], "test": [["001", "002"]]}, r"'001' stands in train\.json and in test\.json"),
        ({}, "name none of the samples: they name '900' first, the cache 'D/000'"),
    ],
)
def test_bad_lists_are_refused(tmp_path: Path, lists: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ffpp_split(write_lists(tmp_path, **lists), pairs(2))


def test_a_missing_or_broken_list_is_refused(tmp_path: Path) -> None:
    write_lists(tmp_path, train=[["000", "001"]])
    (tmp_path / "val.json").write_text("[[")
    with pytest.raises(InputError, match=r"cannot read the list .*val\.json"):
        ffpp_split(tmp_path, pairs(2))
    (tmp_path / "val.json").unlink()
    with pytest.raises(InputError, match=r"cannot read the list .*has train\.json, val\.json, test\.json"):
        ffpp_split(tmp_path, pairs(2))
