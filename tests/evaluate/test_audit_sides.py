"""Each kind of leak where a table has it, and silence where it has not."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from cache.identity import connected_groups
from cache.splits import assign
from evaluate.audit_sides import leaks, shared_validation

ROWS = {  # video: manipulation, scene, identities, group
    "real/004": ("real", "004", "004", "004"),
    "real/982": ("real", "982", "982", "004"),
    "FaceSwap/004_982": ("FaceSwap", "004", "004 982", "004"),
    "NeuralTextures/004_982": ("NeuralTextures", "004", "004 982", "004"),
    "NeuralTextures/982_004": ("NeuralTextures", "982", "982 004", "004"),
    "real/634": ("real", "634", "634", "634"),
    "FaceSwap/634_660": ("FaceSwap", "634", "634 660", "634"),
}


def table(*videos: str, frames: int = 2, **columns: object) -> pd.DataFrame:
    rows = [
        dict(zip(("manipulation", "scene", "identities", "group"), ROWS[video], strict=True))
        | {"video_id": f"FF/{video}", "dataset": "FF", "label": int("real/" not in video)}
        | {"path": f"{video}/{frame}.png", "pixel_hash": f"{video}/{frame}"}
        for video in videos
        for frame in range(frames)
    ]
    return pd.DataFrame(rows).assign(**columns)


def kinds(found: list) -> dict[str, str]:
    return {one.kind: one.severity for one in found}


def test_disjoint_sides_are_silent() -> None:
    assert leaks(table("real/004", "FaceSwap/004_982"), table("real/634", "FaceSwap/634_660")) == []


def test_groups_alone() -> None:
    (found,) = leaks(table("real/004"), table("real/982", "real/634"))
    assert found.sentence == "LEAK: 1 of 2 test groups were in training (e.g. 004)"
    assert (found.kind, found.counts) == ("group", {"shared": 1, "total": 2})


def test_identities_and_scenes() -> None:
    found = leaks(table("real/004", "real/982"), table("NeuralTextures/982_004", "FaceSwap/634_660"))
    assert [one.sentence for one in found] == [
        "LEAK: 1 of 2 test groups were in training (e.g. 004)",
        "LEAK: 2 of 4 test identities were in training (e.g. 004, 982)",
        "LEAK: 1 of 2 test scenes were in training (e.g. 982)",
    ]


def test_the_same_pair_under_another_manipulation() -> None:
    found = leaks(table("FaceSwap/004_982"), table("NeuralTextures/004_982", "FaceSwap/634_660", "real/634"))
    (pair,) = [one for one in found if one.kind == "pair"]
    assert pair.severity == "leak" and pair.counts == {"shared": 1, "total": 2}
    assert "1 of 2 test fakes join the same target and source" in pair.sentence
    assert "(FaceSwap)" in pair.sentence and pair.examples == ("NeuralTextures/004_982",)


def test_swapped_back_is_no_same_pair() -> None:
    assert "pair" not in kinds(leaks(table("FaceSwap/004_982"), table("NeuralTextures/982_004")))


def test_videos_whose_frames_were_dealt_one_by_one() -> None:
    whole = table("real/004", "FaceSwap/634_660", frames=4)
    found = leaks(whole.iloc[::2], whole.iloc[1::2])
    assert set(kinds(found)) == {"group", "identity", "scene", "video"}
    assert found[-1].sentence == "LEAK: 2 of 2 test videos were in training (e.g. FaceSwap/634_660, real/004)"


@pytest.mark.parametrize(
    ("missing", "how"),
    [
        ((), "by their pixels"),
        (("pixel_hash",), "by their files' bytes"),
        (("pixel_hash", "file_hash"), "by their paths"),
    ],
)
def test_exact_frames_by_the_best_there_is(missing: tuple[str, ...], how: str) -> None:
    trained, tested = (
        table(video, file_hash=["x", "y"]).drop(columns=list(missing)) for video in ("real/004", "real/634")
    )
    same = {"pixel_hash": "real/004/1", "path": "real/004/1.png", "file_hash": "y"}
    tested.loc[1, [name for name in same if name in tested]] = [same[name] for name in same if name in tested]
    if "file_hash" in tested:
        tested.loc[0, "file_hash"] = "z"
    (found,) = leaks(trained, tested)
    assert (found.kind, found.severity) == ("frame", "leak")
    assert found.sentence.startswith(f"LEAK: 1 of 2 test frames were in training, {how} (e.g. ")


def test_a_few_frames_that_many_videos_share_are_a_warning() -> None:
    trained, tested = table("real/004", frames=150), table("real/634", frames=150)
    tested.loc[0, "pixel_hash"] = trained.loc[0, "pixel_hash"]
    (found,) = leaks(trained, tested)
    assert (found.kind, found.severity) == ("frame", "warning")
    assert found.sentence.endswith("so few may be black frames or titles, which many videos share")
    tested.loc[1, "pixel_hash"] = trained.loc[0, "pixel_hash"]
    assert leaks(trained, tested)[0].severity == "leak", "2 of 150 are more than 1 %"


def test_frames_without_a_hash_are_not_the_same_frame() -> None:
    sides = [table("real/004", pixel_hash=""), table("real/634", pixel_hash="").assign(path="x.png")]
    assert leaks(*sides) == []


def test_a_path_below_one_root_is_another_file_below_another() -> None:
    sides = [table(video, pixel_hash="", root=f"/{video}").assign(path="0.png") for video in ("real/004", "real/634")]
    assert leaks(*sides) == []


def test_what_a_split_openly_does_not_exclude_is_no_leak() -> None:
    sides = table("FaceSwap/004_982"), table("NeuralTextures/982_004")
    assert kinds(leaks(*sides)) == {"group": "leak", "identity": "leak"}
    assert kinds(leaks(*sides, disjoint="scene")) == {"group": "warning", "identity": "warning"}
    same_scene = table("FaceSwap/004_982"), table("NeuralTextures/004_982")
    assert kinds(leaks(*same_scene, disjoint="scene"))["pair"] == "leak"
    assert set(kinds(leaks(*same_scene, disjoint="video")).values()) == {"warning"}
    same_component = table("real/004"), table("real/982")
    assert kinds(leaks(*same_component, drop_crossing=True)) == {"group": "note"}
    with pytest.raises(InputError, match="known: identity, scene, video"):
        leaks(*sides, disjoint="actor")


def test_names_keep_their_data_set_where_there_are_two() -> None:
    tested = table("real/004").assign(dataset="other")
    assert leaks(table("real/004"), tested)[0].sentence.endswith("(e.g. 004)")
    both = table("real/004").assign(group="FF/004", identities="FF/004")
    assert leaks(both, both)[0].examples == ("004",)
    assert leaks(both, both.assign(dataset="other"))[0].examples == ("FF/004",)


def test_validation_in_training_is_a_warning() -> None:
    (found,) = shared_validation(table("real/004"), table("real/982", "real/634"))
    assert found.severity == "warning"
    assert found.sentence.startswith("WARNING: 1 of 2 validation groups were in training (e.g. 004): thresholds")
    assert shared_validation(table("real/004"), table("real/634")) == []
    assert shared_validation(table("real/004"), table("real/634").iloc[:0]) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=19), st.integers(0, 3))
def test_no_split_of_ours_leaks(pairs: list[tuple[int, int]], seed: int) -> None:
    rows = [
        {"manipulation": name, "scene": f"s{a}", "identities": f"i{a} i{b}" if a != b else f"i{a}"}
        | {"video_id": f"{name}/{a}_{b}", "dataset": "FF", "label": int(name != "real")}
        for a, b in pairs
        for name in ("real", "FaceSwap", "NeuralTextures")
    ]
    samples = pd.DataFrame(rows).drop_duplicates("video_id").assign(pixel_hash="")
    samples["group"] = connected_groups([tuple(one.split()) for one in samples["identities"]])
    split = assign(samples, seed=seed)
    assert leaks(samples[split == "train"], samples[split == "test"]) == []
