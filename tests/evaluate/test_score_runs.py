"""Runs of others' scores: whole, measured like any other, never over something else; leaks are stated."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from evaluate.folders import find_runs, read_run
from evaluate.runs import evaluate_tree
from evaluate.score_runs import make_runs
from evaluate.scores import read_scores


def write(path: Path, *, videos: int = 30, frames: int = 2, scale: float = 1.0, lift: float = 0.3) -> Path:
    """Half of the videos fake; scores of 0 to ``scale``."""
    rng = np.random.default_rng(0)
    rows = []
    for video in range(videos):
        label = video % 2
        folder = f"NT/{video:03d}_{video + 500:03d}" if label else f"real/{video:03d}"
        for frame in range(frames):
            score = np.clip(rng.normal(0.4 + lift * label, 0.15), 0, 1) * scale
            rows.append([f"{folder}/{frame}.png", label, score])
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=["path", "label", "score"]).to_csv(path, index=False)
    return path


def config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def test_one_file_is_a_run_that_is_measured(tmp_path: Path) -> None:
    path, out = write(tmp_path / "theirs.csv"), tmp_path / "out"
    assert make_runs([path], out, command="python pipeline.py evaluate theirs.csv") == [out]
    run = read_run(out)
    assert run.head == "theirs" and run.trained_on is None and run.config["kind"] == "scores"
    assert run.gives_probabilities("frame") and run.threshold("video") == {
        "value": 0.5, "source": "0.5, the usual default",
    }  # fmt: skip
    pd.testing.assert_frame_equal(
        run.table.drop(columns="predicted"), read_scores(path).table[list(run.table.columns[:-1])]
    )
    videos = pd.read_csv(out / "video_predictions.csv")
    assert len(videos) == 30 and videos["frames"].eq(2).all()
    assert (videos["predicted"] == (videos["score"] >= 0.5)).all()
    (result,) = evaluate_tree(out)
    assert result["by_manipulation"]["NeuralTextures"]["seen"] is None
    assert result["frame"]["auc"]["low"] < result["frame"]["auc"]["value"] < result["frame"]["auc"]["high"]
    assert not any(line.startswith("LEAK") for line in result["caveats"])


def test_several_files_lie_side_by_side(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("a/theirs.csv", "b/Theirs.json.csv", "c/theirs.tsv", ".x y.csv")]
    folders = make_runs(paths, tmp_path / "out")
    names = ["theirs", "Theirs.json", "theirs-2", "x_y"]
    assert folders == [tmp_path / "out" / name for name in names]
    assert [config(folder)["head"] for folder in folders] == names
    assert find_runs(tmp_path / "out") == sorted(folders)


def test_a_column_is_taken_where_it_is(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.csv"), write(tmp_path / "two.csv")
    two.write_text(two.read_text().replace("score", "how_fake"))
    folders = make_runs([one, two], tmp_path / "out", columns=["score=how_fake"])
    assert [config(folder)["source"]["columns"]["score"] for folder in folders] == ["score", "how_fake"]
    with pytest.raises(InputError, match=r"--column score=nowhere: write OURS=THEIRS; of .*one\.csv"):
        make_runs([one, two], tmp_path / "other", columns=["score=how_fake", "score=nowhere"])


@pytest.mark.parametrize(
    ("scale", "given", "threshold", "source"),
    [(1, None, 0.5, "0.5, the usual"), (1, 0.25, 0.25, "given"), (7, None, 0.5, "for want of"), (7, -2.0, -2, "given")],
)
def test_thresholds(tmp_path: Path, scale: float, given: float | None, threshold: float, source: str) -> None:
    (folder,) = make_runs([write(tmp_path / "theirs.csv", scale=scale)], tmp_path / "out", threshold=given)
    run = read_run(folder)
    for level in ("frame", "video"):
        assert run.threshold(level)["value"] == threshold and source in run.threshold(level)["source"]
        assert run.gives_probabilities(level) == (scale == 1)
    assert (run.table["predicted"] == (run.table["score"] >= threshold)).all()
    told = any("no --threshold was given" in one for one in run.config["caveats"])
    assert told == (scale == 7 and given is None)


def test_a_threshold_that_tells_nothing_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.csv", scale=0.1)
    for name, threshold, told in (("usual", None, 1), ("within", 0.05, 0), ("beyond", 0.7, 1)):
        (folder,) = make_runs([path], tmp_path / name, threshold=threshold)
        assert sum("all count as real" in one for one in config(folder)["caveats"]) == told


def test_rows_without_a_name_are_never_paired(tmp_path: Path) -> None:
    """Not even in two runs that were made apart, and whose rows stand in another order."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.arange(40) % 2, "score": rng.random(40)})
    for name, rows in (("one", table), ("two", table[::-1])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        make_runs([tmp_path / f"{name}.csv"], tmp_path / "out" / name)
    results = evaluate_tree(tmp_path / "out")
    assert results[0]["pairs"] and all(pair["n_common"] == 0 for pair in results[0]["pairs"])


def test_files_that_call_a_video_real_and_fake(tmp_path: Path) -> None:
    """Without folders the label alone tells what a video is."""
    plain = "video,label,score\nv1,0,0.1\nv2,1,0.9\nv3,1,0.9\nboth,0,0\nboth,1,1\n"
    contents = {
        "one": plain,
        "turned": "video,label,score\nv1,1,0.1\nv2,0,0.9\nother,1,1\n",
        "same": "video,label,score\nv1,0,0.1\nv2,1,0.9\nboth,0,0\n",
        "elsewhere": "video,label,score,dataset\nv1,1,0.1,B\nv2,0,0.9,B\n",
        "folders": "video,label,score\ngan/v1,1,0.1\nreal/v2,0,0.9\n",
    }
    paths = {name: tmp_path / f"{name}.csv" for name in contents}
    for name, text in contents.items():
        paths[name].write_text(text)
    message = r"video 'v1' is real in .*one\.csv and fake in .*turned\.csv \(2 of 2 names\)"
    with pytest.raises(InputError, match=message):
        make_runs([paths["one"], paths["turned"]], tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    others = [path for name, path in paths.items() if name != "turned"]
    assert len(make_runs(others, tmp_path / "out")) == 4


@pytest.mark.parametrize("aggregate", ["mean", "median", "max"])
def test_videos_by_another_aggregate(tmp_path: Path, aggregate: str) -> None:
    (folder,) = make_runs([write(tmp_path / "theirs.csv", frames=3)], tmp_path / "out", aggregate=aggregate)
    videos = pd.read_csv(folder / "video_predictions.csv").set_index("video_id")["score"]
    frames = pd.read_csv(folder / "predictions.csv").groupby("video_id")["score"]
    assert read_run(folder).aggregate == aggregate
    assert videos.to_dict() == pytest.approx(frames.agg(aggregate).to_dict())


def test_what_was_trained_on(tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.csv")
    make_runs([path], tmp_path / "out", trained_on=["nt", "FF++/FaceSwap"])
    assert read_run(tmp_path / "out").trained_on == ["NeuralTextures", "FF++/FaceSwap"]


def test_a_leak_is_stated_on_all_that_is_written(tmp_path: Path) -> None:
    path, training = write(tmp_path / "theirs.csv"), tmp_path / "training.csv"
    training.write_text("path\nreal/000/7.png\nFS/001_501/0.png\nFS/600_700/0.png\n")
    make_runs([path], tmp_path / "out", training=training)
    (result,) = evaluate_tree(tmp_path / "out")
    sentence = "LEAK: 2 of 30 test groups were in training: 000 and 001; 1 of 30 videos were trained on themselves"
    assert [one for one in result["caveats"] if one.startswith("LEAK")] == [sentence] == result["caveats"][:1]
    assert sentence in (tmp_path / "out" / "report.html").read_text()
    training.write_text("path\nreal/600/7.png\n")
    make_runs([path], tmp_path / "fair", training=training)
    caveats = config(tmp_path / "fair")["caveats"]
    assert caveats[0].startswith("None of the 30 test groups") and not any(
        "cannot be excluded" in one for one in caveats
    )


def test_only_the_same_runs_are_made_anew(tmp_path: Path) -> None:
    one, two, out = write(tmp_path / "one.csv"), write(tmp_path / "two.csv", lift=0.1), tmp_path / "out"
    make_runs([one], out, command="first")
    (out / "metrics.json").write_text("{}")
    make_runs([one], out, command="second")
    assert config(out)["command"] == "second"
    refused: list[tuple[list[Path], dict[str, Any], str]] = [
        ([two], {}, r"other scores or settings \(head, source.hash differs\)"),
        ([one], {"threshold": 0.4}, r"other scores or settings \(threshold differs\)"),
        ([one, two], {}, "holds other runs already .*; name another --out"),
    ]
    for paths, options, message in refused:
        with pytest.raises(InputError, match=message):
            make_runs(paths, out, **options)
    assert config(out)["command"] == "second"
    make_runs([one, two], tmp_path / "both")
    (tmp_path / "both" / "summary.csv").write_text("as of the comparison")
    make_runs([one, two], tmp_path / "both")
    with pytest.raises(InputError, match=r"holds other runs already .*two"):
        make_runs([one, write(tmp_path / "three.csv")], tmp_path / "both")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregate": "sum"}, "unknown aggregate 'sum'; known: max, mean, median"),
        ({"threshold": float("nan")}, "--threshold nan is no finite number"),
        ({"training": Path("none.csv")}, "none.csv"),
        ({"columns": ["score"]}, "--column score: write OURS=THEIRS"),
    ],
)
def test_options_that_mean_nothing(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_runs([write(tmp_path / "theirs.csv")], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.csv")
    for place, message in ((tmp_path, "holds other files and no run"), (path, "is a file; name a folder")):
        with pytest.raises(InputError, match=message):
            make_runs([path], place)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*run\.json"):
        make_runs([path], tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["run.json", "theirs.csv"]


def test_a_bad_file_among_several_leaves_nothing(tmp_path: Path) -> None:
    paths = [write(tmp_path / "one.csv"), tmp_path / "two.csv"]
    paths[1].write_text("path,label,score\nreal/1.png,0,x\n")
    with pytest.raises(InputError, match="line 2: the score 'x'"):
        make_runs(paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_of_one_video_with_two_labels(tmp_path: Path) -> None:
    make_runs([write(tmp_path / "theirs.csv")], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv", dtype=str)
    table.assign(video_id="one").to_csv(tmp_path / "ours.csv", index=False)
    with pytest.raises(InputError, match="frames of video 'one' carry different labels"):
        make_runs([tmp_path / "ours.csv"], tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_the_published_protocol_leaks(tmp_path: Path, real_data: Path) -> None:
    """Trained on all reals and on FaceSwap of the pairs that NeuralTextures is tested on."""
    path = real_data / "scores" / "seed000_test_results.csv"
    test = read_scores(path).table
    fakes = test.loc[test["label"] == 1, "video_id"].str.rpartition("/")[2].unique()
    swaps = pd.Series([f"FaceSwap/{pair}_000.png" for pair in fakes])
    reals = test.loc[test["label"] == 0, "sample_id"].str.replace(r"/(\d+)$", r"_\1.png", regex=True)
    pd.DataFrame({"path": pd.concat([reals, swaps])}).to_csv(tmp_path / "training.csv", index=False)
    (folder,) = make_runs([path], tmp_path / "out", training=tmp_path / "training.csv", trained_on=["FaceSwap"])
    assert config(folder)["caveats"][0].startswith("LEAK: 177 of 177 test groups were in training")
    assert "100 of 200 videos and 5,000 of 15,100 frames were trained on themselves" in config(folder)["caveats"][0]


def test_the_training_rows_of_the_file_itself_are_looked_at(tmp_path: Path) -> None:
    rows = [f"real/{at:03d}/0.png,0,0.{at % 9 + 1},{'train' if at < 3 else 'test'}" for at in range(6)]
    rows += [f"FaceSwap/{at:03d}_{at + 1:03d}/0.png,1,0.{at % 9 + 1},test" for at in range(0, 6, 2)]
    (tmp_path / "scores.csv").write_text("path,label,score,split\n" + "\n".join(rows) + "\n")
    (folder,) = make_runs([tmp_path / "scores.csv"], tmp_path / "out")
    record = json.loads((folder / "run.json").read_text())
    assert record["caveats"][0].startswith("LEAK: 2 of ") and record["train_groups"] == ["000", "002"]
