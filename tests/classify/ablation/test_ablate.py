"""Grids carried out: whole cells, made once, resumed, dealt to shards, stale where something changed."""

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cache.errors import InputError, InterruptedWork
from cache.predictions import COLUMNS, VIDEO_COLUMNS
from classify import training
from classify.ablation import ablate as engine
from classify.ablation import keys, work
from classify.ablation.ablate import ablate
from classify.ablation.estimate import estimate
from classify.ablation.grid import Grid, read_grid
from classify.ablation.ledger import declare, refreshed
from classify.ablation.work import shares_work
from classify.runs import classify
from evaluate.metrics import auc

GRID = """
[options]
train = ["FaceSwap"]
test = ["Deepfakes", "FaceSwap"]
[product]
head = ["logistic", "knn"]
logistic.C = [0.1, 10]
normalize = ["l2", "none"]
"""
Build = Callable[..., Path]


@pytest.fixture
def cache(build_cache: Build) -> Path:
    return build_cache(groups=24, frames=2, dimension=8)


@pytest.fixture
def grid(tmp_path: Path, cache: Path) -> Grid:
    return written(tmp_path, GRID, cache)


def written(folder: Path, text: str, *caches: Path | str) -> Grid:
    (folder / "grid.toml").write_text(text)
    return read_grid(folder / "grid.toml", [str(one) for one in caches])


def contents(out: Path) -> dict[str, bytes]:
    """All that a grid's cells hold but the times that they took."""
    found = {}
    for path in sorted(out.glob("cells/*/*")):
        data = path.read_bytes()
        if path.name == "run.json":
            data = json.dumps({**json.loads(data), "timings": None}).encode()
        found[f"{path.parent.name}/{path.name}"] = data
    return found


def test_every_cell_is_a_whole_run(grid: Grid, tmp_path: Path) -> None:
    ended = ablate(grid, tmp_path / "out", jobs=1)
    assert (ended.made, ended.failed) == (6, {})
    assert [one["state"] for one in ended.ledger["cells"]] == ["done"] * 6
    assert ended.ledger["axes"] == ["head", "logistic.C", "normalize"]
    for one in ended.ledger["cells"]:
        folder = tmp_path / "out" / "cells" / one["key"]
        run, metrics = (json.loads((folder / f"{name}.json").read_text()) for name in ("run", "cell_metrics"))
        assert run["head"] == one["axes"]["head"] and run["normalize"] == one["axes"]["normalize"]
        assert run["parameters"].get("C") == one["axes"]["logistic.C"]
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("predictions", "video_predictions")}
        assert tuple(tables["predictions"]) == COLUMNS and tuple(tables["video_predictions"]) == VIDEO_COLUMNS
        assert set(tables["predictions"]["split"]) == {"val", "test"}
        seen = {name: part["seen"] for name, part in metrics["tests"].items()}
        assert seen == {"Deepfakes": False, "FaceSwap": True}
        videos = tables["video_predictions"]
        part = videos[(videos["split"] == "test") & videos["manipulation"].isin(["real", "Deepfakes"])]
        figure = metrics["tests"]["Deepfakes"]["video"]["auc"]
        assert figure["value"] == pytest.approx(auc(part["label"].to_numpy(), part["score"].to_numpy()))
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert metrics["out_of_fold"]["video"]["n"]["videos"] == (videos["split"] == "val").sum()


def test_a_cell_is_what_classify_makes(grid: Grid, tmp_path: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    ended = ablate(grid, tmp_path / "out", jobs=1)
    for one in (ended.ledger["cells"][2], ended.ledger["cells"][5]):  # logistic with C = 10, and knn
        folder = tmp_path / "out" / "cells" / one["key"]
        cell = json.loads((folder / "run.json").read_text())
        words = shlex.split(cell["command"])
        assert words[:3] == ["python", "pipeline.py", "classify"] and words[-2:] == ["--out", "runs/cell"]
        made = classify(
            grid.caches["cache"].path,
            tmp_path / one["key"],
            train=cell["train"],
            test=cell["test"],
            heads=[cell["head"]],
            normalize=cell["normalize"],
            parameters={cell["head"]: cell["fixed"]} if cell["fixed"] else (),
        )
        run = json.loads((made[0] / "run.json").read_text())
        for name in ("split", "train_groups", "fixed", "parameters", "caveats", "cache", "trained_on", "score"):
            assert cell[name] == run[name], name
        mine, theirs = pd.read_parquet(folder / "predictions.parquet"), pd.read_csv(made[0] / "predictions.csv")
        assert mine["sample_id"].tolist() == theirs["sample_id"].tolist()
        assert_allclose(mine["score"], theirs["score"], atol=1e-5)  # its mates share the solver's products
        for level in ("frame", "video"):
            assert cell["thresholds"][level]["value"] == pytest.approx(run["thresholds"][level]["value"], abs=1e-5)


def test_the_command_of_a_cell_makes_its_run(
    tmp_path: Path, cache: Path, cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
    [[cells]]
    head = "logistic"
    train = ["FaceSwap"]
    logistic.C = 3
    where = ["compression=c23"]
    frames = 1
    fraction = 0.7
    features = ["embedding", "prompts"]
    seed = 2
    calibrate = "platt"
    """
    ended = ablate(written(tmp_path, text, cache), tmp_path / "out", jobs=1)
    cell = json.loads((tmp_path / "out" / "cells" / ended.ledger["baseline"] / "run.json").read_text())
    monkeypatch.chdir(tmp_path)
    code, _, _ = cli(*shlex.split(cell["command"])[2:])
    run = json.loads((tmp_path / "runs/cell/FaceSwap/logistic/run.json").read_text())
    assert code == 0
    for name in ("fixed", "where", "frames", "fraction", "features", "seed", "calibrate", "train_groups", "caveats"):
        assert cell[name] == run[name], name
    assert f"trained on {len(run['train_groups'])} of" in " ".join(run["caveats"])


def test_a_finished_grid_fits_nothing(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ablate(grid, tmp_path / "out", jobs=1)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(engine, "carry_out", lambda *of: pytest.fail("a cell was made again"))
    told: list[str] = []
    assert ablate(grid, tmp_path / "out", jobs=1, say=told.append).made == 0
    assert told == ["6 of 6 cells are there already"]
    assert contents(tmp_path / "out") == before


def test_a_stopped_grid_ends_in_the_numbers_of_one_that_was_not(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ablate(grid, tmp_path / "whole", jobs=1)
    rename, count = Path.rename, iter(range(100))

    def stop(path: Path, target: Path) -> Path:
        if next(count) % 2:  # every other cell, between its last byte and its name
            raise KeyboardInterrupt
        return rename(path, target)

    out = tmp_path / "stopped"
    for _ in range(5):
        monkeypatch.setattr(Path, "rename", stop)
        try:
            ablate(grid, out, jobs=1)
        except InterruptedWork as error:
            there = len(list((out / "cells").glob("[!.]*")))
            assert f"{there} of 6 cells are there" in str(error)
        monkeypatch.undo()
    ablate(grid, out, jobs=1)
    assert not list((out / "cells").glob(".*"))
    assert contents(out) == contents(tmp_path / "whole")


def test_shards_make_the_whole(grid: Grid, tmp_path: Path) -> None:
    made = [ablate(grid, tmp_path / "out", shard=f"{i}/4", jobs=1) for i in (1, 2, 3, 4)]
    assert [one.made for one in made] == [2, 2, 1, 1]
    assert [one["state"] for one in made[0].ledger["cells"]] == [
        "done", "pending", "pending", "pending", "done", "pending",
    ]  # fmt: skip
    assert {one["state"] for one in made[-1].ledger["cells"]} == {"done"}
    ablate(grid, tmp_path / "whole", jobs=1)
    for name in ("predictions", "video_predictions"):
        for path in (tmp_path / "whole").glob(f"cells/*/{name}.parquet"):
            mine, theirs = (
                pd.read_parquet(one) for one in (tmp_path / "out" / path.relative_to(tmp_path / "whole"), path)
            )
            assert_allclose(mine["score"], theirs["score"], atol=1e-5)


def test_no_jobs(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs are 1 or more"):
        ablate(grid, tmp_path / "out", jobs=0)


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3"])
def test_no_shard(grid: Grid, tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="a shard is i/n"):
        ablate(grid, tmp_path / "out", shard=text)


def test_processes_make_the_same(grid: Grid, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    ended = ablate(grid, tmp_path / "two", jobs=2, progress=lambda done, of: seen.append((done, of)))
    ablate(grid, tmp_path / "one", jobs=1)
    assert ended.made == 6 and seen[-1] == (6, 6)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_a_folder_of_something_else_is_left_alone(grid: Grid, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.html").write_text("mine")
    with pytest.raises(InputError, match="holds no grid"):
        ablate(grid, tmp_path / "other", jobs=1)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["report.html"]


def test_an_unknown_backend(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no backend 'no': loky, threading"):
        ablate(grid, tmp_path / "out", backend="no", jobs=2)


def test_another_cache_or_other_code_makes_cells_stale(
    grid: Grid, tmp_path: Path, build_cache: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    ablate(grid, out, jobs=1)
    grid.caches["cache"].path.unlink()
    build_cache(groups=24, frames=2, dimension=8, seed=1)  # the same path
    told: list[str] = []
    ended = ablate(grid, out, jobs=1, say=told.append)
    assert ended.made == 6
    assert told == ["6 stale, left aside: its cache has changed"]
    monkeypatch.setattr(keys, "code_version", lambda: "other")
    monkeypatch.setattr("classify.ablation.ledger.code_version", lambda: "other")
    assert {one["why"] for one in refreshed(out)["stale"]} == {
        "its cache has changed", "the code has changed since it was made: run the grid again",
    }  # fmt: skip
    ended = ablate(grid, out, jobs=1)
    assert ended.made == 6
    whys = sorted(one["why"] for one in ended.ledger["stale"])
    assert whys == ["its cache has changed and the code has changed"] * 6 + ["the code has changed"] * 6


def test_a_cell_that_the_grid_lost_is_named(grid: Grid, tmp_path: Path, cache: Path) -> None:
    ablate(grid, tmp_path / "out", jobs=1)
    smaller = written(tmp_path, GRID.replace("[0.1, 10]", "[0.1]"), cache)
    ended = ablate(smaller, tmp_path / "out", jobs=1)
    assert ended.made == 0
    assert [one["why"] for one in ended.ledger["stale"]] == ["the grid does not declare it any more"] * 2


def test_an_edited_split_makes_another_cell(tmp_path: Path, cache: Path, grid: Grid) -> None:
    ablate(grid, tmp_path / "out", jobs=1)
    shutil.copy(_split_of(tmp_path, cache), tmp_path / "mine.csv")
    given = written(tmp_path, GRID.replace("[product]", 'split = "mine.csv"\n[product]'), cache)
    before = [one.key for one in declare(given)]
    assert ablate(given, tmp_path / "given", jobs=1).made == 6
    with open(tmp_path / "mine.csv", "a") as file:
        file.write("\n")
    assert not set(before) & {one.key for one in declare(given)}
    assert {one["why"] for one in ablate(given, tmp_path / "given", jobs=1).ledger["stale"]} == {
        "its split has changed"
    }


def _split_of(folder: Path, cache: Path) -> Path:
    classify(cache, folder / "run", train=["FaceSwap"], test=["Deepfakes"])
    return folder / "run" / "splits.csv"


def test_a_failing_cell_stops_no_other(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = training.fit_heads

    def fail(head: str, *rows: object, **options: object) -> object:
        if any(one.parameters.get("C") == 10 for one in rows[4]):  # type: ignore[attr-defined]
            raise MemoryError("planted")
        return fit(head, *rows, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "fit_heads", fail)
    ended = ablate(grid, tmp_path / "out", jobs=1)
    assert ended.made == 4 and set(ended.failed.values()) == {"MemoryError: planted"}
    failed = [one for one in ended.ledger["cells"] if one["state"] == "failed"]
    assert [one["axes"]["logistic.C"] for one in failed] == [10, 10]
    record = json.loads((tmp_path / "out" / "failed" / f"{failed[0]['key']}.json").read_text())
    assert "planted" in record["trace"][-1] and record["options"]["parameters"] == {"C": 10}
    monkeypatch.undo()
    ended = ablate(grid, tmp_path / "out", jobs=1)
    assert (ended.made, ended.failed) == (2, {})
    assert not list((tmp_path / "out" / "failed").iterdir())


def test_what_cannot_be_had_of_a_cache_is_a_sentence_in_its_cell(tmp_path: Path, cache: Path) -> None:
    text = '[product]\ntrain = ["FaceSwap", "Face2Face"]\n'
    ended = ablate(written(tmp_path, text, cache), tmp_path / "out", jobs=1)
    assert ended.made == 1
    assert "unknown manipulation 'Face2Face'" in next(iter(ended.failed.values()))


def test_caches_that_are_compared_hold_the_same_videos(tmp_path: Path, build_cache: Build) -> None:
    one, other = build_cache(groups=24, name="one.h5"), build_cache(groups=23, name="other.h5")
    text = '[product]\ncache = ["one", "other"]\n[options]\ntrain = "FaceSwap"\n'
    grid = written(tmp_path, text, f"one={one}", f"other={other}")
    with pytest.raises(InputError, match=r"one and other do not hold the same videos of FF.*6 are in one alone"):
        ablate(grid, tmp_path / "out", jobs=1)
    for shard in ("1/2", "2/2"):
        with pytest.raises(InputError, match="do not hold the same videos"):
            ablate(grid, tmp_path / "out", shard=shard)
    other.unlink()
    shutil.copy(one, other)
    with pytest.raises(InputError, match="one and other are one and the same"):
        ablate(grid, tmp_path / "out", jobs=1)
    other.unlink()
    build_cache(groups=24, seed=1, name="other.h5")
    assert ablate(grid, tmp_path / "out", jobs=1).made == 2


def test_a_killed_process_is_the_failure_of_its_cell_alone(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[options]\ntrain = "FaceSwap"\n[product]\nhead = ["knn", "zero_shot", "logistic"]\n'
    grid = written(tmp_path, text, cache)
    doomed = declare(grid)[1].key
    monkeypatch.setattr(engine, "carry_out", partial(_carry_out_but, doomed))
    ended = ablate(grid, tmp_path / "out", jobs=2)
    assert [one["state"] for one in ended.ledger["cells"]] == ["done", "failed", "done"]
    assert ended.failed == {
        doomed: "its process was killed, mostly for want of memory: fewer --jobs, or a smaller cache"
    }


def _carry_out_but(doomed: str, task: work.Task, *rest: object) -> list[work.Ended]:
    if doomed in task.missing:
        os.kill(os.getpid(), signal.SIGKILL)
    return work.carry_out(task, *rest)  # type: ignore[arg-type]


def test_heads_that_share_a_generator_are_not_fitted_in_threads(tmp_path: Path, cache: Path) -> None:
    text = '[product]\nseed = [0, 1]\n[options]\nhead = "prompt_fusion"\ntrain = "FaceSwap"\n'
    with pytest.raises(InputError, match="prompt_fusion cannot be fitted in threads"):
        ablate(written(tmp_path, text, cache), tmp_path / "out", backend="threading", jobs=2)


def test_a_damaged_cell_is_made_anew(grid: Grid, tmp_path: Path) -> None:
    ended = ablate(grid, tmp_path / "out", jobs=1)
    before = contents(tmp_path / "out")
    (tmp_path / "out/cells" / ended.ledger["baseline"] / "run.json").unlink()
    assert refreshed(tmp_path / "out")["cells"][0]["state"] == "pending"
    assert ablate(grid, tmp_path / "out", jobs=1).made == 1
    assert contents(tmp_path / "out") == before


def test_a_default_spelled_out_is_no_other_cell(tmp_path: Path, cache: Path) -> None:
    text = """
    [options]
    train = "FaceSwap"
    [[cells]]
    normalize = "l2"
    logistic.C = 1
    [[cells]]
    seed = 0
    logistic.C = 1.0
    fraction = 1
    [[cells]]
    logistic.C = 1
    fraction = 1.0
    """
    keys_of = [one.key for one in declare(written(tmp_path, text, cache))]
    assert len(keys_of) == 2  # a fraction of 1 tells of itself


def test_code_that_comes_back_is_not_stale(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ablate(grid, tmp_path / "out", jobs=1)
    monkeypatch.setattr("classify.ablation.ledger.code_version", lambda: "other")
    assert len(refreshed(tmp_path / "out")["stale"]) == len(refreshed(tmp_path / "out")["stale"]) == 6
    monkeypatch.undo()
    assert refreshed(tmp_path / "out")["stale"] == []


def test_drafts_of_killed_processes_go(grid: Grid, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = ablate(grid, out, jobs=1)
    shutil.rmtree(out / "cells" / ended.ledger["baseline"])
    old, young = (out / "cells" / f".{name}.1234.tmp" for name in ("old", "young"))
    for draft in (old, young):
        draft.mkdir()
    ledger = out / ".grid.json.1234.tmp"
    ledger.touch()
    for path in (old, ledger):
        os.utime(path, (0, 0))
    ablate(grid, out, jobs=1)
    assert not old.exists() and not ledger.exists() and young.exists()


def test_rows_are_read_once(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    from classify.ablation import prepare

    original = prepare.read_features
    monkeypatch.setattr(prepare, "read_features", lambda *of: (read.append(of), original(*of))[1])
    ablate(grid, tmp_path / "out", jobs=1)
    assert len(read) == 1  # of six cells


def test_which_heads_share_work() -> None:
    assert shares_work("logistic") and shares_work("linear_svm") and shares_work("svm")
    assert not shares_work("mlp") and not shares_work("coop")


def test_a_folder_without_a_grid(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no grid"):
        refreshed(tmp_path)


def test_an_estimate_writes_nothing(grid: Grid, tmp_path: Path) -> None:
    expected = estimate(grid, declare(grid), tmp_path / "out", jobs=1)
    assert set(expected.by_head) == {"logistic", "knn"} and expected.untimed == {}
    assert expected.seconds == pytest.approx(4 * expected.by_head["logistic"] + 2 * expected.by_head["knn"])
    assert not (tmp_path / "out").exists()
    ablate(grid, tmp_path / "out", jobs=1)
    assert estimate(grid, declare(grid), tmp_path / "out", jobs=1).seconds == 0


def test_frames_and_fractions_are_cells_of_their_own(tmp_path: Path, cache: Path) -> None:
    text = '[product]\nframes = [1, 2]\nfraction = [0.5, 1.0]\n[options]\ntrain = "FaceSwap"\n'
    ended = ablate(written(tmp_path, text, cache), tmp_path / "out", jobs=1)
    folders = [tmp_path / "out/cells" / one["key"] for one in ended.ledger["cells"]]
    runs = [json.loads((folder / "run.json").read_text()) for folder in folders]
    assert [len(run["train_groups"]) for run in runs] == [9, 17, 9, 17]
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    assert [(table["split"] == "test").sum() for table in tables] == [28, 28, 56, 56]
    assert_array_equal(np.unique(tables[0]["sample_id"].str.rsplit("/").str[-1]), ["0"])
