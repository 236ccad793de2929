"""Roots of data sets -> sorted sources, with what is left out and why."""

import os
import shutil
from pathlib import Path

import pytest

from cache.errors import InputError
from cache.identity import connected_groups
from extract.layouts import LAYOUTS, Listing, recognise
from extract.layouts.base import file_path


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def list_root(root: Path, dataset: str | None = None) -> Listing:
    return LAYOUTS[recognise(root)](root, dataset)


def keys(listing: Listing) -> list[tuple[str, str, int]]:
    return [(source.manipulation, source.video, source.frame) for source in listing.sources]


def test_nested_frames(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", "Real_youtube/286/082.png", "FS/018_019/frame_7.jpg", "FS/018_019/frame_10.JPEG")
    listing = list_root(root)
    assert keys(listing) == [("FaceSwap", "018_019", 7), ("FaceSwap", "018_019", 10), ("real", "286", 82)]
    first = listing.sources[0]
    assert (first.path, first.dataset, first.compression) == ("FS/018_019/frame_7.jpg", "set", "unknown")
    assert (first.scene, first.identities, first.label) == ("set/018", ("set/018", "set/019"), 1)
    assert (listing.sources[2].identities, listing.sources[2].label) == (("set/286",), 0)


def test_flattened_frames_mean_what_their_class_folder_says(tmp_path: Path) -> None:
    root = touch(tmp_path, "real/286_082.png", "FaceSwap/286_082_055.png", "FaceSwap/018_019.png", "real/face.png")
    assert keys(list_root(root)) == [
        ("FaceSwap", "018_019", 0),
        ("FaceSwap", "286_082", 55),
        ("real", "286", 82),
        ("real", "face", 0),
    ]


def test_video_files_and_pictures_side_by_side(tmp_path: Path) -> None:
    root = touch(tmp_path, "NT/004_982.MP4", "NT/004_001/000.png", "NT/007_008_001.png", "real/004.avi", "real/README")
    listing = list_root(root)
    assert keys(listing) == [
        ("NeuralTextures", "004_001", 0),
        ("NeuralTextures", "004_982", -1),
        ("NeuralTextures", "007_008", 1),
        ("real", "004", -1),
    ]
    assert [source.is_video for source in listing.sources] == [False, True, False, True]
    assert listing.skipped == [("real/README", "neither a picture nor a video by its suffix")]


def test_deeper_folders_are_the_video_and_its_identity_is_found(tmp_path: Path) -> None:
    root = touch(tmp_path / "d", "FS/c23/018_019/frames/1.png", "real/c23/018/frames/1.png", "real/c23/videos/018.mp4")
    listing = list_root(root)
    assert keys(listing) == [
        ("FaceSwap", "c23/018_019/frames", 1),
        ("real", "c23/018/frames", 1),
        ("real", "c23/videos/018", -1),
    ]
    assert set(connected_groups([source.identities for source in listing.sources])) == {"d/018"}


def test_frames_without_numbers_are_counted(tmp_path: Path) -> None:
    root = touch(tmp_path, "real/a/left.png", "real/a/right.png", "real/b/x1.png", "real/frames/3.png")
    assert keys(list_root(root)) == [("real", "a", 0), ("real", "a", 1), ("real", "b", 1), ("real", "frames", 3)]


def test_dates_are_no_frame_numbers(tmp_path: Path) -> None:
    root = touch(tmp_path, "real/c/20240101123059.png", "real/IMG_20240101123059.png")
    assert keys(list_root(root)) == [("real", "IMG_20240101123059", 0), ("real", "c", 0)]


@pytest.mark.parametrize(
    "pair",
    [
        ("real/a/1.png", "real/a/01.png"),
        ("real/a/0.png", "real/a/0.jpg"),
        ("real/x.png", "original/x.png"),
        ("real/004.mp4", "real/004/000.png"),
        ("real/004.mp4", "real/004_007.png"),
        ("real/004.mp4", "real/004.avi"),
    ],
)
def test_two_files_of_one_sample_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="both sample") as error:
        list_root(touch(tmp_path, *pair))
    assert all(path in str(error.value) for path in pair)


def test_loose_and_hidden_files_are_listed_as_skipped(tmp_path: Path) -> None:
    root = touch(tmp_path, "real/a/1.png", "real/a/._1.png", "loose.png", ".cache/x.png", "real/notes.txt")
    listing = list_root(root)
    assert len(listing.sources) == 1
    assert [path for path, _ in listing.skipped] == [".cache", "loose.png", "real/a/._1.png", "real/notes.txt"]


def test_roots_that_hold_nothing_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list_root(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a file"):
        list_root(touch(tmp_path, "file") / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found neither; expected <class>/"):
        list_root(tmp_path / "empty")
    with pytest.raises(InputError, match=r"such as 1\.png, but in no class folder"):
        list_root(touch(tmp_path / "loose", "1.png", "2.png"))
    with pytest.raises(InputError, match="neither original_sequences nor"):
        LAYOUTS["ffpp"](tmp_path / "loose", None)
    with pytest.raises(InputError, match="no picture and no video"):
        list_root(touch(tmp_path / "ffpp", "original_sequences/youtube/c23/videos/readme.txt"))


def test_symbolic_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "real/a/1.png")
    touch(tmp_path / "elsewhere", "018_019/1.png")
    (root / "FaceSwap").symlink_to(tmp_path / "elsewhere")
    (root / "real" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "real" / "gone.png").symlink_to(root / "nothing.png")
    listing = list_root(root)
    assert keys(listing) == [("FaceSwap", "018_019", 1), ("real", "a", 1)]
    assert [path for path, _ in listing.skipped] == ["real/gone.png", "real/up", "self"]


def test_names_that_are_not_utf8_are_percent_encoded_and_found_again(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/real/\xe9t\xe9"
    os.makedirs(folder)
    with open(folder + b"/1.png", "wb") as file:
        file.write(b"summer")
    touch(tmp_path, "real/50%41/2.png")
    encoded, literal = sorted(list_root(tmp_path).sources, key=lambda source: source.frame)
    assert (encoded.path, encoded.video, literal.path) == ("real/%E9t%E9/1.png", "%E9t%E9", "real/50%41/2.png")
    assert file_path(tmp_path, encoded.path).read_bytes() == b"summer"
    assert file_path(tmp_path, literal.path) == tmp_path / "real/50%41/2.png"
    for text in (*encoded.identities, encoded.scene, encoded.path):
        text.encode()  # may be stored


def test_identities_hold_no_white_space(tmp_path: Path) -> None:
    source = list_root(touch(tmp_path / "my set", "real/my clip/1.png"), None).sources[0]
    assert (source.video, source.scene, source.identities) == ("my clip", "my set/my clip", ("my%20set/my%20clip",))


def test_ffpp_tree(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "original_sequences/youtube/c23/videos/004.mp4",
        "original_sequences/actors/raw/videos/01__talking.mp4",
        "manipulated_sequences/FaceSwap/c40/frames/004_982/0001.png",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__talking__ABCDEFG1.mp4",
        "manipulated_sequences/FaceSwap/masks/videos/004_982.mp4",
        "manipulated_sequences/FaceSwap/c99/videos/004_982.mp4",
        "original_sequences/youtube/c23/videos/notes.txt",
        "splits/train.json",
    )
    assert recognise(root) == "ffpp"
    listing = list_root(root)
    assert [(source.compression, *key) for source, key in zip(listing.sources, keys(listing), strict=True)] == [
        ("c23", "DeepFakeDetection", "01_02__talking__ABCDEFG1", -1),
        ("c23", "real", "004", -1),
        ("c40", "FaceSwap", "004_982", 1),
        ("raw", "real", "01__talking", -1),
    ]
    assert {source.dataset for source in listing.sources} == {"FF++"}
    assert connected_groups([source.identities for source in listing.sources]) == [
        "FF++/01",
        "FF++/004",
        "FF++/004",
        "FF++/01",
    ]
    assert [path for path, _ in listing.skipped] == [
        "manipulated_sequences/FaceSwap/c99/videos/004_982.mp4",
        "manipulated_sequences/FaceSwap/masks",
        "original_sequences/youtube/c23/videos/notes.txt",
        "splits/train.json",
    ]
    assert {source.dataset for source in list_root(root, "mine").sources} == {"mine"}


def test_ffpp_prefers_frames_and_lists_the_videos(tmp_path: Path) -> None:
    place = "original_sequences/youtube/c23"
    listing = list_root(touch(tmp_path, f"{place}/videos/004.mp4", f"{place}/frames/004/0000.png"))
    assert keys(listing) == [("real", "004", 0)]
    assert listing.skipped == [(f"{place}/videos/004.mp4", f"the frames in {place}/frames are read instead")]


def test_real_ffpp_videos(real_data: Path) -> None:
    listing = list_root(real_data / "ffpp_videos")
    groups = connected_groups([source.identities for source in listing.sources])
    found = {
        f"{source.manipulation}/{source.video}": group for source, group in zip(listing.sources, groups, strict=True)
    }
    assert found == {
        "Deepfakes/519_515": "FF++/515",
        "FaceSwap/634_660": "FF++/634",
        "NeuralTextures/004_982": "FF++/004",
        "real/004": "FF++/004",
        "real/519": "FF++/515",
        "real/634": "FF++/634",
    }
    assert {source.scene for source in listing.sources} == {"FF++/004", "FF++/519", "FF++/634"}
    assert [source.label for source in listing.sources] == [1, 1, 1, 0, 0, 0]
    assert not listing.skipped


def test_real_crops_nested_and_flattened_give_the_same_samples(real_data: Path, tmp_path: Path) -> None:
    nested = real_data / "ffpp_crops"
    for path in nested.rglob("*.png"):
        manipulation, video, frame = path.relative_to(nested).parts
        flat = tmp_path / "ffpp_crops" / manipulation / f"{video}_{frame}"
        flat.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, flat)
    ours, copies = list_root(nested).sources, list_root(tmp_path / "ffpp_crops").sources
    assert len(ours) == 20
    for one, other in zip(ours, copies, strict=True):
        assert one.path != other.path
        names = [name for name in one.__dataclass_fields__ if name != "path"]
        assert all(getattr(one, name) == getattr(other, name) for name in names)
    assert set(connected_groups([source.identities for source in ours])) == {"ffpp_crops/000"}
