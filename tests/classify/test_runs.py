"""Runs: from a cache to folders, whole or not there, and the same protocol for every one of them."""

import json
import shutil
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xxhash
from safetensors.numpy import load_file

import classify.record as record_module
import classify.training as training
from cache import predictions
from cache.errors import InputError
from cache.given_splits import read_split
from cache.reader import open_cache
from cache.schema import Space
from cache.splits import assign
from cache.store import write_addition, write_cache
from classify.features import feature_matrix
from classify.fit import scores
from classify.heads import HEADS
from classify.models import load_model
from classify.record import software
from classify.runs import classify
from evaluate.calibration import apply, squash

PLAIN = [name for name, head in HEADS.items() if not head.needs]
WITH_PROMPTS = [name for name, head in HEADS.items() if head.needs == ("prompts",)]
RUN_FILES = ["model", "predictions.csv", "run.json", "run.log", "video_predictions.csv"]


@pytest.fixture
def cache(build_cache: Callable[..., Path]) -> Path:
    """24 groups of two scenes, two manipulations, two frames a video."""
    return build_cache(groups=24, frames=2, dimension=8)


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def frames(folder: Path, split: str) -> pd.DataFrame:
    table = predictions.read(folder / "predictions.csv")
    return table[table["split"] == split]


def test_a_run_folder_holds_what_is_promised(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], command="the command")
    assert folder == tmp_path / "out" / "FaceSwap" / "logistic"
    assert sorted(path.name for path in folder.iterdir()) == RUN_FILES
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["FaceSwap", "splits.csv"]
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".tmp")]
    run, opened = record(folder), open_cache(cache)
    assert (run["format"], run["kind"], run["head"]) == (1, "run", "logistic")
    assert (run["train"], run["test"]) == (["FaceSwap"], ["Deepfakes"]), "every other manipulation by default"
    assert run["command"] == "the command"
    assert run["cache"]["fingerprint"] == opened.fingerprint and run["cache"]["table"] == opened.table_hash
    assert run["cache"]["provenance"]["weights"] == "some weights"
    assert run["split"]["groups"] == {"train": 17, "test": 7} and run["split"]["videos"] == {"train": 68, "test": 28}
    assert run["split"]["method"] == "grouped" and run["split"]["unassigned"] == 0
    assert len(run["train_groups"]) == 17 and run["trainable_parameters"] == 9
    assert run["caveats"] == [] and "1 / (frames" in run["weighting"]
    people = opened.samples.loc[opened.samples["group"].isin(run["train_groups"]), "identities"]
    known = load_model(folder / "model").meta["train_identities"]
    assert known == sorted({name for names in people for name in names.split()}), "predict refuses whom it knows"
    assert {"python", "numpy", "scikit-learn", "crossprobe"} <= set(run["versions"])
    assert run["split"]["hash"] == xxhash.xxh3_128_hexdigest((tmp_path / "out" / "splits.csv").read_bytes())
    assert run["parameters"] in [result["params"] for result in run["search"]["results"]]
    assert "training on FaceSwap: 68 videos in 17 groups" in (folder / "run.log").read_text()


def test_predictions_are_those_of_the_model_on_the_right_rows(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], test=["Deepfakes"])
    opened, model, run = open_cache(cache), load_model(folder / "model"), record(folder)
    split = assign(opened.samples)
    tested, held = frames(folder, "test"), frames(folder, "val")
    rows = np.flatnonzero((split == "test") & opened.samples["manipulation"].isin(["Deepfakes", "real"]))
    assert tested["sample_id"].tolist() == opened.samples["sample_id"].iloc[rows].tolist()
    X, _ = feature_matrix(opened, rows, model.meta["features"], model.meta["prompt_set"])
    assert tested["score"].tolist() == scores(model.pipeline, X).tolist(), (
        "bit for bit, through CSV and the saved model"
    )
    assert set(held["manipulation"]) == {"real", "FaceSwap"}
    assert not set(held["group"]) & set(tested["group"]) and set(held["group"]) == set(run["train_groups"])
    threshold = run["thresholds"]["frame"]["value"]
    assert (tested["predicted"] == (tested["score"] >= threshold)).all()
    videos = predictions.read(folder / "video_predictions.csv")
    assert tuple(videos) == predictions.VIDEO_COLUMNS
    means = pd.concat([held, tested]).groupby("video_id")["score"].mean()
    assert videos["score"].tolist() == pytest.approx(means[videos["video_id"]].tolist())
    assert (videos["predicted"] == (videos["score"] >= run["thresholds"]["video"]["value"])).all()
    assert set(videos["frames"]) == {2}


def test_what_the_test_rows_hold_changes_nothing_that_was_chosen(
    cache: Path, tmp_path: Path, build_cache: Callable[..., Path]
) -> None:
    """Scalers, search, thresholds and the model know the training rows only."""
    opened = open_cache(cache)
    tested = (assign(opened.samples) == "test").to_numpy()
    embedding = np.array(opened.array("embedding"))
    embedding[tested] = np.random.default_rng(1).normal(size=(tested.sum(), 8)) * 50
    prompts = opened.prompts()
    prompts.similarity = np.where(tested[:, None], 0.9, prompts.similarity).astype(np.float32)
    other = Space(opened.provenance(), {"embedding": embedding}, {"logit_scale": 100.0}, {"pair": prompts})
    write_cache(tmp_path / "other.h5", opened.samples, {"clean": other})
    for normalize, heads, features in (
        ("l2", PLAIN, ["embedding", "prompts"]),
        ("standard", ["logistic", "mlp"], ["embedding", "prompts"]),
        ("l2", WITH_PROMPTS, ["embedding"]),
    ):
        options = {"train": ["FaceSwap"], "heads": heads, "features": features, "normalize": normalize}
        options["parameters"] = [f"{head}.epochs=2" for head in heads if HEADS[head].chooses_epochs]
        name = f"{normalize}-{heads[0]}"
        for first, second in zip(
            classify(cache, tmp_path / f"a-{name}", **options),
            classify(tmp_path / "other.h5", tmp_path / f"b-{name}", **options),
            strict=True,
        ):
            one, two = record(first), record(second)
            for key in ("parameters", "search", "thresholds", "train_groups"):
                assert one[key] == two[key]
            assert frames(first, "val").equals(frames(second, "val"))
            assert not frames(first, "test").equals(frames(second, "test"))
            X, _ = feature_matrix(opened, np.arange(40), features)
            same = [scores(load_model(folder / "model").pipeline, X).tolist() for folder in (first, second)]
            assert same[0] == same[1]


def test_the_same_command_twice_gives_the_same_files(cache: Path, tmp_path: Path) -> None:
    options = {"train": ["Deepfakes"], "heads": ["logistic", "svm"], "seed": 3}
    for first, second in zip(
        classify(cache, tmp_path / "a", **options), classify(cache, tmp_path / "b", **options), strict=True
    ):
        for name in ("predictions.csv", "video_predictions.csv"):
            assert (first / name).read_bytes() == (second / name).read_bytes()
        one, two = record(first), record(second)
        assert {**one, "timings": 0} == {**two, "timings": 0}
    assert (tmp_path / "a/splits.csv").read_bytes() == (tmp_path / "b/splits.csv").read_bytes()


def test_a_matrix_shares_one_split_and_tests_seen_beside_unseen(cache: Path, tmp_path: Path) -> None:
    folders = classify(cache, tmp_path / "out", matrix=True, heads=["logistic", "linear_svm"])
    assert [folder.relative_to(tmp_path / "out").as_posix() for folder in folders] == [
        "Deepfakes/logistic", "Deepfakes/linear_svm", "FaceSwap/logistic", "FaceSwap/linear_svm",
    ]  # fmt: skip
    runs = [record(folder) for folder in folders]
    assert all(run["test"] == ["Deepfakes", "FaceSwap"] for run in runs)
    assert len({json.dumps(run["train_groups"]) for run in runs}) == 1
    assert len({tuple(frames(folder, "test")["sample_id"]) for folder in folders}) == 1
    with pytest.raises(InputError, match="leave out train and test"):
        classify(cache, tmp_path / "out", matrix=True, train=["FaceSwap"])


def test_leaving_one_out_trains_on_all_others(cache: Path, tmp_path: Path) -> None:
    (samples := open_cache(cache).samples).loc[samples["video_id"].str.contains("FaceSwap/00"), "manipulation"] = (
        "Third"
    )
    write_cache(tmp_path / "three.h5", samples, {"clean": open_cache(cache).space()})
    folders = classify(tmp_path / "three.h5", tmp_path / "out", leave_one_out=True)
    assert [folder.parent.name for folder in folders] == ["all-but-Deepfakes", "all-but-FaceSwap", "all-but-Third"]
    names = ["Deepfakes", "FaceSwap", "Third"]
    for left, folder in zip(names, folders, strict=True):
        run = record(folder)
        assert run["train"] == [name for name in names if name != left] and run["test"] == names
        assert set(frames(folder, "val")["manipulation"]) == {"real", *names} - {left}
        assert not set(frames(folder, "test")["group"]) & set(run["train_groups"])
    with pytest.raises(InputError, match="leave out train and test"):
        classify(cache, tmp_path / "x", leave_one_out=True, test=["FaceSwap"])
    with pytest.raises(InputError, match="two commands"):
        classify(cache, tmp_path / "x", leave_one_out=True, matrix=True)


def test_training_on_several_is_one_run(cache: Path, tmp_path: Path) -> None:
    options = {"train": ["FaceSwap", "Deepfakes"], "test": ["FaceSwap"]}
    (folder,) = classify(cache, tmp_path, **options)
    assert folder == tmp_path / "Deepfakes+FaceSwap" / "logistic"
    assert set(frames(folder, "val")["manipulation"]) == {"real", "Deepfakes", "FaceSwap"}
    assert "uneven" not in str(record(folder)["caveats"])
    assert classify(cache, tmp_path, train=["Deepfakes", "FaceSwap"], test=["FaceSwap"]) == [folder]


def test_heads_with_epochs_write_their_history(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path, train=["FaceSwap"], heads=["mlp"], parameters={"mlp": {"lr": 0.01}})
    history = pd.read_csv(folder / "history.csv")
    assert list(history) == ["epoch", "lr", "train_loss", "validation_loss", "validation_auc"]
    run = record(folder)
    assert run["fixed"] == {"lr": 0.01} and run["parameters"]["lr"] == 0.01
    assert run["parameters"]["epochs"] == history["epoch"][history["validation_loss"].idxmin()]


def test_checkpoints_are_kept_where_asked_for(cache: Path, tmp_path: Path) -> None:
    options = {"train": ["FaceSwap"], "heads": ["mlp", "logistic"], "parameters": ["mlp.epochs=3"]}
    folder, without = classify(cache, tmp_path, keep_checkpoints=True, **options)
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert kept == [f"epoch_00{epoch}.safetensors" for epoch in (1, 2, 3)]
    last = load_file(folder / "checkpoints" / kept[-1])
    assert np.array_equal(last["weight_0"], load_model(folder / "model").head.coefs_[0])
    assert not (without / "checkpoints").exists(), "a head without epochs has none"
    with pytest.raises(InputError, match="keep_checkpoints is False now and was True"):
        classify(cache, tmp_path, **options)


def test_calibrated_scores_reach_every_file(cache: Path, tmp_path: Path) -> None:
    plain, made = (
        classify(cache, tmp_path / name, train=["FaceSwap"], heads=["svm"], calibrate=method)[0]
        for name, method in (("plain", None), ("made", "platt"))
    )
    run = record(made)
    assert run["calibrate"] == "platt" and run["score"].startswith("probability")
    assert record(plain)["calibration"] is None and "no probability" in record(plain)["score"]
    raw, scored = frames(plain, "test")["score"], frames(made, "test")["score"]
    assert scored.to_numpy() == pytest.approx(apply(run["calibration"]["frame"], raw.to_numpy()))
    videos = pd.read_csv(made / "video_predictions.csv")
    means = frames(made, "test").groupby("video_id", sort=False)["score"].mean()
    tested = videos[videos["split"] == "test"].set_index("video_id")["score"]
    assert tested[means.index].to_numpy() == pytest.approx(apply(run["calibration"]["video"], means.to_numpy()))
    above = videos["score"] >= run["thresholds"]["video"]["value"]
    assert (videos["predicted"] == above.astype(int)).all()


def test_an_ensemble_is_of_the_other_heads_of_the_command(cache: Path, tmp_path: Path) -> None:
    options = {"train": ["FaceSwap"], "parameters": ["svm.C=10"]}
    folder = classify(cache, tmp_path, heads=["ensemble", "logistic", "svm"], **options)[-1]
    run = record(folder)
    assert folder.name == "ensemble" and set(run["members"]) == {"logistic", "svm"}
    assert run["members"]["svm"]["fixed"] == {"C": 10} and run["members"]["svm"]["parameters"]["C"] == 10
    assert run["members"]["logistic"]["auc"] == max(
        result["auc"] for result in record(folder.with_name("logistic"))["search"]["results"]
    )
    parts = [record(folder.with_name(name))["trainable_parameters"] for name in ("logistic", "svm")]
    assert run["trainable_parameters"] == sum(parts)
    (folder / "run.json").unlink()
    shutil.rmtree(folder)
    again = classify(cache, tmp_path, heads=["ensemble", "logistic", "svm"], **options)[-1]
    assert {**record(again), "timings": 0} == {**run, "timings": 0}, "members of finished runs are fitted once more"
    with pytest.raises(InputError, match="fixed is"):
        classify(cache, tmp_path, train=["FaceSwap"], heads=["ensemble", "logistic", "svm"], parameters=["svm.C=1"])
    with pytest.raises(InputError, match=r"members is \{'logistic': \{\}, 'linear_svm': \{\}\} now"):
        classify(cache, tmp_path, train=["FaceSwap"], heads=["ensemble", "logistic", "linear_svm"])


def test_a_threshold_of_the_user_is_taken(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path, train=["FaceSwap"], threshold=0.9)
    assert [one["value"] for one in record(folder)["thresholds"].values()] == [0.9, 0.9]
    assert (frames(folder, "test")["predicted"] == (frames(folder, "test")["score"] >= 0.9)).all()


def test_a_head_that_compares_with_prompts_takes_those_of_the_cache(cache: Path, tmp_path: Path) -> None:
    zero, plain = classify(cache, tmp_path, train=["FaceSwap"], heads=["zero_shot", "logistic"])
    assert (record(zero)["prompt_set"], record(plain)["prompt_set"]) == ("pair", None)
    opened = open_cache(cache)
    tested = frames(zero, "test").set_index("sample_id")["score"]
    rows = np.flatnonzero(opened.samples["sample_id"].isin(tested.index))
    real, fake = opened.similarity("pair", rows).T
    own = tested[opened.samples["sample_id"].iloc[rows]].to_numpy()
    assert own == pytest.approx(squash(100 * (fake - real)), abs=0.02), "the cache's own, up to float16"
    assert own.std() > 0.1


def test_a_finished_run_is_left_as_it_is(cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (folder,) = classify(cache, tmp_path, train=["FaceSwap"])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = classify(cache, tmp_path, train=["FaceSwap"], heads=["logistic", "linear_svm"], say=said.append)
    assert done == [folder, folder.with_name("linear_svm")]
    assert said == [f"{folder}: already there", f"{folder.with_name('linear_svm')}: done"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "seed is 1 now and was 0"),
        ({"test": ["FaceSwap"]}, r"test is \['FaceSwap'\] now and was \['Deepfakes'\]"),
        ({"normalize": "none"}, "normalize is 'none' now and was 'l2'"),
        ({"features": ["prompts"]}, r"features is \['prompts'\] now.*prompt_set is 'pair' now and was None"),
        ({"test_size": 0.4}, r"split.test_size is 0.4 now and was 0.3"),
        ({"disjoint": "scene"}, "split.disjoint is 'scene' now"),
        ({"parameters": ["logistic.C=3"]}, r"fixed is {'C': 3} now and was {}"),
    ],
)
def test_a_run_with_other_settings_is_refused_by_name(cache: Path, tmp_path: Path, options: dict, message: str) -> None:
    (folder,) = classify(cache, tmp_path, train=["FaceSwap"])
    before = (folder / "run.json").read_bytes()
    with pytest.raises(InputError, match=f"holds a run with other settings: .*{message}"):
        classify(cache, tmp_path, **{"train": ["FaceSwap"], **options})
    assert (folder / "run.json").read_bytes() == before


def test_another_cache_or_split_below_the_same_folder_is_refused(
    cache: Path, tmp_path: Path, build_cache: Callable[..., Path]
) -> None:
    classify(cache, tmp_path / "out", train=["FaceSwap"])
    with pytest.raises(InputError, match=r"cache\.fingerprint is"):
        classify(build_cache(24, 2, 8, seed=1, name="other.h5"), tmp_path / "out", train=["FaceSwap"])
    with pytest.raises(InputError, match=r"splits\.csv holds another split"):
        classify(cache, tmp_path / "out", train=["Deepfakes"], seed=1)
    assert not (tmp_path / "out" / "Deepfakes").exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["FaceSwap", "splits.csv"]


def test_a_foreign_folder_in_the_place_of_a_run_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "FaceSwap" / "logistic").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no finished run; remove it"):
        classify(cache, tmp_path, train=["FaceSwap"])
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".h5"] == ["FaceSwap"]


@pytest.mark.parametrize("place", ["write_tables", "publish_split", "save_model", "scores", "fit_heads"])
def test_a_run_that_fails_leaves_nothing(
    cache: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(training, place, fail)
    with pytest.raises(OSError, match="disk full"):
        classify(cache, tmp_path / "out", train=["FaceSwap"])
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], seed=1)
    assert sorted(path.name for path in folder.iterdir()) == RUN_FILES


def test_a_folder_that_was_there_before_a_failure_stays(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(training, "save_model", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classify(cache, tmp_path / "out", train=["FaceSwap"])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_split_without_runs_gives_way_unless_the_user_gave_it(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"])
    shutil.rmtree(folder)
    classify(cache, tmp_path / "out", train=["FaceSwap"], seed=1)
    classify(cache, tmp_path / "new", train=["FaceSwap"], seed=1)
    given = tmp_path / "out" / "splits.csv"
    assert given.read_bytes() == (tmp_path / "new/splits.csv").read_bytes()
    shutil.rmtree(folder)
    given.write_text(given.read_text() + "another video,another group,train\n")
    with pytest.raises(InputError, match="holds another split"):
        classify(cache, tmp_path / "out", train=["FaceSwap"], split=str(given))
    assert "another video" in given.read_text()


def test_numbers_of_one_split_never_stand_for_another(build_cache: Callable[..., Path], tmp_path: Path) -> None:
    ends = [f"{name}/{video}" for name, video in (("real", "000"), ("FaceSwap", "000_001"))]
    others = [f"{name}/{video}" for name, video in (("real", "002"), ("FaceSwap", "002_003"))]
    paths = [
        write_sides(tmp_path / f"{name}.csv", {**dict.fromkeys(ends, a), **dict.fromkeys(others, b)})
        for name, a, b in (("ok", "train", "test"), ("swap", "test", "train"))
    ]
    options = {"train": ["FaceSwap"], "test": ["FaceSwap"]}
    classify(cache := build_cache(groups=4), tmp_path / "out", **options, split=str(paths[0]))
    published = tmp_path / "out" / "splits.csv"
    before = published.read_bytes()
    published.unlink()
    with pytest.raises(InputError, match="other settings: the split is another; name another --out"):
        classify(cache, tmp_path / "out", **options, split=str(paths[1]))
    assert not published.exists()
    classify(cache, tmp_path / "out", **options, split=str(paths[0]))
    assert published.read_bytes() == before, "made anew beside the run that is there"


@pytest.mark.parametrize("name", ["predictions.csv", "video_predictions.csv", "model"])
def test_a_run_that_lost_a_file_is_not_there(cache: Path, tmp_path: Path, name: str) -> None:
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"])
    (folder / name).rename(tmp_path / "lost")
    with pytest.raises(InputError, match=rf"is damaged: {name}.* is missing; remove the folder to have it made anew"):
        classify(cache, tmp_path / "out", train=["FaceSwap"])


def test_the_version_of_a_checkout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        if name == "crossprobe":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(record_module, "version", missing)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert software()["crossprobe"] == f"{project['version']} (checkout)"


def test_the_split_does_not_depend_on_what_is_selected(cache: Path, tmp_path: Path) -> None:
    (whole,) = classify(cache, tmp_path / "a", train=["FaceSwap"])
    (part,) = classify(cache, tmp_path / "b", train=["FaceSwap"], where=["frame=1"])
    assert (tmp_path / "a/splits.csv").read_bytes() == (tmp_path / "b/splits.csv").read_bytes()
    assert set(frames(part, "test")["sample_id"]) < set(frames(whole, "test")["sample_id"])
    assert set(predictions.read(part / "video_predictions.csv")["frames"]) == {1}
    assert record(part)["where"] == ["frame=1"]


def test_few_groups_still_run_and_say_so(build_cache: Callable[..., Path], tmp_path: Path) -> None:
    folders = classify(build_cache(groups=6), tmp_path / "out", train=["FaceSwap"], heads=[*PLAIN, *WITH_PROMPTS])
    for folder in folders:
        run = record(folder)
        assert run["caveats"][0].startswith("few groups: 4 training groups")
        assert run["thresholds"]["video"]["value"] == 0.5
        assert set(predictions.read(folder / "predictions.csv")["split"]) == {"test"}


def write_sides(path: Path, sides: dict[str, str]) -> Path:
    path.write_text("video_id,split\n" + "".join(f"FF++/c23/{video},{side}\n" for video, side in sides.items()))
    return path


def test_a_split_file_is_followed_and_what_it_leaves_out_is_counted(
    build_cache: Callable[..., Path], tmp_path: Path
) -> None:
    sides = {"real/000": "train", "FaceSwap/000_001": "train", "real/002": "test", "Deepfakes/003_002": "test"}
    path = write_sides(tmp_path / "mine.csv", sides)
    cache = build_cache(groups=4)
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], test=["Deepfakes"], split=str(path))
    run = record(folder)
    assert run["split"]["method"] == "file" and run["split"]["file"] == str(path)
    assert (run["split"]["test_size"], run["split"]["unassigned"]) == (None, 20)
    assert "20 of 24 videos are not in the split and were left out" in run["caveats"]
    assert set(frames(folder, "test")["video_id"]) == {"FF++/c23/real/002", "FF++/c23/Deepfakes/003_002"}
    published = read_split(tmp_path / "out/splits.csv", open_cache(cache).samples)
    assert published.tolist() == read_split(path, open_cache(cache).samples).tolist()


def test_a_leak_needs_leave_and_is_stamped(build_cache: Callable[..., Path], tmp_path: Path) -> None:
    sides = {"real/000": "train", "FaceSwap/000_001": "train", "real/001": "test", "Deepfakes/002_003": "test"}
    options = {"train": ["FaceSwap"], "test": ["Deepfakes"], "split": str(write_sides(tmp_path / "s.csv", sides))}
    cache = build_cache(groups=4)
    with pytest.raises(InputError, match="1 of 2 test groups into training"):
        classify(cache, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    (folder,) = classify(cache, tmp_path / "out", **options, allow_leak=True)
    assert "LEAK: 1 of 2 test groups were in training (e.g. 000)" in record(folder)["caveats"]
    assert json.loads((folder / "model" / "model.json").read_text())["meta"]["caveats"] == record(folder)["caveats"]
    (folder,) = classify(cache, tmp_path / "scene", **options, disjoint="scene")
    assert "split by scene: the same person can stand on both sides" in record(folder)["caveats"]


def test_the_official_lists_are_followed(build_cache: Callable[..., Path], tmp_path: Path) -> None:
    pairs = [[f"{2 * k:03d}", f"{2 * k + 1:03d}"] for k in range(24)]
    for name, part in {"train": pairs[:12], "val": pairs[12:16], "test": pairs[16:22]}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(part))
    cache = build_cache(groups=24)
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], split=f"ffpp:{tmp_path}")
    run = record(folder)
    assert run["split"]["method"] == "ffpp" and run["split"]["file"] == str(tmp_path)
    assert run["train_groups"] == [f"FF++/{one}" for one, _ in pairs[:16]], "val joins the training side"
    assert sorted(set(frames(folder, "test")["group"])) == [f"FF++/{one}" for one, _ in pairs[16:22]]
    assert "12 of 144 videos are not in the split and were left out" in run["caveats"]
    (again,) = classify(cache, tmp_path / "b", train=["FaceSwap"], split=str(tmp_path / "out/splits.csv"))
    assert (tmp_path / "out/splits.csv").read_bytes() == (tmp_path / "b/splits.csv").read_bytes()
    assert (again / "predictions.csv").read_bytes() == (folder / "predictions.csv").read_bytes()
    with pytest.raises(InputError, match=r"is a folder, not a CSV file; .* --split ffpp:"):
        classify(cache, tmp_path / "x", train=["FaceSwap"], split=str(tmp_path))


def test_the_data_sets_own_split(samples: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    samples["split"] = np.where(samples["group"] < "FF++/010", "train", "test")
    write_cache(tmp_path / "own.h5", samples, {"clean": space})
    (folder,) = classify(tmp_path / "own.h5", tmp_path / "out", train=["FaceSwap"], split="column")
    assert record(folder)["train_groups"] == ["FF++/000", "FF++/002", "FF++/004", "FF++/006", "FF++/008"]
    with pytest.raises(InputError, match="not from a given split"):
        classify(tmp_path / "own.h5", tmp_path / "x", train=["FaceSwap"], split="column", drop_crossing=True)


def test_dense_swaps_need_a_way_out_and_it_is_stamped(samples: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    cache = tmp_path / "dense.h5"
    write_cache(cache, samples.assign(group="FF++/000"), {"clean": space})  # 24 scenes, all joined
    with pytest.raises(InputError, match="dense"):
        classify(cache, tmp_path / "out", train=["FaceSwap"])
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"], drop_crossing=True)
    run = record(folder)
    dropped = run["split"]["unassigned"]
    assert dropped > 0 and f"{dropped} of 48 fake videos join identities of both sides" in run["caveats"][0]
    assert not any("LEAK" in caveat or "left out;" in caveat for caveat in run["caveats"][1:])
    samples = open_cache(cache).samples.set_index("sample_id")
    table = predictions.read(folder / "predictions.csv")
    assert table["group"].tolist() == samples.loc[table["sample_id"], "scene"].tolist(), "intervals cluster by scene"
    people = {
        side: set(" ".join(samples.loc[rows["sample_id"], "identities"]).split())
        for side, rows in table.groupby("split")
    }
    assert people["test"] and people["val"] and not people["test"] & people["val"]


def test_a_data_set_only_tested_on_is_not_split(samples: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    other = samples[samples["manipulation"] != "FaceSwap"].copy()
    for column in ("sample_id", "video_id", "scene", "group"):
        other[column] = other[column].str.replace("FF++", "Celeb", regex=False)
    other["identities"] = other["identities"].str.replace("FF++", "Celeb", regex=False)
    other["manipulation"] = other["manipulation"].replace("Deepfakes", "Celeb-synthesis")
    other["dataset"] = "Celeb"
    both = pd.concat([samples[samples["group"] < "FF++/016"], other], ignore_index=True)
    embedding = np.random.default_rng(0).normal(size=(len(both), 4)).astype("f2")
    write_cache(tmp_path / "two.h5", both, {"clean": Space(space.provenance, {"embedding": embedding})})
    (folder,) = classify(tmp_path / "two.h5", tmp_path / "out", train=["FaceSwap"], test=["Celeb-synthesis"])
    tested = frames(folder, "test")
    assert set(tested["dataset"]) == {"Celeb"} and len(tested) == len(other)
    split = write_sides(tmp_path / "s.csv", {"real/000": "train", "FaceSwap/000_001": "train", "real/002": "test"})
    options = {"train": ["FaceSwap"], "test": ["Celeb-synthesis"], "split": str(split)}
    (folder,) = classify(tmp_path / "two.h5", tmp_path / "given", **options)
    assert len(frames(folder, "test")) == len(other), "nor by a file that says nothing of it"


def test_classes_that_are_uneven_are_told(samples: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    keep = (samples["label"] == 0) | (samples["group"] < "FF++/006")
    few = samples[keep].reset_index(drop=True)
    part = Space(space.provenance, {"embedding": space.arrays["embedding"][keep.to_numpy()]})
    write_cache(tmp_path / "few.h5", few, {"clean": part})
    (folder,) = classify(tmp_path / "few.h5", tmp_path / "out", train=["FaceSwap"])
    run = record(folder)
    assert run["split"]["videos"]["train"] == 20
    assert "classes are uneven in training (16 real and 4 fake videos)" in str(run["caveats"])


def test_additions_join_and_are_recorded(cache: Path, tmp_path: Path) -> None:
    opened = open_cache(cache)
    cls = np.random.default_rng(0).normal(size=(len(opened), 5)).astype("f2")
    write_addition(tmp_path / "cls.h5", cache, {"clean": Space(opened.provenance(), {"cls": cls})})
    options = {"train": ["FaceSwap"], "features": ["cls", "embedding"]}
    with pytest.raises(InputError, match="has no 'cls'"):
        classify(cache, tmp_path / "out", **options)
    (folder,) = classify(cache, tmp_path / "out", **options, additions=[tmp_path / "cls.h5"])
    assert record(folder)["trainable_parameters"] == 14
    assert len(record(folder)["cache"]["additions"]) == 1
    assert load_model(folder / "model").meta["blocks"] == [["cls", 5], ["embedding", 8]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "name at least one manipulation"),
        ({"train": ["FaceSwp"]}, r"unknown manipulation 'FaceSwp'; known: Deepfakes \(48 videos\), FaceSwap"),
        ({"train": ["FaceSwap"], "heads": ["forest"]}, "unknown head 'forest'"),
        ({"train": ["FaceSwap"], "heads": []}, "name at least one head"),
        ({"train": ["FaceSwap"], "normalize": "max"}, "unknown normalisation 'max'"),
        ({"train": ["FaceSwap"], "features": ["pixels"]}, "unknown feature 'pixels'"),
        ({"train": ["FaceSwap"], "features": ["prompts"], "prompt_set": "x"}, "unknown prompt set"),
        ({"train": ["FaceSwap"], "prompt_set": "nope"}, "--prompt-set is for --features prompts"),
        (
            {"train": ["FaceSwap"], "where": ["group=FF++/000"], "test": ["FaceSwap"]},
            r"all samples are one group \(FF\+\+/000\)",
        ),
        ({"train": ["FaceSwap"], "where": ["compression=c40"]}, "no sample has compression=c40"),
        (
            {"train": ["FaceSwap"], "parameters": ["svm.C=1"]},
            "parameters are given for svm, which is not among the heads fitted: logistic",
        ),
        ({"train": ["FaceSwap"], "parameters": ["logistic.C=high"]}, "logistic cannot be fitted with"),
        ({"train": ["FaceSwap"], "parameters": ["logistic.C=Infinity"]}, "logistic.C is a finite number"),
        ({"train": ["FaceSwap"], "parameters": {"logistic": 3}}, "parameters of logistic are names with values"),
        ({"train": ["FaceSwap"], "split": "nowhere.csv"}, "cannot read the split file"),
        ({"train": ["FaceSwap", "Deepfakes"]}, "no manipulation but Deepfakes, FaceSwap is there to test on"),
        ({"train": ["FaceSwap"], "where": ["manipulation=FaceSwap"], "test": ["FaceSwap"]}, "no real samples beside"),
    ],
)
def test_bad_input_is_refused_and_leaves_no_run(cache: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classify(cache, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_missing_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        classify(tmp_path / "none.h5", tmp_path / "out", train=["FaceSwap"])


def test_where_only_test_is_named_all_others_are_trained_on(cache: Path, tmp_path: Path) -> None:
    (folder,) = classify(cache, tmp_path / "out", test=["Deepfakes"])
    assert folder == tmp_path / "out" / "all-but-Deepfakes" / "logistic"
    assert (record(folder)["train"], record(folder)["test"]) == (["FaceSwap"], ["Deepfakes"])
    with pytest.raises(InputError, match="name at least one manipulation to train on"):
        classify(cache, tmp_path / "none", test=["Deepfakes", "FaceSwap"])
    with pytest.raises(InputError, match="unknown manipulation 'Deepfake'"):
        classify(cache, tmp_path / "none", test=["Deepfake"])


def test_a_split_by_manipulation_is_followed_from_its_file_too(cache: Path, tmp_path: Path) -> None:
    named = {"train": ["FaceSwap"], "test": ["Deepfakes"]}
    with pytest.raises(InputError, match="a split by manipulation puts 24 of 24 test groups into training too"):
        classify(cache, tmp_path / "out", **named, split="manipulation", test_size=1)
    options = {**named, "allow_leak": True}
    (made,) = classify(cache, tmp_path / "out", **options, split="manipulation", test_size=1)
    assert set(frames(made, "test").query("label == 0")["sample_id"]) == {
        name for name in open_cache(cache).samples["sample_id"] if "/real/" in name
    }
    assert any(caveat.startswith("LEAK: 24 of 24 test groups") for caveat in record(made)["caveats"])
    with pytest.raises(InputError, match="test groups into training too"):
        classify(cache, tmp_path / "again", **named, split=str(tmp_path / "out/splits.csv"))
    (again,) = classify(cache, tmp_path / "again", **options, split=str(tmp_path / "out/splits.csv"))
    assert (again / "predictions.csv").read_bytes() == (made / "predictions.csv").read_bytes()


def test_a_split_by_manipulation_has_no_matrix(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="puts each one whole on a side, and Deepfakes is to be on both"):
        classify(cache, tmp_path / "out", matrix=True, split="manipulation", allow_leak=True)
