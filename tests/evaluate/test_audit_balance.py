"""Classes, people and data sets of the two sides."""

import pandas as pd
import pytest

from evaluate.audit_balance import coverage, sides_differ

FAILURES = ["manipulation", "frames"]


def by_kind(found: list, kind: str) -> list[str]:
    return [one.sentence for one in found if one.kind == kind]


@pytest.fixture
def sides(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of 12 groups 8 train and 4 test; each has 2 real and 4 fake videos of 3 frames."""
    tested = samples["group"].isin(sorted(set(samples["group"]))[8:])
    return samples[~tested], samples[tested]


def test_balance_groups_and_nothing_else(sides: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = sides_differ(*sides)
    assert {one.kind for one in found} == {"balance", "groups"}
    assert {one.severity for one in found} == {"note"}
    assert by_kind(found, "balance") == [
        "Note: training: 16 real and 32 fake videos (48 and 96 frames); always answering fake is right for 0.667 of "
        "the videos",
        "Note: test: 8 real and 16 fake videos (24 and 48 frames); always answering fake is right for 0.667 of the "
        "videos",
    ]
    assert by_kind(found, "groups")[0].startswith(
        "Note: test: 24 videos in 4 groups (0 only fake, 0 only real, 4 mixed)"
    )
    assert "fewer than 20" in by_kind(found, "groups")[0]


def test_reals_in_the_majority_and_a_side_without_reals(sides: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    train, test = sides
    reals = test[(test["label"] == 0) | (test["video_id"] == "FF++/c23/FaceSwap/016_017")]
    assert "always answering real is right for 0.889" in by_kind(sides_differ(train, reals), "balance")[1]
    (missing,) = [one for one in sides_differ(train, test[test["label"] == 1]) if one.severity == "warning"]
    assert missing.sentence == "WARNING: test holds no real video: no figure of the two classes is possible"


def test_compositions_are_counted(sides: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    train, test = sides
    only_fake = test["group"].eq("FF++/016") & test["label"].eq(0)
    only_real = test["group"].eq("FF++/018") & test["label"].eq(1)
    (found,) = [one for one in sides_differ(train, test[~only_fake & ~only_real]) if one.kind == "groups"]
    assert found.counts == {"groups": 4, "only_real": 1, "only_fake": 1, "mixed": 2}


def test_fakes_of_other_people_without_their_originals(sides: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    train, test = sides
    gone = test["video_id"].isin(["FF++/c23/real/016", "FF++/c23/real/017"])
    apart = [side[(side["label"] == 0) | (side["group"] != "FF++/000")] for side in (train, test[~gone])]
    found = sides_differ(*apart)
    assert by_kind(found, "people") == [
        "Note: 20 of the 22 identities of reals occur among the 22 of fakes: where the classes show different people, "
        "a head can learn people"
    ]
    assert by_kind(found, "original") == ["Note: the originals of 4 of 44 fake videos are not among the reals"]


@pytest.mark.parametrize("column", ["dataset", "compression"])
def test_reals_and_fakes_from_different_homes(sides: tuple[pd.DataFrame, pd.DataFrame], column: str) -> None:
    train, test = (side.copy() for side in sides)
    test.loc[test["manipulation"] == "FaceSwap", column] = "other"
    (found,) = [one for one in sides_differ(train, test) if one.kind == "home"]
    assert found.severity == "warning" and found.counts == {"videos": 8}
    assert "8 fake videos of test (FaceSwap) come from" in found.sentence and "reals from FF++/c23" in found.sentence


def test_coverage(samples: pd.DataFrame) -> None:
    names, used = samples["manipulation"].to_numpy(), ["real", "FaceSwap"]
    assert coverage(names, pd.DataFrame(columns=FAILURES), used) == []
    (gap,) = coverage(names, pd.DataFrame([["FaceSwap", 6], ["FaceSwap", 2]], columns=FAILURES), used)
    assert gap.severity == "warning"
    assert gap.sentence.startswith("WARNING: frames read: FaceSwap 90.0%, real 100.0%: what is missing of one class")
    (even,) = coverage(names, pd.DataFrame([["FaceSwap", 2], ["real", 2]], columns=FAILURES), used)
    assert even.severity == "note" and even.counts == {"gap": 0.0}
    assert coverage(names, pd.DataFrame([["Deepfakes", 50]], columns=FAILURES), used) == [], "not of this protocol"
