"""The whole path on real forgeries, where the environment names a folder that has them.

The small CLIP of the demo knows no real face: the scores mean nothing, but counts, groups and warnings do.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.reader import Cache, open_cache
from classify.heads import HEADS
from classify.runs import classify
from tests.conftest import command


@pytest.fixture(scope="module")
def videos(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    out = tmp_path_factory.mktemp("real") / "videos.h5"
    code, _, errors = command("extract", real_data / "ffpp_videos", "--frames", 4, "--model", "demo", "--out", out)
    assert code == 0, errors
    assert "layout ffpp" in errors
    return open_cache(out)


def test_groups_of_real_videos(videos: Cache) -> None:
    samples = videos.samples
    assert samples.groupby("video_id").size().tolist() == [4] * 6
    members = samples.groupby("group")["video_id"].agg(lambda ids: sorted({one.split("/", 2)[2] for one in ids}))
    assert members.to_dict() == {
        "FF++/004": ["NeuralTextures/004_982", "real/004"],
        "FF++/515": ["Deepfakes/519_515", "real/519"],
        "FF++/634": ["FaceSwap/634_660", "real/634"],
    }
    assert samples["pixel_hash"].is_unique
    assert set(samples["format"]) == {"h264"}
    assert samples.groupby("video_id")["frame"].min().tolist() == [0] * 6


def test_a_protocol_of_two_groups(videos: Cache, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("group,split\nFF++/634,train\nFF++/004,test\n")
    words = ["classify", videos.path, "--train", "FaceSwap", "--test", "NeuralTextures", "--split", split]
    code, printed, errors = command(*words, "--head", "logistic,linear_svm,svm,mlp", "--out", tmp_path / "runs")
    assert code == 0, errors
    assert "the heads have no order" in printed and "it reaches" not in printed
    for head in ("logistic", "linear_svm", "svm", "mlp"):
        run = tmp_path / "runs" / "FaceSwap" / head
        described = json.loads((run / "run.json").read_text())
        assert described["train_groups"] == ["FF++/634"]
        assert described["thresholds"]["frame"]["value"] == 0.5
        assert any(line.startswith("few groups: 1 training group (") for line in described["caveats"])
        assert not any("LEAK" in line for line in described["caveats"])
        assert (pd.read_csv(run / "predictions.csv")["split"] == "test").all(), "no out-of-fold scores from one group"
        report = (run / "report.html").read_text()
        assert "Few groups" in report and "oo few" in report and "2 of 6 videos are not in the split" in report


def test_a_leaking_protocol_is_refused_or_stamped(videos: Cache, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    sides = {"real/634": "train", "FaceSwap/634_660": "train", "real/004": "train", "NeuralTextures/004_982": "test"}
    sides["real/519"] = "test"
    split.write_text("video_id,split\n" + "".join(f"FF++/c23/{video},{side}\n" for video, side in sides.items()))
    words = ["classify", videos.path, "--train", "FaceSwap", "--test", "NeuralTextures", "--split", split]
    code, _, errors = command(*words, "--out", tmp_path / "runs")
    assert code == 2 and "FF++/004" in errors and "--allow-leak" in errors
    assert not (tmp_path / "runs" / "FaceSwap").exists()
    code, printed, errors = command(*words, "--allow-leak", "--out", tmp_path / "runs")
    assert code == 0, errors
    stamp = "LEAK: 1 of 2 test groups were in training"
    run = tmp_path / "runs" / "FaceSwap" / "logistic"
    assert stamp in printed
    assert stamp in (run / "report.html").read_text()
    assert stamp in (tmp_path / "runs" / "report.html").read_text()
    assert any(stamp in line for line in json.loads((run / "metrics.json").read_text())["caveats"])


def test_nested_and_flattened_crops_are_the_same(real_data: Path, tmp_path: Path) -> None:
    nested, flat = real_data / "ffpp_crops", tmp_path / "ffpp_crops"
    for path in nested.rglob("*.png"):
        manipulation, video, frame = path.relative_to(nested).parts
        (flat / manipulation).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, flat / manipulation / f"{video}_{frame}")
    caches = []
    for name, root in (("nested", nested), ("flat", flat)):
        words = ["extract", root, "--model", "demo", "--crop", "given", "--out", tmp_path / f"{name}.h5"]
        code, _, errors = command(*words)
        assert code == 0, errors
        caches.append(open_cache(tmp_path / f"{name}.h5"))
    one, other = caches
    same = [name for name in one.samples if name not in ("root", "path")]
    pd.testing.assert_frame_equal(one.samples[same], other.samples[same])
    assert np.array_equal(one.array("embedding"), other.array("embedding"))
    assert set(one.samples["manipulation"]) == {"real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"}
    assert set(one.samples["group"]) == {"ffpp_crops/000"}
    code, _, errors = command("classify", one.path, "--train", "FaceSwap", "--out", tmp_path / "runs")
    assert code == 2 and "Traceback" not in errors


def test_every_head_on_real_faces_grouped_by_their_original(real_data: Path, tmp_path: Path) -> None:
    faces = [real_data / "dfdc_faces", "--layout", "manifest", "--crop", "given", "--limit", 60]
    code, _, errors = command("extract", *faces, "--model", "demo", "--out", tmp_path / "faces.h5")
    assert code == 0, errors
    short = [f"{name}.epochs=1" for name, head in HEADS.items() if head.chooses_epochs]
    folders = classify(
        tmp_path / "faces.h5", tmp_path / "runs", train=["fake"], test=["fake"], heads=list(HEADS), parameters=short
    )
    assert [folder.name for folder in folders] == list(HEADS)
    original = open_cache(tmp_path / "faces.h5").samples.set_index("sample_id")["group"]
    for folder in folders:
        predicted = pd.read_csv(folder / "predictions.csv").set_index("sample_id")
        sides = predicted.groupby("split").apply(lambda rows: set(original[rows.index]), include_groups=False)
        assert not sides["val"] & sides["test"]
        assert len(predicted) == 120 and np.isfinite(predicted["score"]).all()
