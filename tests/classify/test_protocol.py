"""The split of a command: whatever gives it, nothing is on two sides of it unless that is allowed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from cache.given_splits import split_csv
from cache.identity import connected_groups
from cache.splits import leaks
from classify.protocol import SplitPlan, protocol_caveats

SIDES = ("train", "val", "test", "")


def table(people: list[tuple[str, ...]]) -> pd.DataFrame:
    """A video of each tuple of people: a real one of one person, a fake of several."""
    return pd.DataFrame(
        {
            "dataset": [names[0].split("/")[0] for names in people],
            "manipulation": ["FaceSwap" if len(names) > 1 else "real" for names in people],
            "label": [int(len(names) > 1) for names in people],
            "video_id": [f"{names[0].split('/')[0]}/{number}" for number, names in enumerate(people)],
            "scene": [names[0] for names in people],
            "identities": [" ".join(names) for names in people],
            "group": connected_groups(people),
            "split": "",
        }
    )


@st.composite
def two_data_sets(draw: Callable) -> pd.DataFrame:
    """Videos of two data sets, some of the second with people of the first, each with a split of its own."""
    person = st.integers(0, 9)
    ours = draw(st.lists(st.lists(person, min_size=1, max_size=2, unique=True), min_size=1, max_size=12))
    theirs = draw(st.lists(st.lists(person, min_size=1, max_size=2, unique=True), min_size=1, max_size=8))
    shared = draw(st.sets(person, max_size=2))
    people = [tuple(f"A/{one}" for one in names) for names in ours]
    people += [
        tuple(f"{'A' if one in shared and at else 'B'}/{one}" for at, one in enumerate(names)) for names in theirs
    ]
    samples = table(people)
    count = len(samples)
    return samples.assign(split=draw(st.lists(st.sampled_from(SIDES), min_size=count, max_size=count)))


@given(two_data_sets(), st.sampled_from(["grouped", "column", "file"]), st.booleans(), st.booleans(), st.integers(0, 3))
def test_nothing_is_on_two_sides(
    tmp_path_factory: pytest.TempPathFactory, samples: pd.DataFrame, method: str, drop: bool, two: bool, seed: int
) -> None:
    drop = drop and method == "grouped"
    if method == "file":
        method = str(tmp_path_factory.mktemp("split") / "splits.csv")
        Path(method).write_bytes(split_csv(samples, samples["split"]))
    tested = (samples["dataset"] == "B").to_numpy() if two else None
    plan = SplitPlan(method, drop_crossing=drop, seed=seed)
    try:
        split = plan.apply(samples, {"B"}, tested)
    except InputError as error:
        if "two splits" in str(error):
            return  # its groups, which count where no video is named, contradict each other
        allowed = SplitPlan(method, drop_crossing=drop, seed=seed, allow_leak=True)
        if method != "grouped" and not samples.loc[samples["dataset"] == "A", "split"].any():
            return  # it says nothing of what is to be trained on
        assert leaks(samples, allowed.apply(samples, {"B"}, tested), plan.apart), "refused with a reason"
        return
    assert set(split) <= set(SIDES) and list(split.index) == list(samples.index)
    assert leaks(samples, split, plan.apart) == []
    if tested is not None:
        assert set(split[tested]) <= {"test", ""}, "the other cache is never trained on"


def test_a_data_set_that_the_split_does_not_name_is_test_where_it_is_only_tested_on() -> None:
    samples = table([("A/0",), ("A/0", "A/1"), ("A/2",), ("B/0",), ("B/0", "B/1"), ("C/0",)])
    samples["split"] = ["train", "train", "test", "", "", ""]
    assert SplitPlan("column").apply(samples, {"B"}).tolist() == ["train", "train", "test", "test", "test", ""]
    tested = np.arange(6) >= 3
    assert SplitPlan("column").apply(samples, (), tested).tolist() == ["train", "train", *["test"] * 4]
    samples.loc[4, "split"] = "train"
    assert SplitPlan("column").apply(samples, {"B"}, tested).tolist() == ["train", "train", "test", "", "", "test"]


def test_the_plan_says_what_gives_the_split() -> None:
    names = ("grouped", "manipulation", "column", "ffpp:/data/splits", "a/s.csv")
    kinds = {name: SplitPlan(name).describe() for name in names}
    told = {name: [plan[key] for key in ("method", "file", "test_size", "seed")] for name, plan in kinds.items()}
    assert told == {
        "grouped": ["grouped", None, 0.3, 0],
        "manipulation": ["manipulation", None, 0.3, 0],
        "column": ["column", None, None, None],
        "ffpp:/data/splits": ["ffpp", "/data/splits", None, None],
        "a/s.csv": ["file", "a/s.csv", None, None],
    }


def test_what_crosses_is_dropped_from_dealt_splits_alone() -> None:
    samples = table([("A/0",), ("A/1",)]).assign(split=["train", "test"])
    with pytest.raises(InputError, match="not from a given split"):
        SplitPlan("column", drop_crossing=True).apply(samples)
    with pytest.raises(InputError, match="unknown kind of disjoint split 'person'"):
        SplitPlan("column", disjoint="person").apply(samples)


def test_the_refusal_names_what_leaks(tmp_path: Path) -> None:
    samples = table([("A/0", "A/1"), ("A/0",), ("A/1",), ("B/0", "A/1"), ("B/2",)])
    samples["split"] = ["train", "train", "test", "test", "test"]
    with pytest.raises(InputError, match=r"^the cache's own split puts 1 of 2 test groups .* first; repair it"):
        SplitPlan("column").apply(samples)
    samples.loc[2, "split"] = "train"
    with pytest.raises(
        InputError, match=r"^the test cache puts 1 of 2 test groups .* first; name a split that says of"
    ):
        SplitPlan("column").apply(samples, (), np.arange(5) >= 3)


def by_name(samples: pd.DataFrame, fake: str, tested: np.ndarray | None = None, **options: object) -> pd.Series:
    """The split of fakes that are FaceSwap, but for those of one row, which are tested on."""
    names = (["FaceSwap"], [fake])
    return SplitPlan("manipulation", **options).apply(samples, (), tested, names)  # type: ignore[arg-type]


def pair_of_pairs() -> pd.DataFrame:
    """Two people who swap faces by two manipulations, and two more by one."""
    samples = table([("A/0",), ("A/1",), ("A/0", "A/1"), ("A/1", "A/0"), ("A/2",), ("A/3",), ("A/2", "A/3")])
    return samples.assign(
        compression="c23", manipulation=["real"] * 2 + ["FaceSwap", "NeuralTextures"] + ["real"] * 2 + ["FaceSwap"]
    )


def test_a_split_by_manipulation_needs_leave_where_it_leaks_and_says_what_it_does() -> None:
    samples = pair_of_pairs()
    with pytest.raises(InputError, match=r"^a split by manipulation puts 2 of 2 test groups .*; deal groups \(--split"):
        by_name(samples, "NeuralTextures", test_size=1.0)
    trained = np.arange(7)
    told = {}
    for size in (0.25, 1.0):
        plan = SplitPlan("manipulation", size, allow_leak=True)
        split = plan.apply(samples, (), None, (["FaceSwap"], ["NeuralTextures"]))
        told[size] = protocol_caveats(plan, samples, split, trained)
    assert split.tolist() == ["both", "both", "train", "test", "both", "both", "train"]
    start = "split by manipulation: fakes stand on the side of their manipulation, whoever is in them; "
    assert told[0.25] == [f"{start}real videos are dealt, 0.25 of them to test"]
    assert told[1.0] == [f"{start}4 real videos were trained on and are tested on"]


def test_a_split_by_manipulation_between_data_sets_leaks_nothing_and_needs_no_leave() -> None:
    samples = pair_of_pairs()
    samples.loc[3:5, "dataset"] = "B"
    samples.loc[3, "identities"] = "B/2 B/3"
    samples.loc[3:5, "group"] = "B/2"
    split = by_name(samples, "NeuralTextures")
    assert split.tolist() == ["train", "train", "train", "test", "test", "test", "train"]
    tested = (samples["dataset"] == "B").to_numpy()
    assert by_name(samples, "NeuralTextures", tested).equals(split), "nor as another cache"
    plan = SplitPlan("manipulation")
    assert protocol_caveats(plan, samples, split, np.array([0, 1, 2]))[0].endswith("whoever is in them")


def test_another_cache_is_tested_on_where_the_split_says_both(tmp_path: Path) -> None:
    samples = table([("A/0",), ("A/1",), ("B/0",), ("B/1",)])
    (tmp_path / "s.csv").write_text("video_id,split\nA/0,train\nA/1,train\nB/2,both\nB/3,train\n")
    split = SplitPlan(str(tmp_path / "s.csv")).apply(samples, (), np.arange(4) >= 2)
    assert split.tolist() == ["train", "train", "test", ""]
