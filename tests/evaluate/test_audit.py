"""The whole audit of a table: a subset that published runs share leaks, as is known, and is clean dealt rightly."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cache.errors import InputError
from cache.splits import assign
from evaluate.audit import audit_samples
from evaluate.audit_findings import audit_exit_code
from evaluate.audit_table import read_split_table


def sentences(found: list, kind: str) -> list[str]:
    return [one.sentence for one in found if one.kind == kind]


def sides(samples: pd.DataFrame, tested: int) -> pd.Series:
    """The last groups test, the others train."""
    test = samples["group"].isin(sorted(set(samples["group"]))[-tested:])
    return pd.Series("train", samples.index).mask(test, "test")


def test_a_clean_table_gets_notes_alone(samples: pd.DataFrame) -> None:
    found = audit_samples(samples, sides(samples, 4))
    assert {one.severity for one in found} == {"note"} and audit_exit_code(found, strict=True) == 0
    assert [one.kind for one in found] == ["balance", "balance", "groups", "metadata", "compared"]
    assert found[-1].sentence.startswith("Note: compared: 144 training and 72 test frames, exact frames by nothing")
    assert "target and source are both known of 48 test frames" in found[-1].sentence


def test_the_gravest_stand_first(samples: pd.DataFrame) -> None:
    split = sides(samples, 4)
    split[samples["group"] == "FF++/000"] = "val"
    split[samples["video_id"] == "FF++/c23/real/000"] = "train"
    split[samples["video_id"] == "FF++/c23/real/023"] = "train"
    split[samples["group"] == "FF++/004"] = ""
    found = audit_samples(samples, split)
    severities = [one.severity for one in found]
    assert severities == sorted(severities, key=["leak", "warning", "note"].index)
    assert sentences(found, "group") == ["LEAK: 1 of 4 test groups were in training (e.g. 022)"]
    assert sentences(found, "validation")[0].startswith("WARNING: 1 of 1 validation groups were in training (e.g. 000)")
    assert sentences(found, "left_out") == ["Note: 6 of 72 videos are on neither side"]


@pytest.mark.parametrize("side", ["train", "test"])
def test_an_empty_side_is_no_protocol(samples: pd.DataFrame, side: str) -> None:
    with pytest.raises(InputError, match=r"no sample is on the (training|test) side"):
        audit_samples(samples, pd.Series(side, samples.index))


@pytest.fixture(scope="module")
def subset(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Split files of two published runs on 100 real, 100 FaceSwap and 100 NeuralTextures videos of 101 frames.

    Their scores name the test frames. Both trained on FaceSwap's fakes of the same 100 pairs; the one on all frames
    of the reals, of which 5,000 were tested, the other on the 80 real videos that were not.
    """
    scores = real_data / "scores"
    of_frames = pd.read_csv(scores / "seed000_test_results.csv")
    of_videos = pd.DataFrame(json.loads((scores / "seed004_baseline_clip_linear.frame.json").read_text()))
    reals = sorted({path.split("/")[-1].split("_")[0] for path in of_frames["path"] if "Real" in path})
    tested = {path.split("\\")[2] for path in of_videos["path"] if "Real" in path}
    every = [f"data/Real_youtube/{name}_{frame:03d}.png" for name in reals for frame in range(101)]
    others = [
        f"./data\\Real_youtube\\{name}\\{frame:03d}.png" for name in reals if name not in tested for frame in range(101)
    ]
    found = {}
    for name, table, labels, trained in (
        ("frames", of_frames["path"], of_frames["true_label"], every),
        ("videos", of_videos["path"], of_videos["label"], others),
    ):
        fakes = table[labels == 1].str.replace("NeuralTextures", "FaceSwap").tolist()
        rows = [*((path, label, "test") for path, label in zip(table, labels, strict=True))]
        rows += [*((path, 0, "train") for path in trained), *((path, 1, "train") for path in fakes)]
        found[name] = tmp_path_factory.mktemp("subset") / f"{name}.csv"
        pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv(found[name], index=False)
    return found


def test_the_published_subset_split_by_videos(subset: dict[str, Path]) -> None:
    table = read_split_table(subset["videos"])
    found = audit_samples(table, table["split"])
    assert audit_exit_code(found) == 3
    assert sentences(found, "group") == ["LEAK: 94 of 111 test groups were in training (e.g. 018, 022, 031)"]
    assert sentences(found, "identity")[0].startswith("LEAK: 188 of 205 test identities were in training")
    (pair,) = sentences(found, "pair")
    assert pair.startswith(
        "LEAK: 100 of 100 test fakes join the same target and source as a fake in training of another"
    )
    assert not sentences(found, "video") and not sentences(found, "frame")
    assert sentences(found, "groups") == ["Note: test: 120 videos in 111 groups (91 only fake, 17 only real, 3 mixed)"]
    assert "20 real and 100 fake videos" in sentences(found, "balance")[1]
    assert "always answering fake is right for 0.833 of the videos" in sentences(found, "balance")[1]
    assert "17 of the 100 identities of reals occur among the 188 of fakes" in sentences(found, "people")[0]


def test_the_published_subset_split_by_frames(subset: dict[str, Path]) -> None:
    table = read_split_table(subset["frames"])
    found = audit_samples(table, table["split"])
    assert sentences(found, "frame")[0].startswith("LEAK: 5,000 of 15,100 test frames were in training, by their paths")
    assert sentences(found, "video")[0].startswith("LEAK: 100 of 200 test videos were in training")
    assert sentences(found, "pair")[0].startswith("LEAK: 100 of 100 test fakes")
    assert sentences(found, "group")[0].startswith("LEAK: 177 of 177 test groups")


def test_the_published_subset_passes_with_groups_kept_apart(subset: dict[str, Path]) -> None:
    table = read_split_table(subset["videos"])
    split = assign(table)
    crossed = table["manipulation"].map({"FaceSwap": "test", "NeuralTextures": "train"}) == split
    found = audit_samples(table, split.mask(crossed, ""))
    assert audit_exit_code(found, strict=True) == 0
    assert sentences(found, "left_out") == ["Note: 100 of 300 videos are on neither side"]
    assert sentences(found, "groups")[0].startswith("Note: test: 59 videos in 53 groups")
