"""A tiny tree of each family of data sets: samples, labels, scenes, groups, splits; and which layout auto takes."""

import csv
import io
import json
import os
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.identity import connected_groups
from cache.ledger import INPUT_COLUMNS
from extract.archives import read_file
from extract.images import read_image
from extract.layouts import FAMILIES, LAYOUTS, read_root, recognise
from extract.layouts.base import Listing, Source, file_path
from extract.layouts.celebdf import read_test_list
from extract.plan import missing_originals, plan_inputs
from extract.video import Sampling


class Family(NamedTuple):
    """A tree and what it becomes."""

    layout: str
    files: dict[str, str]  # path -> content
    samples: list[tuple[str, str, str, str]]  # dataset/compression/manipulation/video/frame, scene, group, split
    skipped: tuple[str, ...] = ()
    notes: int = 0


def make(root: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def empty(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "")


def told(listing: Listing) -> list[tuple[str, str, str, str]]:
    groups = connected_groups([source.identities for source in listing.sources])
    return [
        (f"{one.dataset}/{one.compression}/{one.manipulation}/{one.video}/{one.frame}", one.scene, group, one.split)
        for one, group in zip(listing.sources, groups, strict=True)
    ]


def bench(splits: dict[str, dict[str, list[str]]], label: str) -> dict[str, Any]:
    """A label of one of DeepfakeBench's lists: split -> video -> frames."""
    return {
        split: {video: {"label": label, "frames": frames} for video, frames in videos.items()}
        for split, videos in splits.items()
    }


FAMILIES_TESTED = [
    Family(
        "dfd",
        empty(
            "DFD_original sequences/01__exit_phone_room.mp4",
            "DFD_manipulated_sequences/01_02__exit_phone_room__YVGY8LOK.mp4",
            "frames/c23/02__talking/0003.png",
            "flat/03__talking_0012.png",
            "flat/strange.png",
        ),
        [
            ("DFD/c23/real/02__talking/3", "DFD/02__talking", "DFD/01", ""),
            (
                "DFD/unknown/DeepFakeDetection/01_02__exit_phone_room__YVGY8LOK/-1",
                "DFD/01__exit_phone_room",
                "DFD/01",
                "",
            ),
            ("DFD/unknown/real/01__exit_phone_room/-1", "DFD/01__exit_phone_room", "DFD/01", ""),
            ("DFD/unknown/real/03__talking/12", "DFD/03__talking", "DFD/03", ""),
        ],
        ("flat/strange.png",),
    ),
    Family(
        "celebdf",
        {
            **empty(
                "Celeb-real/id0_0000.mp4",
                "Celeb-real/frames/id1_0003/007.png",
                "Celeb-real/videos/id1_0003.mp4",
                "Celeb-synthesis/id0_id1_0000.mp4",
                "Celeb-synthesis/id5_id6_0001_0012.png",
                "YouTube-real/00170.mp4",
                "YouTube-real/clip.mp4",
            ),
            "List_of_testing_videos.txt": "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
            "0 Celeb-synthesis/id7_id8_0000.mp4\n",
        },
        [
            ("V2/unknown/Celeb-synthesis/id0_id1_0000/-1", "V2/id0_0000", "V2/id0", "test"),
            ("V2/unknown/Celeb-synthesis/id5_id6_0001/12", "V2/id5_0001", "V2/id5", "train"),
            ("V2/unknown/real/00170/-1", "V2/00170", "V2/00170", "test"),
            ("V2/unknown/real/id0_0000/-1", "V2/id0_0000", "V2/id0", "train"),
            ("V2/unknown/real/id1_0003/7", "V2/id1_0003", "V2/id0", "train"),
        ],
        (
            "Celeb-real/videos/id1_0003.mp4",
            "Celeb-synthesis/id7_id8_0000.mp4",
            "YouTube-real/clip.mp4",
        ),
    ),
    Family(
        "dfdc",
        {
            **empty(
                "dfdc_train_part_0/aaa.mp4",
                "dfdc_train_part_0/bbb.mp4",
                "dfdc_train_part_0/other.mp4",
                "dfdc_train_part_1/frames/ccc/1.png",
                "dfdc_train_part_1/frames/ccc/2.png",
                "dfdc_train_part_2/ddd.mp4",
            ),
            "dfdc_train_part_0/metadata.json": json.dumps(
                {
                    "aaa.mp4": {"label": "REAL", "split": "train"},
                    "bbb.mp4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
                }
            ),
            "dfdc_train_part_1/metadata.json": json.dumps(
                {
                    "ccc.mp4": {"label": "FAKE", "split": "test", "original": "zzz.mp4"},
                    "eee.mp4": {"label": "REAL"},
                }
            ),
        },
        [
            ("DFDC/unknown/DFDC/bbb/-1", "DFDC/aaa", "DFDC/aaa", "train"),
            ("DFDC/unknown/DFDC/ccc/1", "DFDC/zzz", "DFDC/zzz", "test"),
            ("DFDC/unknown/DFDC/ccc/2", "DFDC/zzz", "DFDC/zzz", "test"),
            ("DFDC/unknown/real/aaa/-1", "DFDC/aaa", "DFDC/aaa", "train"),
        ],
        (
            "dfdc_train_part_0/other.mp4",
            "dfdc_train_part_1/eee",
            "dfdc_train_part_2/ddd.mp4",
        ),
    ),
    Family(
        "df40",
        empty(
            "simswap/ff/frames/018_019/004.png",
            "simswap/cdf/frames/id0_id1_0000/004.png",
            "faceswap/ff/018_019/005.png",
            "heygen_new/fake/frames/clip/1.png",
            "heygen_new/real/frames/clip/1.png",
            "MidJourney/fake/img_0001.png",
            "MidJourney/fake/img_0002.png",
            "readme/notes.png",
        ),
        [
            ("Celeb-DF-v2/unknown/simswap/id0_id1_0000/4", "Celeb-DF-v2/id0_0000", "Celeb-DF-v2/id0", ""),
            (
                "DF40-MidJourney/unknown/MidJourney/img_0001/0",
                "DF40-MidJourney/img_0001",
                "DF40-MidJourney/img_0001",
                "",
            ),
            (
                "DF40-MidJourney/unknown/MidJourney/img_0002/0",
                "DF40-MidJourney/img_0002",
                "DF40-MidJourney/img_0002",
                "",
            ),
            ("DF40-heygen/unknown/heygen/clip/1", "DF40-heygen/clip", "DF40-heygen/clip", ""),
            ("DF40-heygen/unknown/real/clip/1", "DF40-heygen/clip", "DF40-heygen/clip", ""),
            ("FF++/c23/DF40-faceswap/018_019/5", "FF++/018", "FF++/018", ""),
            ("FF++/c23/simswap/018_019/4", "FF++/018", "FF++/018", ""),
        ],
        ("readme/notes.png",),
    ),
    Family(
        "deepfakebench",
        {
            **empty(
                "FaceForensics++/original_sequences/youtube/c23/frames/018/000.png",
                "FaceForensics++/manipulated_sequences/FaceSwap/c23/frames/018_019/000.png",
                "Celeb-DF-v2/Celeb-real/frames/id0_0000/012.png",
                "Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000/012.png",
                "DF40/simswap/ff/frames/018_019/007.png",
                "unlisted.png",
            ),
            "dataset_json/FF-FS.json": json.dumps(
                {
                    "FF-FS": {
                        "FF-real": {
                            "train": {
                                "c23": {
                                    "018": {
                                        "label": "FF-real",
                                        "frames": [
                                            "/data/FaceForensics++/original_sequences/youtube/c23/frames/018/000.png"
                                        ],
                                    }
                                }
                            },
                        },
                        "FF-FS": {
                            "train": {
                                "c23": {
                                    "018_019": {
                                        "label": "FF-FS",
                                        "frames": [
                                            "FaceForensics++\\manipulated_sequences\\FaceSwap\\c23\\frames\\018_019\\000.png",
                                            "FaceForensics++\\manipulated_sequences\\FaceSwap\\c23\\frames\\018_019\\9.png",
                                        ],
                                    }
                                }
                            }
                        },
                    }
                }
            ),
            "dataset_json/Celeb-DF-v2.json": json.dumps(
                {
                    "Celeb-DF-v2": {
                        "CelebDFv2_real": bench(
                            {"train": {"id0_0000": ["Celeb-DF-v2/Celeb-real/frames/id0_0000/012.png"]}},
                            "CelebDFv2_real",
                        ),
                        "CelebDFv2_fake": bench(
                            {
                                split: {"id0_id1_0000": ["Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000/012.png"]}
                                for split in ("train", "val", "test")
                            },
                            "CelebDFv2_fake",
                        ),
                    }
                }
            ),
            "dataset_json/simswap_ff.json": json.dumps(
                {
                    "simswap_ff": {
                        "simswap_Fake": bench(
                            {
                                "test": {
                                    "018_019": ["deepfakes_detection_datasets/DF40/simswap/ff/frames/018_019/007.png"]
                                }
                            },
                            "simswap_Fake",
                        )
                    }
                }
            ),
        },
        [
            ("Celeb-DF-v2/unknown/Celeb-synthesis/id0_id1_0000/12", "Celeb-DF-v2/id0_0000", "Celeb-DF-v2/id0", "test"),
            ("Celeb-DF-v2/unknown/real/id0_0000/12", "Celeb-DF-v2/id0_0000", "Celeb-DF-v2/id0", "train"),
            ("FF++/c23/FaceSwap/018_019/0", "FF++/018", "FF++/018", "train"),
            ("FF++/c23/real/018/0", "FF++/018", "FF++/018", "train"),
            ("FF++/c23/simswap/018_019/7", "FF++/018", "FF++/018", "test"),
        ],
        (
            "FaceForensics++\\manipulated_sequences\\FaceSwap\\c23\\frames\\018_019\\9.png",
            "unlisted.png",
        ),
        notes=1,
    ),
    Family(
        "forensynths",
        empty(
            "progan/car/0_real/00012.png",
            "progan/car/1_fake/00012.png",
            "progan/cat/1_fake/00012.png",
            "ldm_200/1_fake/a_0001.png",
            "ldm_200/1_fake/a_0002.png",
            "laion/0_real/a_0001.png",
            "notes.png",
        ),
        [
            ("V2/unknown/ldm_200/a_0001/0", "V2/a_0001", "V2/a_0001", ""),
            ("V2/unknown/ldm_200/a_0002/0", "V2/a_0002", "V2/a_0002", ""),
            ("V2/unknown/real/laion/a_0001/0", "V2/laion/a_0001", "V2/laion/a_0001", ""),
            ("V2-progan/unknown/progan/car/00012/0", "V2-progan/car/00012", "V2-progan/car/00012", ""),
            ("V2-progan/unknown/progan/cat/00012/0", "V2-progan/cat/00012", "V2-progan/cat/00012", ""),
            ("V2-progan/unknown/real/car/00012/0", "V2-progan/car/00012", "V2-progan/car/00012", ""),
        ],
        ("notes.png",),
    ),
    Family(
        "genimage",
        empty(
            "Midjourney/train/ai/0_midjourney_1.png",
            "Midjourney/train/nature/n01440764_10026.JPEG",
            "Midjourney/val/nature/ILSVRC2012_val_00000012.JPEG",
            "ADM/imagenet_ai_0508_adm/val/ai/0_adm_3.PNG",
            "ADM/imagenet_ai_0508_adm/val/nature/0_adm_3.PNG",
        ),
        [
            (
                "V2-ADM/unknown/ADM/val/imagenet_ai_0508_adm/0_adm_3/0",
                "V2-ADM/val/imagenet_ai_0508_adm/0_adm_3",
                "V2-ADM/val/imagenet_ai_0508_adm/0_adm_3",
                "val",
            ),
            (
                "V2-ADM/unknown/real/val/imagenet_ai_0508_adm/0_adm_3/0",
                "V2-ADM/val/imagenet_ai_0508_adm/0_adm_3",
                "V2-ADM/val/imagenet_ai_0508_adm/0_adm_3",
                "val",
            ),
            *(
                (
                    f"V2-Midjourney/unknown/{manipulation}/{name}/0",
                    f"V2-Midjourney/{name}",
                    f"V2-Midjourney/{name}",
                    name.split("/")[0],
                )
                for manipulation, name in (
                    ("Midjourney", "train/0_midjourney_1"),
                    ("real", "train/n01440764_10026"),
                    ("real", "val/ILSVRC2012_val_00000012"),
                )
            ),
        ],
    ),
    Family(
        "clipping",
        empty("stargan/images/val/n01440764/1.png", "stargan/images/val/n01443537/2.png"),
        [
            ("V2-stargan/unknown/real/val/1/0", "V2-stargan/val/1", "V2-stargan/val/1", "val"),
            ("V2-stargan/unknown/stargan/val/2/0", "V2-stargan/val/2", "V2-stargan/val/2", "val"),
        ],
    ),
    Family(
        "unlabelled",
        empty("IMG_0001.jpg", "IMG_0002.jpg", "clip.mp4", "notes.txt"),
        [
            ("V2/unknown/unknown/IMG_0001/0", "V2/IMG_0001", "V2/IMG_0001", ""),
            ("V2/unknown/unknown/IMG_0002/0", "V2/IMG_0002", "V2/IMG_0002", ""),
            ("V2/unknown/unknown/clip/-1", "V2/clip", "V2/clip", ""),
        ],
        ("notes.txt",),
    ),
]


@pytest.mark.parametrize("family", FAMILIES_TESTED, ids=lambda family: family.layout)
def test_a_tree_of_each_family(tmp_path: Path, family: Family) -> None:
    root = make(tmp_path / "V2", family.files)
    found = recognise(root)
    assert found.layout == family.layout and found.reason
    listing = read_root(root, dataset="V2" if family.layout == "celebdf" else None)[1]
    assert sorted(told(listing)) == sorted(family.samples)
    for source in listing.sources:
        assert source.label == {"real": 0, "unknown": -1}.get(source.manipulation, 1)
        assert source.is_video == (source.frame == -1)
        assert file_path(root, source.path).is_file()
    assert sorted(path for path, _ in listing.skipped) == sorted(family.skipped)
    assert all(reason for _, reason in listing.skipped)
    assert len(listing.notes) == family.notes
    assert list(plan_inputs({root: listing.sources}, Sampling(frames=1))) == list(INPUT_COLUMNS)


def test_every_family_has_a_tree() -> None:
    elsewhere = {"ffpp", "folders", "manifest", "webdataset"}
    assert {family.layout for family in FAMILIES_TESTED} | elsewhere == set(LAYOUTS) == set(FAMILIES)


@pytest.mark.parametrize(
    ("layout", "files", "message"),
    [
        ("dfd", empty("real/01_02__a__ABCDEFG1.mp4"), "named as a fake, but lies in a real folder"),
        ("dfd", empty("clip.mp4"), "no picture and no video .*neither its name nor its folder's"),
        ("celebdf", empty("Celeb-real/person.mp4"), "not named as videos in Celeb-real are: idA_NNNN"),
        ("dfdc", empty("a.mp4"), "no metadata.json in .* or below; expected dfdc_train_part_N/"),
        ("dfdc", {"metadata.json": '{"a.mp4": {"label": "REAL"}, "a.mp4": {"label": "FAKE"}}'}, "names 'a.mp4' twice"),
        ("dfdc", {"metadata.json": '{"a.mp4": {"label": "maybe"}}'}, "unknown label of a.mp4: 'maybe'; known: 0"),
        ("dfdc", {"metadata.json": "[1]"}, "cannot read .*metadata.json as DFDC's metadata"),
        ("dfdc", {"metadata.json": '{"a.mp4": {"label": "REAL"}}'}, "no picture and no video"),
        ("df40", empty("simswap/x.png"), r"not in <method>/\{ff,cdf,fake,real\}"),
        ("deepfakebench", empty("a.png"), "no JSON file in"),
        ("deepfakebench", {"a.json": "[]"}, "cannot read .*a.json as a list of DeepfakeBench"),
        (
            "deepfakebench",
            {"a.json": json.dumps({"UADFV": {"UADFV_Real": bench({"test": {"v": ["fake/v/1.png"]}}, "x")}})},
            "a.json lists v under UADFV_Real, but fake/v/1.png lies in a fake folder",
        ),
        ("forensynths", empty("a/real/x.png"), "no folder 0_real or 1_fake with pictures"),
        ("genimage", empty("real/ai/x.png"), "a generator cannot be called 'real'"),
        ("webdataset", empty("a.png"), "no .tar archive in"),
        ("webdataset", {"a.tar": "no archive"}, "cannot read .*a.tar as an uncompressed tar archive"),
        ("unlabelled", {}, "no picture and no video .* no file"),
    ],
)
def test_trees_that_are_wrong_say_what_is(tmp_path: Path, layout: str, files: dict[str, str], message: str) -> None:
    tmp_path.joinpath("root").mkdir()
    with pytest.raises(InputError, match=message):
        LAYOUTS[layout](make(tmp_path / "root", files), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 Celeb-real/id0_0000.mp4\n0 Celeb-real/id1_0000.mp4\n", "line 2 says that .* is fake .1 is real there"),
        ("1 Celeb-synthesis/id0_id1_0000.mp4\n", "line 1 says that .* is real .* its folder contradicts"),
        ("1 Celeb-real/id0_0000.mp4\n\n1 Celeb-real/id0_0000.mp4\n", "line 3 names .* a second time"),
        ("real Celeb-real/id0_0000.mp4\n", "line 1 is 'real Celeb-real/id0_0000.mp4'; expected a label"),
    ],
)
def test_test_lists_that_contradict(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_test_list(make(tmp_path, {"list.txt": text}) / "list.txt")


def test_celebdf_without_its_list_has_no_split_and_says_so(tmp_path: Path) -> None:
    root = make(tmp_path / "Celeb-DF-v1", empty("Celeb-real/id0_0000.mp4"))
    listing = LAYOUTS["celebdf"](root, None)
    assert told(listing) == [("Celeb-DF-v1/unknown/real/id0_0000/-1", "Celeb-DF-v1/id0_0000", "Celeb-DF-v1/id0", "")]
    assert "List_of_testing_videos.txt" in listing.notes[0]


def test_real_list_of_celebdf(real_data: Path, tmp_path: Path) -> None:
    source = next((real_data / "celebdf_v2").glob("*.txt"))
    labels = read_test_list(source)
    assert Counter(labels.values()) == {1: 340, 0: 178}
    root = make(tmp_path / "Celeb-DF-v2", empty(*(f"{video}.mp4" for video in labels)))
    (root / "List_of_testing_videos.txt").write_text(source.read_text())
    listing = read_root(root)[1]
    assert {source.split for source in listing.sources} == {"test"} and not listing.skipped
    fakes = [source for source in listing.sources if source.label == 1]
    groups = connected_groups([source.identities for source in listing.sources])
    swapped = {group for one, group in zip(listing.sources, groups, strict=True) if one.label == 1}
    people = {
        (identity, group) for one, group in zip(listing.sources, groups, strict=True) for identity in one.identities
    }
    assert len({identity for fake in fakes for identity in fake.identities}) == 55
    assert sorted(Counter(group for _, group in people if group in swapped).values()) == [5, 10, 10, 30]
    singles = [group for group in set(groups) if group not in swapped]
    assert Counter(group.split("/")[1][:2] == "id" for group in singles) == {False: 70, True: 1}


class TestAuto:
    """Which layout is taken where several could be."""

    @pytest.mark.parametrize(
        ("files", "layout"),
        [
            (empty("0_real/a.png", "1_fake/a.png"), "forensynths"),  # more telling than class folders
            (empty("Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"), "celebdf"),
            ({**empty("real/a.png", "fake/a.png"), "metadata.csv": "image id,age\n1,2\n"}, "folders"),
            ({**empty("a.png"), "metadata.csv": "image id,age\n1,2\n"}, "manifest"),  # which says what it lacks
            (empty("FaceSwap/018_019/1.png"), "folders"),
        ],
    )
    def test_one_fits_best(self, tmp_path: Path, files: dict[str, str], layout: str) -> None:
        assert recognise(make(tmp_path, files)).layout == layout

    @pytest.mark.parametrize(
        ("files", "layouts"),
        [
            ({**empty("real/a.png", "fake/a.png"), "metadata.csv": "path,label\nreal/a.png,0\n"}, "manifest folders"),
            (empty("original_sequences/youtube/c23/videos/004.mp4", "Celeb-real/id0_0000.mp4"), "ffpp celebdf"),
            ({**empty("a.tar"), "metadata.csv": "path,label\na.png,0\n"}, "webdataset manifest"),
        ],
    )
    def test_two_fit(self, tmp_path: Path, files: dict[str, str], layouts: str) -> None:
        with pytest.raises(InputError, match="fits 2 layouts") as error:
            recognise(make(tmp_path, files))
        assert all(f"--layout {layout}" in str(error.value) for layout in layouts.split())

    def test_none_fits(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="fits no layout"):
            recognise(make(tmp_path, empty("cats/a.png", "dogs/b.png")))


class TestColumns:
    """A manifest whose columns are called otherwise."""

    def test_named_columns_win(self, tmp_path: Path) -> None:
        text = "where,label,truth,person\na.png,7,1,p\nb.png,7,0,p\n"
        root = make(tmp_path, {**empty("a.png", "b.png"), "metadata.csv": text})
        columns = ["path=Where", "label=truth", "group=person"]
        found, listing = read_root(root, columns=columns)
        assert found.layout == "manifest"
        assert [source.label for source in listing.sources] == [1, 0]
        assert set(connected_groups([source.identities for source in listing.sources])) == {f"{tmp_path.name}/a"}

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (["label=nowhere"], "no column 'nowhere' for the label: it has path, label"),
            (["colour=label"], "unknown column 'colour'; known: "),
            (["label"], "--column is OURS=THEIRS, as label=is_fake, not 'label'"),
        ],
    )
    def test_refusals(self, tmp_path: Path, columns: list[str], message: str) -> None:
        root = make(tmp_path, {"a.png": "", "metadata.csv": "path,label\na.png,1\n"})
        with pytest.raises(InputError, match=message):
            read_root(root, columns=columns)
        with pytest.raises(InputError, match="the layout is folders"):
            read_root(root, "folders", columns=["label=label"])


@pytest.mark.parametrize(("folder", "label"), [("real", 1), ("FaceSwap", 0), ("1_fake/x", 0)])
def test_a_label_that_contradicts_the_folder(tmp_path: Path, folder: str, label: int) -> None:
    root = make(tmp_path, {f"{folder}/a.png": "", "metadata.csv": f"path,label\n{folder}/a.png,{label}\n"})
    with pytest.raises(InputError, match=f"line 2: the label says .* lies in the folder '{folder.split('/')[0]}'"):
        LAYOUTS["manifest"](root, None)


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class TestWebDataset:
    """Pictures inside tar archives."""

    def test_members_are_sources_and_are_read(self, tmp_path: Path) -> None:
        fields = {"Label": "fake", "video": "018_019", "frame": 4, "method": "FS", "split": "test", "other": [1]}
        name = os.fsdecode(b"\xe9t\xe9_50%41.png")
        shard(
            tmp_path / "set" / "shard-0.tar",
            {"./000.png": picture(10), "./000.json": json.dumps(fields).encode(), "x.mp4": b"", "notes.md": b""},
        )
        shard(
            tmp_path / "set" / "more" / "shard-1.tar",
            {"000.png": picture(20), "000.cls": b"0\n", "001.png": picture(30), "001.cls": b"0",
             name: picture(40), name.partition(".")[0] + ".cls": b"1"},
        )  # fmt: skip
        root = tmp_path / "set"
        assert recognise(root).layout == "webdataset"
        listing = read_root(root)[1]
        assert told(listing) == [
            ("set/unknown/FaceSwap/018_019/4", "set/018", "set/018", "test"),
            ("set/unknown/fake/%E9t%E9_50%2541/0", "set/%E9t%E9_50%2541", "set/%E9t%E9_50%2541", ""),
            ("set/unknown/real/more/shard-1/000/0", "set/more/shard-1/000", "set/more/shard-1/000", ""),
            ("set/unknown/real/more/shard-1/001/0", "set/more/shard-1/001", "set/more/shard-1/001", ""),
        ]
        assert sorted(listing.skipped) == [
            ("shard-0.tar/notes.md", "neither a picture nor its description by its suffix"),
            ("shard-0.tar/x.mp4", "a video inside an archive; unpack it"),
        ]
        shades = {
            source.video: int(read_image(file_path(root, source.path)).pixels[0, 0, 0]) for source in listing.sources
        }
        assert sorted(shades.values()) == [10, 20, 30, 40]
        inputs = plan_inputs({root: listing.sources}, Sampling())
        sizes = [len(read_file(file_path(root, source.path))) for source in listing.sources]
        assert inputs["byte_size"].tolist() == sizes

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"a.png": b""}, r"s\.tar/a\.png has no label"),
            ({"a.png": b"", "a.cls": b"2"}, r"s\.tar/a\.png: unknown label '2'"),
            ({"a.png": b"", "a.json": b"{"}, r"cannot read s\.tar/a\.json"),
            ({"a.png": b"", "a.json": b"[1]"}, r"cannot read s\.tar/a\.json"),
        ],
    )
    def test_refusals(self, tmp_path: Path, members: dict[str, bytes], message: str) -> None:
        shard(tmp_path / "s.tar", members)
        with pytest.raises(InputError, match=message):
            LAYOUTS["webdataset"](tmp_path, None)

    def test_a_name_twice(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "s.tar", "w") as tar:
            for _ in range(2):
                tar.addfile(tarfile.TarInfo("a.png"))
        with pytest.raises(InputError, match=r"s\.tar holds a\.png twice"):
            LAYOUTS["webdataset"](tmp_path, None)


class TestSeveralRoots:
    """Reals from one root, fakes from another."""

    @pytest.fixture
    def roots(self, tmp_path: Path) -> tuple[Path, Path]:
        reals = make(tmp_path / "reals", empty("original_sequences/youtube/c23/frames/018/000.png"))
        fakes = make(tmp_path / "DF40", empty("simswap/ff/018_019/000.png", "simswap/ff/020_021/000.png"))
        return reals, fakes

    def listings(self, *roots: Path) -> dict[Path, list[Source]]:
        return {root: read_root(root)[1].sources for root in roots}

    def test_they_join_where_they_are_the_same_videos(self, roots: tuple[Path, Path]) -> None:
        inputs = plan_inputs(self.listings(*roots), Sampling())
        assert inputs[["root", "path", "group"]].values.tolist() == [
            [str(roots[0]), "original_sequences/youtube/c23/frames/018/000.png", "FF++/018"],
            [str(roots[1]), "simswap/ff/018_019/000.png", "FF++/018"],
            [str(roots[1]), "simswap/ff/020_021/000.png", "FF++/020"],
        ]
        assert inputs.equals(plan_inputs(self.listings(*roots[::-1]), Sampling())), "whatever their order"
        assert missing_originals(inputs) == (
            "of 2 fake videos whose original is known, it is absent for 1"
            " (simswap/ff/020_021/000.png, made from FF++/020)"
        )
        assert missing_originals(inputs[inputs["label"] == 0]) == ""

    def test_one_sample_in_two(self, roots: tuple[Path, Path], tmp_path: Path) -> None:
        again = make(tmp_path / "again", empty("original_sequences/youtube/c23/frames/018/000.jpg"))
        with pytest.raises(InputError, match=r"are both sample FF\+\+/c23/real/018/0") as error:
            plan_inputs(self.listings(roots[0], again), Sampling())
        assert str(roots[0]) in str(error.value) and str(again) in str(error.value)

    def test_one_inside_another(self, roots: tuple[Path, Path], tmp_path: Path) -> None:
        listings = self.listings(roots[0])
        with pytest.raises(InputError, match="lies in it; name each root once"):
            plan_inputs({**listings, roots[0] / "original_sequences": []}, Sampling())
        (tmp_path / "link").symlink_to(roots[0])
        with pytest.raises(InputError, match="name each root once"):
            plan_inputs({**listings, tmp_path / "link": []}, Sampling())


def test_dfdc_faces_through_their_metadata(real_data: Path) -> None:
    """Grouped by original, as a manifest whose columns are named."""
    root = real_data / "dfdc_faces"
    with open(root / "metadata.csv", newline="") as file:
        original = {row["path"]: row["original"] for row in csv.DictReader(file)}
    listing = read_root(root, columns=["group=original"])[1]
    groups = connected_groups([source.identities for source in listing.sources])
    assert len(listing.sources) == 4000 and len(set(groups)) == 2000
    assert all(
        group == f"dfdc_faces/{original[one.path] or one.video}"
        for one, group in zip(listing.sources, groups, strict=True)
        if one.label == 1
    )
    assert missing_originals(plan_inputs({root: listing.sources}, Sampling())) == ""
