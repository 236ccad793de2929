"""Two caches: trained on the one, tested on the other, where both were made alike and nobody is in both."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache import predictions
from cache.errors import InputError
from cache.given_splits import read_split
from cache.reader import open_cache
from cache.schema import SAMPLE_COLUMNS, PromptScores, Space
from cache.splits import assign
from cache.store import write_addition, write_cache
from classify.caches import compressions_differ, open_caches
from classify.features import feature_matrix
from classify.fit import scores
from classify.models import load_model
from classify.runs import classify
from evaluate.comparison_caveats import comparison_caveats
from evaluate.runs import evaluate_run, evaluate_tree

TEXT = [name for name, column in SAMPLE_COLUMNS.items() if column.dtype == "str"]
Make = Callable[..., Path]


@pytest.fixture
def ours(build_cache: Make) -> Path:
    """24 groups of two scenes of FF++, two manipulations, two frames a video."""
    return build_cache(groups=24, frames=2, dimension=8, name="ours.h5")


@pytest.fixture
def make_other(ours: Path, tmp_path: Path) -> Make:
    """A cache of 48 groups' frames like ours, of people of its own, with what the arguments change."""

    def make(
        name: str = "theirs.h5", dataset: str = "Celeb", spaced: dict[str, Any] | None = None, **made: str
    ) -> Path:
        cache = open_cache(ours)
        samples = cache.samples.copy()
        samples[TEXT] = samples[TEXT].apply(lambda column: column.str.replace("FF++", dataset, regex=False))
        space = cache.space()
        space = Space(replace(space.provenance, **made), space.arrays, space.scalars, space.prompts)
        rng = np.random.default_rng(5)
        space.arrays["embedding"] = (space.arrays["embedding"] + rng.normal(size=(len(samples), 8))).astype("f2")
        write_cache(tmp_path / name, samples.assign(**(spaced or {})), {"clean": space})
        return tmp_path / name

    return make


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_the_model_is_that_of_one_cache_and_its_scores_are_of_the_other(
    ours: Path, make_other: Make, tmp_path: Path
) -> None:
    theirs = make_other()
    (alone,) = classify(ours, tmp_path / "alone", train=["FaceSwap"])
    (folder,) = classify(ours, tmp_path / "out", test_cache=theirs, train=["FaceSwap"])
    one, run = record(alone), record(folder)
    for key in ("parameters", "search", "thresholds", "train_groups", "cache"):
        assert one[key] == run[key], key
    assert run["test"] == ["Deepfakes", "FaceSwap"], "all of the other cache"
    assert run["trained_on"] == ["FF++/FaceSwap"]
    measured = evaluate_run(folder)
    assert [measured["by_manipulation"][name]["seen"] for name in run["test"]] == [False, False], "not in that data set"
    assert "Test cache" in (folder / "report.html").read_text()
    table = predictions.read(folder / "predictions.csv")
    tested = table[table["split"] == "test"]
    opened = open_cache(theirs)
    assert tested["sample_id"].tolist() == opened.samples["sample_id"].tolist(), "none is held out of it"
    X, _ = feature_matrix(opened, np.arange(len(opened)))
    assert tested["score"].tolist() == scores(load_model(folder / "model").pipeline, X).tolist()
    assert run["test_cache"]["fingerprint"] == opened.fingerprint and one["test_cache"] is None
    assert f"tested on another cache, {theirs}" in run["caveats"]
    assert "theirs.h5" in (folder / "run.log").read_text()


def test_the_split_goes_to_another_run(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = make_other()
    options: dict[str, Any] = {"test_cache": theirs, "train": ["FaceSwap"]}
    (first,) = classify(ours, tmp_path / "a", **options)
    split = tmp_path / "a" / "splits.csv"
    (second,) = classify(ours, tmp_path / "b", **options, split=str(split))
    assert (tmp_path / "b" / "splits.csv").read_bytes() == split.read_bytes()
    assert (first / "predictions.csv").read_bytes() == (second / "predictions.csv").read_bytes()
    (alone,) = classify(ours, tmp_path / "c", train=["FaceSwap"], split=str(split))
    assert record(alone)["train_groups"] == record(first)["train_groups"]
    assert set(read_split(split, open_cache(theirs).samples)) == {"test"}
    classify(ours, tmp_path / "d", train=["FaceSwap"])
    (later,) = classify(ours, tmp_path / "e", **options, split=str(tmp_path / "d" / "splits.csv"))
    assert (later / "predictions.csv").read_bytes() == (first / "predictions.csv").read_bytes()


def test_what_was_tested_elsewhere_is_another_run(ours: Path, make_other: Make, tmp_path: Path) -> None:
    options: dict[str, Any] = {"train": ["FaceSwap"], "test": ["Deepfakes"]}
    (folder,) = classify(ours, tmp_path / "out", **options, test_cache=make_other())
    with pytest.raises(InputError, match=r"test_cache\.fingerprint is '.*' now and was '"):
        classify(ours, tmp_path / "out", **options, test_cache=make_other("second.h5", dataset="DFDC"))
    with pytest.raises(InputError, match=r"test_cache\.fingerprint is None now and was '"):
        classify(ours, tmp_path / "out", **options)
    assert classify(ours, tmp_path / "out", **options, test_cache=tmp_path / "theirs.h5") == [folder]


def test_a_run_from_before_there_were_test_caches_is_still_one(ours: Path, tmp_path: Path) -> None:
    (folder,) = classify(ours, tmp_path / "out", train=["FaceSwap"])
    run = record(folder)
    del run["test_cache"]
    (folder / "run.json").write_text(json.dumps(run))
    assert classify(ours, tmp_path / "out", train=["FaceSwap"]) == [folder]


def test_each_trained_on_here_and_every_one_tested_there(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = make_other(dataset="DFDC")
    folders = classify(ours, tmp_path / "out", test_cache=theirs, matrix=True)
    assert [folder.parent.name for folder in folders] == ["Deepfakes", "FaceSwap"]
    assert all(record(folder)["test"] == ["Deepfakes", "FaceSwap"] for folder in folders)


@pytest.mark.parametrize("field", ["architecture", "weights", "adapter", "preprocessing"])
def test_features_of_another_kind_are_refused(ours: Path, make_other: Make, tmp_path: Path, field: str) -> None:
    theirs = make_other(**{field: "another one"})
    options: dict[str, Any] = {"test_cache": theirs, "train": ["FaceSwap"], "differ": ["crop", "view", "compression"]}
    with pytest.raises(InputError, match=f"{field} is 'some {field}' in training and 'another one' in test"):
        classify(ours, tmp_path / "out", **options, allow_leak=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("field", ["crop", "view"])
def test_pictures_may_differ_where_the_user_names_it(ours: Path, make_other: Make, tmp_path: Path, field: str) -> None:
    options: dict[str, Any] = {"test_cache": make_other(**{field: "another one"}), "train": ["FaceSwap"]}
    told = f"{field} is 'some {field}' in training and 'another one' in test"
    other = {"crop": "view", "view": "crop"}[field]
    for differ in ([], [other], ["compression"]):
        with pytest.raises(InputError, match=f"{told}: .* name it: --differ {field}$"):
            classify(ours, tmp_path / "out", **options, differ=differ)
    (folder,) = classify(ours, tmp_path / "out", **options, differ=[field])
    assert told in record(folder)["caveats"]
    with pytest.raises(InputError, match=r"unknown thing that may differ .* 'weights'; known: compression, crop, view"):
        classify(ours, tmp_path / "x", **options, differ=["weights"])


def test_what_hardly_matters_is_told(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = make_other(sampling="8 frames", precision="float16", software="newer", model="an alias")
    (folder,) = classify(ours, tmp_path / "out", test_cache=theirs, train=["FaceSwap"])
    told = [caveat for caveat in record(folder)["caveats"] if "in training and" in caveat]
    assert told == [
        "sampling is 'some sampling' in training and '8 frames' in test",
        "precision is 'some precision' in training and 'float16' in test",
    ]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (["c23"], ["c23"], []),
        (["c23", "c40"], ["c40"], []),
        (["c23"], ["unknown"], ["compression is 'c23' in training and 'unknown' in test"]),
        (["unknown"], ["c40"], ["compression is 'unknown' in training and 'c40' in test"]),
        (["c23"], ["c40"], None),
        (["c23"], ["c23", "c40"], None),
    ],
)
def test_a_known_compression_differs_only_where_the_user_names_it(
    one: list[str], other: list[str], told: list[str] | None
) -> None:
    samples = pd.DataFrame({"compression": [*one, *other]})
    train, test = np.arange(len(one)), np.arange(len(one), len(samples))
    if told is not None:
        assert compressions_differ(samples, train, test) == told
        return
    with pytest.raises(
        InputError, match=r"compression is 'c23' in training and .*c40' in test: .*--differ compression"
    ):
        compressions_differ(samples, train, test)
    assert len(compressions_differ(samples, train, test, ["compression"])) == 1


def test_who_is_in_both_is_a_leak(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = make_other()
    samples = open_cache(theirs).samples
    samples["identities"] = samples["identities"].str.replace(r"Celeb/00[01]", "FF++/004", regex=True)
    write_cache(tmp_path / "shared.h5", samples, {"clean": open_cache(theirs).space()})
    options: dict[str, Any] = {"test_cache": tmp_path / "shared.h5", "train": ["FaceSwap"]}
    with pytest.raises(
        InputError, match=r"puts 1 of \d+ test groups into training too, 'Celeb/000' first; name a split"
    ):
        classify(ours, tmp_path / "out", **options)
    (folder,) = classify(ours, tmp_path / "out", **options, allow_leak=True)
    assert any(caveat.startswith("LEAK: 1 of 24 test groups were in training") for caveat in record(folder)["caveats"])
    (folder,) = classify(ours, tmp_path / "scene", **options, disjoint="scene")
    assert not any("LEAK" in caveat for caveat in record(folder)["caveats"])
    own = open_cache(ours).samples
    person = own["identities"] == "FF++/004"
    seed = next(seed for seed in range(9) if (assign(own, drop_crossing=True, seed=seed)[person] == "train").all())
    with pytest.raises(InputError, match=r"puts 1 of .* test identities into training too, 'FF\+\+/004' first"):
        classify(ours, tmp_path / "dropped", **options, drop_crossing=True, seed=seed)


def test_one_data_set_in_two_views_is_split_in_both(ours: Path, make_other: Make, tmp_path: Path) -> None:
    noisy = make_other("noisy.h5", dataset="FF++", view="blur-2")
    options: dict[str, Any] = {"test_cache": noisy, "train": ["FaceSwap"], "differ": ["view"]}
    with pytest.raises(InputError, match=r"the test cache puts .* name a split that says of both caches what is test"):
        classify(ours, tmp_path / "out", **options)
    (clean,) = classify(ours, tmp_path / "clean", train=["FaceSwap"], test=["Deepfakes", "FaceSwap"])
    (folder,) = classify(ours, tmp_path / "out", **options, split=str(tmp_path / "clean" / "splits.csv"))
    run = record(folder)
    assert run["train_groups"] == record(clean)["train_groups"] and run["parameters"] == record(clean)["parameters"]
    tests = [predictions.read(path / "predictions.csv").query("split == 'test'") for path in (clean, folder)]
    assert tests[0]["sample_id"].tolist() == tests[1]["sample_id"].tolist()
    assert tests[0]["score"].tolist() != tests[1]["score"].tolist()
    assert "view is 'some view' in training and 'blur-2' in test" in run["caveats"]
    told = evaluate_run(folder)["caveats"]
    assert any(caveat.startswith("Pictures: crop some crop, view blur-2,") for caveat in told)
    told = comparison_caveats(evaluate_tree(tmp_path))
    assert any(caveat.startswith("View is 'some view' in training and 'blur-2' in test (in 1 of 2") for caveat in told)


def test_the_test_list_of_the_other_data_set_counts(ours: Path, make_other: Make, tmp_path: Path) -> None:
    own = open_cache(ours)
    split = np.where(own.samples["group"] < "FF++/020", "train", "test")
    write_cache(tmp_path / "own.h5", own.samples.assign(split=split), {"clean": own.space()})
    listed = np.where(own.samples["group"] < "FF++/010", "test", "train")  # a column of train and test alone
    options: dict[str, Any] = {"train": ["FaceSwap"], "split": "column"}
    (folder,) = classify(
        tmp_path / "own.h5", tmp_path / "a", test_cache=make_other(spaced={"split": listed}), **options
    )
    assert record(folder)["split"]["videos"] == {"train": 40, "test": 30}
    (folder,) = classify(tmp_path / "own.h5", tmp_path / "b", test_cache=make_other("whole.h5"), **options)
    assert record(folder)["split"]["videos"] == {"train": 40, "test": 144}


def with_prompts(path: Path, base: Path, texts: list[str]) -> Path:
    cache = open_cache(base)
    values = np.linspace(-1, 1, 2 * len(cache)).reshape(-1, 2).astype("f4")
    prompts = PromptScores(texts, np.array([0, 1], "i1"), np.eye(2, 8, dtype="f4"), values)
    write_addition(path, base, {"clean": Space(cache.provenance(), {}, {}, {"mine": prompts})})
    return path


def test_additions_join_the_cache_that_they_were_made_for(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = make_other()
    additions = [with_prompts(tmp_path / f"{base.stem}_add.h5", base, ["real", "fake"]) for base in (theirs, ours)]
    options: dict[str, Any] = {"test_cache": theirs, "train": ["FaceSwap"], "features": ["prompts"]}
    with pytest.raises(InputError, match=r"name one: mine, pair|no prompt|unknown prompt set"):
        classify(ours, tmp_path / "out", **options, prompt_set="mine", additions=additions[:1])
    (folder,) = classify(ours, tmp_path / "out", **options, prompt_set="mine", additions=additions)
    run = record(folder)
    assert len(run["cache"]["additions"]) == len(run["test_cache"]["additions"]) == 1
    other = with_prompts(tmp_path / "odd.h5", theirs, ["real", "false"])
    with pytest.raises(InputError, match=r"the prompts of set 'mine' differ: real; fake in .*ours.h5, real; false in"):
        classify(ours, tmp_path / "x", **options, prompt_set="mine", additions=[additions[1], other])


def test_groups_are_found_over_both(ours: Path, make_other: Make, tmp_path: Path) -> None:
    theirs = open_cache(make_other())
    samples = theirs.samples
    samples["identities"] = samples["identities"].str.replace("Celeb/000", "Celeb/000 FF++/002", regex=False)
    samples["identities"] = samples["identities"].str.replace("Celeb/003", "Celeb/003 FF++/005", regex=False)
    write_cache(tmp_path / "links.h5", samples, {"clean": theirs.space()})
    caches = open_caches(ours, tmp_path / "links.h5")
    groups = caches.samples.groupby("group")["dataset"].agg(set)
    assert groups[groups.map(len) == 2].index.tolist() == ["Celeb/000", "Celeb/002"]
    assert caches.samples["group"].nunique() == 48 - 2
    members = caches.samples.loc[caches.samples["group"] == "Celeb/000", "scene"]
    assert set(members) == {"Celeb/000", "Celeb/001", "FF++/002", "FF++/003"}
    assert caches.tested is not None and caches.tested.sum() == len(theirs)
    assert open_caches(ours, None).tested is None
