"""Roots of data sets -> sorted sources, with what is left out and why."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from cache.identity import connected_groups
from extract.layouts import LAYOUTS, Listing, read_root, recognise
from extract.layouts.base import file_path
from extract.layouts.table import COLUMNS, Row


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def list_root(root: Path, dataset: str | None = None) -> Listing:
    return read_root(root, dataset=dataset)[1]


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
    with pytest.raises(InputError, match="fits no layout; name one with --layout") as error:
        list_root(tmp_path / "empty")
    assert all(f"{name}: " in str(error.value) for name in LAYOUTS)
    with pytest.raises(InputError, match="found neither; expected <class>/"):
        LAYOUTS["folders"](tmp_path / "empty", None)
    with pytest.raises(InputError, match=r"such as 1\.png, but in no class folder"):
        LAYOUTS["folders"](touch(tmp_path / "loose", "1.png", "2.png"), None)
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
    assert recognise(root).layout == "ffpp"
    listing = list_root(root)
    assert [(source.compression, *key) for source, key in zip(listing.sources, keys(listing), strict=True)] == [
        ("c23", "DeepFakeDetection", "01_02__talking__ABCDEFG1", -1),
        ("raw", "real", "01__talking", -1),
        ("c23", "real", "004", -1),
        ("c40", "FaceSwap", "004_982", 1),
    ]
    assert [source.dataset for source in listing.sources] == ["DFD", "DFD", "FF++", "FF++"]
    assert connected_groups([source.identities for source in listing.sources]) == [
        "DFD/01",
        "DFD/01",
        "FF++/004",
        "FF++/004",
    ]
    assert listing.notes == ()
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


def tabulate(root: Path, text: str, *paths: str, table: str = "metadata.csv") -> Path:
    """A folder with a table and files."""
    touch(root, *paths)
    (root / table).write_text(text, encoding="utf-8")
    return root


def test_manifest_with_all_columns(tmp_path: Path) -> None:
    text = (
        "Filename,Is_Fake,Video ID,frame,Method,Identity,original_video,partition,dataset,compression,quality\n"
        "a/1.jpg,TRUE,634_660,7,fs,lab 3,,valid,FF++,c23,x\n"
        'a/2.jpg,0,"clip, one",1.0,,,,TEST,FF++,c23,x\n'
        "\n"
        "b.mp4,1.0,,,DeepFakes,nan,two.mp4,,DFDC,,x\n"
    )
    root = tabulate(tmp_path / "set", text, "a/1.jpg", "a/2.jpg", "b.mp4")
    assert recognise(root).layout == "manifest"
    whole, swap, real = list_root(root).sources
    assert (swap.path, swap.label, swap.manipulation, swap.video, swap.frame) == (
        "a/1.jpg", 1, "FaceSwap", "634_660", 7,
    )  # fmt: skip
    assert (swap.scene, swap.identities) == ("FF++/634", ("FF++/634", "FF++/660", "FF++/lab%203"))
    assert (swap.split, swap.dataset, swap.compression) == ("val", "FF++", "c23")
    assert (real.video, real.frame, real.manipulation, real.label, real.split) == ("clip, one", 1, "real", 0, "test")
    assert real.identities == ("FF++/clip,%20one",)
    assert (whole.video, whole.frame, whole.is_video, whole.split) == ("b", -1, True, "")
    assert (whole.scene, whole.identities, whole.compression) == ("DFDC/two", ("DFDC/two",), "unknown")
    assert {source.dataset for source in list_root(root, "mine").sources} == {"mine"}


def test_a_fake_and_its_original_are_one_group_however_the_table_writes_the_original(tmp_path: Path) -> None:
    text = (
        "file,label,original\n"
        "p/real.mp4,REAL,\np/fake1.mp4,FAKE,real.mp4\np/fake2.mp4,fake,p\\real.mp4\np/other.mp4,real,None\n"
    )
    root = tabulate(tmp_path / "d", text, *(f"p/{name}.mp4" for name in ("real", "fake1", "fake2", "other")))
    sources = list_root(root).sources
    assert {(source.manipulation, source.video, source.scene) for source in sources} == {
        ("fake", "fake1", "d/real"),
        ("fake", "fake2", "d/real"),
        ("real", "real", "d/real"),
        ("real", "other", "d/other"),
    }
    assert sorted(set(connected_groups([source.identities for source in sources]))) == ["d/other", "d/real"]


def test_crops_of_an_original_stay_with_its_fakes_and_a_pair_with_its_donor(tmp_path: Path) -> None:
    text = "path,label,video,original\n1.png,0,crop 1,018\n2.png,1,swap,018\n3.png,1,018_019,018\n4.png,0,019,\n"
    sources = list_root(tabulate(tmp_path, text, "1.png", "2.png", "3.png", "4.png"), "d").sources
    assert set(connected_groups([source.identities for source in sources])) == {"d/018"}
    assert [source.scene for source in sources] == ["d/018", "d/018", "d/019", "d/018"]


@pytest.mark.parametrize(
    ("path", "label", "key"),
    [
        ("x/018_019_055.png", 1, ("fake", "018_019", 55)),
        ("x/clip_0012.png", 0, ("real", "clip", 12)),
        ("x/portrait.png", 0, ("real", "portrait", 0)),
        ("real/286/082.png", 0, ("real", "real/286", 82)),
        ("real/286/frame_082.png", 0, ("real", "real/286", 82)),
        ("real/286/img7.png", 0, ("real", "real/286", 7)),
        ("real/286/20240101123059.png", 0, ("real", "real/286", 0)),
        ("082.png", 0, ("real", "082", 0)),
        ("x/286_082.mp4", 0, ("real", "286_082", -1)),
    ],
)
def test_without_a_video_column_frames_of_one_video_stay_one_video(
    tmp_path: Path, path: str, label: int, key: tuple[str, str, int]
) -> None:
    root = tabulate(tmp_path, f"path,label\n{path},{label}\n", path)
    assert keys(LAYOUTS["manifest"](root, None)) == [key]


def test_frames_of_a_manifest_are_numbered_by_name_or_by_order(tmp_path: Path) -> None:
    names = ("a_7_face0", "a_9_face0", "b3", "b10", "c_5", "d_1", "d_2")
    rows = "".join(f"{name}.png,0,{name[0]},{'4' if name == 'd_1' else ''}\n" for name in names)
    root = tabulate(tmp_path, f"path,label,video,frame\n{rows}", *(f"{name}.png" for name in names if name != "b3"))
    listing = list_root(root)
    assert [(source.path, source.frame) for source in listing.sources] == [
        ("a_7_face0.png", 0),
        ("a_9_face0.png", 1),
        ("b10.png", 10),
        ("c_5.png", 0),
        ("d_2.png", 0),
        ("d_1.png", 4),
    ]
    assert listing.skipped == [("b3.png", "metadata.csv names it, but it is not there")]


def test_what_manifest_and_folder_do_not_share_is_skipped(tmp_path: Path) -> None:
    rows = "a.png,0\ngone.png,1\n./sub//../b.txt,1\n"
    root = tabulate(tmp_path, f"path,label\n{rows}", "a.png", "b.txt", "c.png", "notes.md")
    listing = list_root(root)
    assert keys(listing) == [("real", "a", 0)]
    assert listing.skipped == [
        ("b.txt", "neither a picture nor a video by its suffix"),
        ("c.png", "not in metadata.csv"),
        ("gone.png", "metadata.csv names it, but it is not there"),
        ("notes.md", "neither a picture nor a video by its suffix"),
    ]


def test_absolute_and_encoded_paths_of_a_manifest(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "root"
    folder = os.fsencode(touch(root, "a.png")) + b"/\xe9"
    os.makedirs(folder)
    with open(folder + b"/c.png", "wb"):
        pass
    (tmp_path / "link").symlink_to(root)
    text = f"path,label\n{root}/a.png,0\n{tmp_path}/link/b.png,1\n%E9/c.png,0\n"
    tabulate(root, text, "b.png")
    assert [source.path for source in list_root(tmp_path / "link").sources] == ["b.png", "a.png", "%E9/c.png"]
    with pytest.raises(InputError, match=r"line 3: .* names no file inside"):
        list_root(root)  # under this name the link is another place


def test_times_in_file_names_hide_no_video(tmp_path: Path) -> None:
    paths = ("v/20240101123059.png", "v/20240101123100.png")
    root = tabulate(tmp_path, "path,label\n" + "".join(f"{path},0\n" for path in paths), *paths)
    with pytest.raises(InputError, match="both sample"):
        list_root(root)


def test_a_parquet_manifest_equals_its_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(
        {"path": ["a.png", "b.png"], "label": [0.0, 1.0], "frame": [None, 3], "video": ["v", None], "n": [1, 2]}
    )
    for folder in ("csv", "parquet"):
        touch(tmp_path / folder / "set", "a.png", "b.png")
    table.to_csv(tmp_path / "csv" / "set" / "manifest.csv")
    table.to_parquet(tmp_path / "parquet" / "set" / "manifest.parquet")
    assert list_root(tmp_path / "csv" / "set") == list_root(tmp_path / "parquet" / "set")
    table.assign(label=["real", "maybe"]).to_parquet(tmp_path / "parquet" / "set" / "manifest.parquet")
    with pytest.raises(InputError, match=r"manifest\.parquet, row 2: unknown label 'maybe'"):
        list_root(tmp_path / "parquet" / "set")
    (tmp_path / "parquet" / "set" / "manifest.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match=r"cannot read .*manifest\.parquet"):
        list_root(tmp_path / "parquet" / "set")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read .*metadata.csv as a UTF-8 table with commas"),
        ("path,label\n", "has a header and no rows"),
        ("name;label\na.png;0\n", "no column for the path: it has name;label; accepted: path, file, .*--layout"),
        ("path,score\na.png,0\n", "no column for the label: it has path, score; accepted: label, target"),
        ("path,Path,label\na.png,a.png,0\n", "2 columns 'path'"),
        ("path,label\na.png,0,7\n", "Expected 2 fields in line 2, saw 3"),
        ("path,label\na.png,0\n\na.png,2\n", "metadata.csv, line 4: unknown label '2'; known: 0, 0.0, 1, 1.0, fake"),
        ("path,label\n,0\n", "line 2: path '' names no file"),
        ("path,label\n../a.png,0\n", "line 2: path '../a.png' names no file inside"),
        ("path,label\n/etc/a.png,0\n", "line 2: path '/etc/a.png' names no file inside"),
        ("path,label\na.png,0\n./a.png,0\n", "line 2 and 3 both name a.png; remove one"),
        (
            "path,label\nx/a.png,0\n",
            "of the 1 files that metadata.csv names none .*relative to the folder of the table",
        ),
        ("path,label,method\na.png,1,pristine\n", "line 2: the label says fake, the manipulation 'pristine'"),
        ("path,label,type\na.png,0,DF\n", "line 2: the label says real, the manipulation 'DF'.*rename the column"),
        ("path,label,split\na.png,0,dev\n", "line 2: unknown split 'dev'; known: test, train, val"),
        ("path,label,frame\na.png,0,first\n", "line 2: frame 'first'; a frame is a whole number"),
        ("path,label,frame\na.png,0,2147483648\n", "line 2: frame '2147483648'"),
        ("path,label,video,frame\na.png,0,v,1\nb.png,0,v,1\n", "both sample .*columns 'video' and 'frame' in metadata"),
    ],
)
def test_wrong_manifests_say_where_and_what_is_known(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list_root(tabulate(tmp_path, text, "a.png", "b.png"))


def test_manifests_of_another_encoding_or_two_of_them_are_refused(tmp_path: Path) -> None:
    root = tabulate(tmp_path, "\ufeffpath,label\na.png,0\n", "a.png")
    assert len(list_root(root).sources) == 1  # with the mark that spreadsheets write
    (root / "metadata.csv").write_bytes("path,label\né.png,0\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"cannot read .* as a UTF-8 table"):
        list_root(root)
    (root / "manifest.parquet").touch()
    with pytest.raises(InputError, match=r"metadata\.csv and manifest\.parquet are both in"):
        list_root(root)
    with pytest.raises(InputError, match="no table of files in"):
        LAYOUTS["manifest"](touch(tmp_path / "none", "a.png"), None)


def test_a_table_beside_the_native_tree_is_no_manifest(tmp_path: Path) -> None:
    root = touch(tmp_path, "metadata.csv", "original_sequences/youtube/c23/videos/004.mp4")
    assert recognise(root).layout == "ffpp"


def test_every_column_name_means_one_thing() -> None:
    accepted = [name for names in COLUMNS.values() for name in names]
    assert len(accepted) == len(set(accepted))
    assert tuple(COLUMNS) == Row._fields[1:]


def test_real_manifest(real_data: Path) -> None:
    root = real_data / "dfdc_faces"
    assert recognise(root).layout == "manifest"
    listing = list_root(root)
    assert not listing.skipped
    assert [source.label for source in listing.sources] == [1] * 2000 + [0] * 2000
    groups = connected_groups([source.identities for source in listing.sources])
    assert len(set(groups)) == 2000
    assert set(groups[:2000]) == set(groups[2000:])  # each fake stands with the video that it was made from
    assert {source.frame for source in listing.sources} == {0}
