"""Splits: no group is ever cut, shares are fair, files are believed only where they are whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.identity import connected_groups
from cache.schema import FAKE, REAL, UNKNOWN
from cache.splits import assign, cluster_column, column_split, leaks, read_split, shuffled, split_csv

Graph = list[tuple[int, int, str]]  # target, source, manipulation


def table(pairs: Graph, identities: int, dataset: str = "D", frames: int = 1) -> pd.DataFrame:
    """A real video of each identity, a fake video of each pair."""
    videos = [("real", f"{i:03d}", (i,)) for i in range(identities)]
    videos += [(name, f"{a:03d}_{b:03d}", (a, b)) for a, b, name in sorted(set(pairs))]
    names = [tuple(f"{dataset}/{i:03d}" for i in ids) for _, _, ids in videos]
    rows = pd.DataFrame(
        {
            "dataset": dataset,
            "compression": "c23",
            "manipulation": [manipulation for manipulation, _, _ in videos],
            "video_id": [f"{dataset}/c23/{manipulation}/{video}" for manipulation, video, _ in videos],
            "scene": [ids[0] for ids in names],
            "identities": [" ".join(ids) for ids in names],
            "group": connected_groups(names),
            "label": [REAL if manipulation == "real" else FAKE for manipulation, _, _ in videos],
            "split": "",
        }
    )
    return rows.loc[np.repeat(rows.index, frames)].reset_index(drop=True)


@st.composite
def graphs(draw: Callable) -> pd.DataFrame:
    count = draw(st.integers(2, 15))
    identity = st.integers(0, count - 1)
    pair = st.tuples(identity, identity, st.sampled_from(["FaceSwap", "NeuralTextures"])).filter(lambda p: p[0] != p[1])
    return table(draw(st.lists(pair, max_size=12)), count, frames=draw(st.integers(1, 2)))


def disjoint_pairs(count: int) -> pd.DataFrame:
    """``count`` groups of two identities that swap faces, as in FaceForensics++."""
    pairs = [(a, b, "FaceSwap") for k in range(count) for a, b in ((2 * k, 2 * k + 1), (2 * k + 1, 2 * k))]
    return table(pairs, 2 * count)


def dense(people: int = 30) -> pd.DataFrame:
    """One component: everyone swaps with the next."""
    return table([(i, (i + 1) % people, "FaceSwap") for i in range(people)], people)


share = st.floats(0.05, 0.95)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("splits")


@given(graphs(), share, st.integers(0, 5), st.sampled_from(["identity", "scene", "video"]))
@settings(max_examples=150, deadline=None)
def test_no_group_is_ever_on_two_sides(samples: pd.DataFrame, size: float, seed: int, disjoint: str) -> None:
    split = assign(samples, test_size=size, seed=seed, disjoint=disjoint)
    assert set(split) <= {"train", "test"}
    column = cluster_column(disjoint)
    assert split.groupby(samples[column]).nunique().max() == 1
    assert leaks(samples, split, column) == []
    if samples[column].nunique() > 1:
        assert set(split) == {"train", "test"}


@given(graphs(), share, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_without_crossing_fakes_no_identity_is_on_two_sides(samples: pd.DataFrame, size: float, seed: int) -> None:
    split = assign(samples, test_size=size, seed=seed, drop_crossing=True)
    identities = samples["identities"].str.split().explode()
    sides = split[identities.index].groupby(identities.to_numpy()).agg(lambda side: len(set(side) - {""}))
    assert sides.max() <= 1
    reals = samples["label"] == REAL
    assert split[reals].ne("").all(), "a real shows one identity and is never dropped"
    dropped = samples[split == ""]
    for members in dropped["identities"].str.split():  # only what really crosses is dropped
        assert len({split[reals & (samples["scene"] == name)].iloc[0] for name in members}) == 2


@given(graphs(), share, st.integers(0, 5), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter(
    samples: pd.DataFrame, size: float, seed: int, drop: bool, random: object
) -> None:
    order = list(samples.index)
    random.shuffle(order)  # type: ignore[attr-defined]
    split = assign(samples, test_size=size, seed=seed, drop_crossing=drop)
    again = assign(samples.loc[order], test_size=size, seed=seed, drop_crossing=drop)
    pd.testing.assert_series_equal(split, again.sort_index())


def test_the_seed_matters_and_the_other_data_set_does_not() -> None:
    first, second = disjoint_pairs(40), disjoint_pairs(30).assign(dataset="E")
    second[["group", "video_id"]] = "E" + second[["group", "video_id"]]
    both = pd.concat([first, second], ignore_index=True)
    assert assign(first).tolist() == assign(both)[: len(first)].tolist()
    assert assign(first).tolist() != assign(first, seed=1).tolist()


@pytest.mark.parametrize(
    ("groups", "size", "test"), [(9, 0.3, 3), (75, 0.3, 23), (2, 0.01, 1), (3, 0.99, 2), (1, 0.5, 0)]
)
def test_the_test_side_gets_its_rounded_share(groups: int, size: float, test: int) -> None:
    samples = disjoint_pairs(groups)
    split = assign(samples, test_size=size)
    assert samples.loc[split == "test", "group"].nunique() == test


def test_every_composition_gets_its_share() -> None:
    fakes = [(k, k + 100, "FaceSwap") for k in range(20)] + [(k, k + 100, "NeuralTextures") for k in range(20, 50)]
    samples = table(fakes, 200)  # 20 groups with FaceSwap, 30 with NeuralTextures, 100 - 50 + 50 only real
    split = assign(samples, test_size=0.3)
    groups = samples.assign(side=split).groupby("group")
    names = groups["manipulation"].agg(lambda found: "+".join(set(found) - {"real"}))
    shares = (groups["side"].first() == "test").groupby(names).sum()
    assert shares.to_dict() == {"": 30, "FaceSwap": 6, "NeuralTextures": 9}


def test_remainders_are_dealt_largest_first() -> None:
    fakes = [(k, k + 50, f"M{k // 3}") for k in range(12)]  # four compositions of three groups, nothing else
    samples = table(fakes, 62)
    samples = samples[samples["group"].isin(samples.loc[samples["label"] == FAKE, "group"])]
    split = assign(samples, test_size=0.5)
    tested = samples[split == "test"].drop_duplicates("group")
    fakes_tested = samples[(split == "test") & (samples["label"] == FAKE)]
    assert len(tested) == 6
    assert sorted(fakes_tested["manipulation"].value_counts()) == [1, 1, 2, 2]


@pytest.mark.parametrize("seed", range(6))
def test_of_unequal_remainders_the_larger_win(seed: int) -> None:
    sizes = {"A": 3, "B": 4, "C": 2}  # shares .9, 1.2, .6 of 3 test groups: rounded down 0, 1, 0, and two to give
    names = [name for name, size in sizes.items() for _ in range(size)]
    samples = table([(2 * k, 2 * k + 1, name) for k, name in enumerate(names)], 2 * len(names))
    tested = samples[(assign(samples, test_size=0.3, seed=seed) == "test") & (samples["label"] == FAKE)]
    assert sorted(tested["manipulation"]) == ["A", "B", "C"]


def test_a_data_set_used_only_for_testing_is_not_split() -> None:
    first, second = disjoint_pairs(8), table([(0, 1, "Other")], 4, dataset="E")
    both = pd.concat([first, second], ignore_index=True)
    split = assign(both, test_only={"E"})
    assert (split[both["dataset"] == "E"] == "test").all()
    assert split[both["dataset"] == "D"].tolist() == assign(first).tolist()


def test_a_group_that_data_sets_share_stays_whole() -> None:
    first, second = disjoint_pairs(8), table([(0, 1, "Other"), (2, 3, "Other")], 4, dataset="E")
    second["group"] = second["group"].replace({"E/000": "D/000"})
    both = pd.concat([first, second], ignore_index=True)
    for seed in range(10):
        for test_only in ((), ("E",)):
            split = assign(both, seed=seed, test_only=test_only)
            assert leaks(both, split) == []


def test_dense_swaps_are_refused_with_two_ways_out() -> None:
    samples = dense(30)
    with pytest.raises(InputError, match=r"30 scenes join into 1 components.*--drop-crossing.*--disjoint scene"):
        assign(samples)
    assert set(assign(samples, disjoint="scene")) == {"train", "test"}
    assert set(assign(samples, drop_crossing=True)) == {"train", "test", ""}
    assert set(assign(dense(19))) == {"train"}, "a smaller set goes on"
    assert set(assign(disjoint_pairs(12))) == {"train", "test"}, "so do few pairs, of 24 scenes: nothing has collapsed"
    assert set(assign(samples, test_only={"D"})) == {"test"}, "a set that is not split needs no components"


def test_celeb_df_collapses_and_both_ways_out_work(real_data: Path) -> None:
    lines = (real_data / "celebdf_v2/List_of_testing_videos.txt").read_text().split("\n")
    fakes = [line.split("/")[-1].removesuffix(".mp4").split("_") for line in lines if "synthesis" in line]
    samples = table([(int(a[2:]), int(b[2:]), f"take{take}") for a, b, take in fakes], 62)
    samples.loc[samples["label"] == FAKE, "manipulation"] = "Celeb-synthesis"
    with_fakes = samples[samples["label"] == FAKE]
    assert (len(with_fakes), with_fakes["group"].nunique()) == (340, 4)
    with pytest.raises(InputError, match="dense"):
        assign(samples)
    split = assign(samples, drop_crossing=True)
    assert (split[with_fakes.index] == "test").sum() > 0 < (split[with_fakes.index] == "train").sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_size": 0.0}, "between 0 and 1"),
        ({"test_size": 1.0}, "between 0 and 1"),
        ({"disjoint": "person"}, "unknown kind of disjoint split 'person'; known: identity, scene, video"),
        ({"disjoint": "scene", "drop_crossing": True}, "nothing that crosses"),
    ],
)
def test_bad_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        assign(disjoint_pairs(3), **options)


def test_dropping_what_crosses_needs_identities() -> None:
    with pytest.raises(InputError, match="needs the identities"):
        assign(disjoint_pairs(3).assign(identities=""), drop_crossing=True)


def test_samples_without_a_label_are_dealt_too() -> None:
    assert assign(disjoint_pairs(10).assign(label=UNKNOWN)).ne("").all()


def test_shuffling_depends_on_names_and_seed_alone() -> None:
    names = [f"n{i}" for i in range(50)]
    assert shuffled(names, 0) == shuffled(reversed(names), 0) != shuffled(names, 1)
    assert sorted(shuffled(names, 0)) == sorted(names)


@given(samples=graphs(), seed=st.integers(0, 3), drop=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_split_survives_its_file(folder: Path, samples: pd.DataFrame, seed: int, drop: bool) -> None:
    path = folder / "splits.csv"
    split = assign(samples, seed=seed, drop_crossing=drop)
    path.write_bytes(split_csv(samples, split))
    written = pd.read_csv(path)
    assert list(written) == ["video_id", "group", "split"]
    assert not written["video_id"].duplicated().any()
    pd.testing.assert_series_equal(read_split(path, samples, disjoint="video"), split)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_split_file_may_name_groups_and_leave_samples_out(tmp_path: Path) -> None:
    samples = disjoint_pairs(4)
    path = write(tmp_path / "s.csv", "group,split\nD/000,train\nD/002,val\nD/004,test\n")
    split = read_split(path, samples)
    sides = split.groupby(samples["group"]).first()
    assert sides.to_dict() == {"D/000": "train", "D/002": "val", "D/004": "test", "D/006": ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,split\nx,train\n", "has the columns video, split"),
        ("group\nD/000\n", "has the columns group"),
        ("group,split\nD/000,tset\n", "has the split 'tset'; known: train, val, test"),
        ("group,split\nD/000,train\nD/000,test\n", "gives 'D/000' two splits"),
        ("group,split\nother,train\n", "names none of the samples: its first group is 'other', the cache's 'D/000'"),
        ("group,split\n", "names none"),
        ("", "cannot read"),
    ],
)
def test_bad_split_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_split(write(tmp_path / "s.csv", text), disjoint_pairs(2))


def test_a_missing_split_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the split file"):
        read_split(tmp_path / "none.csv", disjoint_pairs(2))


def test_a_leaking_file_is_refused_unless_allowed(tmp_path: Path) -> None:
    samples = disjoint_pairs(3)
    path = tmp_path / "s.csv"
    sides = {
        "FaceSwap/000_001": "test",
        "real/002": "test",
        "real/000": "train",
        "real/003": "train",
        "real/004": "val",
    }
    rows = [f"D/c23/{video},{side}" for video, side in sides.items()]
    write(path, "\n".join(["video_id,split", *rows]) + "\n")
    with pytest.raises(InputError, match=r"2 of 2 test groups into training too, 'D/000' first.*--allow-leak"):
        read_split(path, samples)
    split = read_split(path, samples, allow_leak=True)
    assert leaks(samples, split) == ["D/000", "D/002"]
    assert leaks(samples, split, "scene") == ["D/000"]
    with pytest.raises(InputError, match="1 of 2 test groups"):
        read_split(path, samples, disjoint="scene")
    assert read_split(path, samples, disjoint="video").equals(split)


def test_the_data_sets_own_split() -> None:
    samples = disjoint_pairs(3)
    with pytest.raises(InputError, match="no split of its own"):
        column_split(samples)
    samples["split"] = samples["group"].map({"D/000": "train", "D/002": "test", "D/004": ""})
    assert column_split(samples).tolist() == samples["split"].tolist()
    samples.loc[samples.index[0], "split"] = "test"
    with pytest.raises(InputError, match="the cache's own split puts 1 of 2 test groups into training"):
        column_split(samples)
