"""Splits: no group is ever cut, and shares are fair."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.identity import connected_groups
from cache.schema import FAKE, REAL, UNKNOWN
from cache.splits import assign, by_manipulation, cluster_column, leaks, refuse_leaks, shuffled

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


@given(graphs(), share, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_every_composition_gets_its_share_to_the_nearest_group(samples: pd.DataFrame, size: float, seed: int) -> None:
    split = assign(samples, test_size=size, seed=seed)
    groups = samples.assign(tested=split == "test").groupby("group")
    strata = groups["manipulation"].agg(lambda names: "+".join(sorted(set(names))))
    dealt = groups["tested"].first().groupby(strata).agg(["sum", "size"])
    assert (dealt["sum"] >= np.floor(size * dealt["size"])).all()
    assert (dealt["sum"] <= np.floor(size * dealt["size"]) + 1).all()
    assert abs(dealt["sum"].sum() - size * dealt["size"].sum()) <= 1


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


def test_what_stands_on_two_sides_is_refused_with_its_first() -> None:
    samples = disjoint_pairs(3)
    sides = dict.fromkeys(samples["scene"], "")
    sides |= {"D/000": "train", "D/001": "test", "D/002": "test", "D/003": "val", "D/004": "test"}
    split = samples["scene"].map(sides)
    assert leaks(samples, split) == ["D/000", "D/002"]
    assert leaks(samples, split, "scene") == []
    assert leaks(samples, split, "identities") == ["D/000", "D/001", "D/002", "D/003"], "donors of the other side"
    with pytest.raises(
        InputError, match=r"it puts 2 of 3 test groups into training too, 'D/000' first; .*--allow-leak"
    ):
        refuse_leaks(samples, split, "it")
    with pytest.raises(InputError, match="4 of 6 test identities"):
        refuse_leaks(samples, split, "it", "identities")
    refuse_leaks(samples, split, "it", "scene")
    refuse_leaks(samples, split.replace("train", "test").replace("val", "test"), "it")


@given(graphs(), st.floats(0.05, 1.0), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_split_by_manipulation_asks_for_nothing_but_the_name(samples: pd.DataFrame, size: float, seed: int) -> None:
    split = by_manipulation(samples, ["FaceSwap"], ["NeuralTextures"], test_size=size, seed=seed)
    fakes = {name: set(split[samples["manipulation"] == name]) for name in ("FaceSwap", "NeuralTextures")}
    assert fakes["FaceSwap"] <= {"train"} and fakes["NeuralTextures"] <= {"test"}
    reals = split[samples["label"] == REAL]
    assert reals.groupby(samples["scene"]).nunique().max() == 1
    if not (fakes["FaceSwap"] and fakes["NeuralTextures"]):
        assert set(reals) == (fakes["FaceSwap"] or fakes["NeuralTextures"] or {""}), "they go with the fakes"
    elif size == 1:
        assert set(reals) == {"both"}
        assert leaks(samples, split, "video_id") == sorted(samples.loc[reals.index, "video_id"].unique())
    else:
        scenes = samples.loc[reals.index, "scene"].nunique()
        tested = samples.loc[reals.index[reals == "test"], "scene"].nunique()
        assert tested == min(max(int(size * scenes + 0.5), 1), scenes - 1)
    order = list(samples.index)[::-1]
    again = by_manipulation(samples.loc[order], ["FaceSwap"], ["NeuralTextures"], test_size=size, seed=seed)
    pd.testing.assert_series_equal(split, again.sort_index())


def test_the_usual_subset_split_by_manipulation_leaks_and_another_data_set_does_not() -> None:
    """The same pairs under two manipulations; and a second data set that has the tested fakes alone."""
    same = table([(a, b, name) for a, b in ((0, 1), (2, 3)) for name in ("FaceSwap", "NeuralTextures")], 4)
    split = by_manipulation(same, ["FaceSwap"], ["NeuralTextures"], test_size=0.25)
    assert leaks(same, split, "scene") == ["D/000", "D/002"]
    other = table([(0, 1, "heygen")], 2, dataset="E")
    both = pd.concat([same, other], ignore_index=True)
    split = by_manipulation(both, ["FaceSwap"], ["heygen"], test_size=0.25)
    assert leaks(both, split) == []
    sides = split.groupby([both["dataset"], both["manipulation"]]).agg(set).to_dict()
    assert sides == {
        ("D", "real"): {"train"}, ("D", "FaceSwap"): {"train"}, ("D", "NeuralTextures"): {""},
        ("E", "real"): {"test"}, ("E", "heygen"): {"test"},
    }  # fmt: skip


def test_compressions_of_one_real_video_are_dealt_together() -> None:
    one = table([(a, a + 1, name) for a in (0, 2, 4) for name in ("FaceSwap", "NeuralTextures")], 6)
    both = pd.concat([one, one.assign(compression="c40", video_id=one["video_id"] + "c40")], ignore_index=True)
    split = by_manipulation(both, ["FaceSwap"], ["NeuralTextures"], test_size=0.5)
    assert split.groupby(both["scene"][both["label"] == REAL]).nunique().max() == 1


def test_what_cannot_be_split_by_manipulation_is_refused() -> None:
    samples = disjoint_pairs(2)
    for size in (0, 1.5):
        with pytest.raises(InputError, match=f"above 0 and at most 1, not {size}"):
            by_manipulation(samples, ["FaceSwap"], [], test_size=size)
    with pytest.raises(InputError, match="each one whole on a side, and FaceSwap is to be on both"):
        by_manipulation(samples, ["FaceSwap", "Deepfakes"], ["FaceSwap"])
