"""Names of the field, and the components that shared identities form."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.identity import Name, canonical, connected_groups, folder_says, is_real, parse_frame, parse_video

WORDS = st.text("abcXYZ019_-. ", min_size=1, max_size=12)
GRAPHS = st.lists(st.lists(st.integers(0, 30).map(str), min_size=1, max_size=4), max_size=40)


@pytest.mark.parametrize(
    ("folder", "manipulation"),
    [
        *((name, "real") for name in ("real", "Real_youtube", "original", "youtube", "actors", "0_real", "Celeb-real")),
        *((name, "real") for name in ("original_sequences", "YouTube-real", "REAL", "real_images", "Pristine")),
        *((name, "Deepfakes") for name in ("DF", "Deepfakes", "deepfakes")),
        *((name, "Face2Face") for name in ("F2F", "face2face")),
        *((name, "FaceSwap") for name in ("FS", "faceswap")),
        *((name, "NeuralTextures") for name in ("NT", "neuraltextures")),
        ("FACESHIFTER", "FaceShifter"),
        ("DeepFakeDetection", "DeepFakeDetection"),
        *((name, name) for name in ("heygen", "1_fake", "unreal", "not_real", "frames", "StyleGAN2", "Surreal real")),
    ],
)
def test_canonical(folder: str, manipulation: str) -> None:
    assert canonical(folder) == manipulation
    assert is_real(canonical(folder)) == (manipulation == "real")


@given(WORDS)
def test_canonical_is_stable(folder: str) -> None:
    assert canonical(canonical(folder)) == canonical(folder)


@pytest.mark.parametrize(
    ("name", "manipulation", "expected"),
    [
        ("018_019", "FaceSwap", Name("018_019", "018", ("019",))),
        ("018_019", "some new method", Name("018_019", "018", ("019",))),
        ("018_019", "real", Name("018_019", "018_019")),
        ("286", "real", Name("286", "286")),
        ("18_19", "FaceSwap", Name("18_19", "18_19")),
        ("0180_0190", "FaceSwap", Name("0180_0190", "0180_0190")),
        ("clip of me", "heygen", Name("clip of me", "clip of me")),
        ("01__walking_outside", "real", Name("01__walking_outside", "01__walking_outside", ("01",))),
        (
            "01_02__hugging__YVGY8LOK",
            "DeepFakeDetection",
            Name("01_02__hugging__YVGY8LOK", "01__hugging", ("01", "02")),
        ),
        ("id0_0003", "real", Name("id0_0003", "id0_0003", ("id0",))),
        ("id0_0003", "EFS", Name("id0_0003", "id0_0003", ("id0",))),
        ("id0_id16_0003", "Celeb-synthesis", Name("id0_id16_0003", "id0_0003", ("id0", "id16"))),
        ("id0_id16_0003", "real", Name("id0_id16_0003", "id0_id16_0003")),
    ],
)
def test_parse_video(name: str, manipulation: str, expected: Name) -> None:
    assert parse_video(name, manipulation) == expected


@pytest.mark.parametrize(
    ("stem", "manipulation", "expected"),
    [
        ("018_019_055", "NeuralTextures", Name("018_019", "018", ("019",), 55)),
        ("018_019", "NeuralTextures", Name("018_019", "018", ("019",), None)),
        ("286_082", "real", Name("286", "286", (), 82)),
        ("000", "real", Name("000", "000", (), None)),
        ("286_082_007", "real", Name("286_082", "286_082", (), 7)),
        ("my_clip_0012", "heygen", Name("my_clip", "my_clip", (), 12)),
        ("portrait", "heygen", Name("portrait", "portrait", (), None)),
        ("_12", "heygen", Name("_12", "_12", (), None)),
        ("id0_0003", "real", Name("id0_0003", "id0_0003", ("id0",), None)),
        ("id0_0003_7", "real", Name("id0_0003", "id0_0003", ("id0",), 7)),
        ("id0_id16_0003", "simswap", Name("id0_id16_0003", "id0_0003", ("id0", "id16"), None)),
        ("id0_id16_0003_7", "simswap", Name("id0_id16_0003", "id0_0003", ("id0", "id16"), 7)),
        ("01__talking_012", "real", Name("01__talking", "01__talking", ("01",), 12)),
        ("01_02__talking__0KDMG3QF_3", "DFD", Name("01_02__talking__0KDMG3QF", "01__talking", ("01", "02"), 3)),
    ],
)
def test_parse_frame(stem: str, manipulation: str, expected: Name) -> None:
    assert parse_frame(stem, manipulation) == expected


@given(video=WORDS, frame=st.integers(0, 10**6), manipulation=st.sampled_from(["real", "FaceSwap"]))
def test_a_flattened_frame_has_the_names_of_its_video(video: str, frame: int, manipulation: str) -> None:
    stem = f"{video}_{frame:04d}"  # three digits could be the second half of a pair
    assert parse_frame(stem, manipulation) == parse_video(video, manipulation)._replace(frame=frame)


@pytest.mark.parametrize(
    ("name", "manipulation", "identities"),
    [
        ("018_019", "FaceSwap", ("018", "019")),
        ("018", "real", ("018",)),
        ("01__talking", "real", ("01",)),
        ("01_02__talking__YVGY8LOK", "DeepFakeDetection", ("01", "02")),
        ("id1_0003", "real", ("id1",)),
        ("id1_id10_0003", "Celeb-synthesis", ("id1", "id10")),
        ("00170", "real", ("00170",)),
    ],
)
def test_identities_are_people_alone_where_names_tell_people(
    name: str, manipulation: str, identities: tuple[str, ...]
) -> None:
    assert parse_video(name, manipulation).identities == identities


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        *((name, "real") for name in ("real", "0_real", "Celeb-real", "DFD_original sequences", "Real_youtube")),
        *((name, "fake") for name in ("fake", "1_fake", "DF", "NeuralTextures", "Celeb-synthesis")),
        *((name, "fake") for name in ("DFD_manipulated_sequences", "manipulated_sequences")),
        *((name, "") for name in ("faces", "videos", "heygen", "real_or_fake", "unreal", "")),
    ],
)
def test_folder_says(folder: str, said: str) -> None:
    assert folder_says(folder) == said


def test_pairs_of_one_scene_share_a_group() -> None:
    rows = [("FF++/004",), ("FF++/004", "FF++/982"), ("FF++/634", "FF++/660"), ("FF++/982", "FF++/004"), ("FF++/9",)]
    assert connected_groups(rows) == ["FF++/004", "FF++/004", "FF++/634", "FF++/004", "FF++/9"]


def test_a_sample_without_identity_is_refused() -> None:
    with pytest.raises(ValueError, match="without an identity"):
        connected_groups([("a",), ()])


def reachable(rows: list[list[str]], start: list[str]) -> set[str]:
    """Identities of a sample's component, by walking."""
    found, grown = set(start), True
    while grown:
        more = {name for row in rows if found & set(row) for name in row} - found
        found, grown = found | more, bool(more)
    return found


@given(GRAPHS)
def test_groups_are_components_named_by_their_smallest_identity(rows: list[list[str]]) -> None:
    assert connected_groups(rows) == [min(reachable(rows, row)) for row in rows]


@given(GRAPHS, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_order(rows: list[list[str]], rng: random.Random) -> None:
    order = list(range(len(rows)))
    rng.shuffle(order)
    shuffled = connected_groups([rng.sample(rows[place], len(rows[place])) for place in order])
    groups = connected_groups(rows)
    assert shuffled == [groups[place] for place in order]
