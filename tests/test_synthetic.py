"""Synthetic caches: whole, honest in their groups, and of a difficulty that tells heads apart."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cache.reader import open_cache
from cache.splits import assign, leaks
from cache.verify import verify

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    """The module of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location("synthetic", ROOT / "benchmarks/synthetic.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["synthetic"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "some.h5"
    synthetic.make_cache(path, 400, 8, frames=4, prompts={"pair": 2, "six": 6})
    return path


def test_it_is_whole_and_as_large_as_asked_for(made: Path) -> None:
    assert verify(made) == []
    cache = open_cache(made)
    assert cache.array("embedding").shape == (400, 8) and cache.array("embedding").dtype == np.float16
    assert {name: cache.similarity(name).shape[1] for name in cache.prompt_sets()} == {"pair": 2, "six": 6}
    assert cache.prompts("six").labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_its_videos_form_groups_of_two_scenes_that_swap(made: Path) -> None:
    samples = open_cache(made).samples
    assert set(samples.groupby("video_id").size()) == {4}
    assert set(samples.groupby("group")["scene"].nunique()) == {2}
    assert set(samples.groupby("scene")["manipulation"].nunique()) == {5}
    assert samples["group"].nunique() == 10
    split = assign(samples)
    assert leaks(samples, split, "identities") == [] and set(split) == {"train", "test"}


def test_parts_meet_and_the_smaller_is_the_beginning_of_the_larger(
    made: Path, synthetic: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "PART", 100)  # two groups
    paths = {rows: tmp_path / f"{rows}.h5" for rows in (90, 230)}
    for rows, path in paths.items():
        synthetic.make_cache(path, rows, 8, frames=4)
    short, long, whole = (open_cache(path) for path in (paths[90], paths[230], made))
    assert verify(paths[230]) == [] and len(long) == 230
    assert short.samples.equals(long.samples[:90]) and long.samples.equals(whole.samples[:230])
    assert np.array_equal(short.array("embedding"), long.array("embedding")[:90])
    assert np.array_equal(short.similarity(), long.similarity()[:90])


def test_another_seed_is_another_encoder_on_the_same_samples(made: Path, synthetic: ModuleType, tmp_path: Path) -> None:
    synthetic.make_cache(tmp_path / "other.h5", 400, 8, frames=4, seed=1)
    one, other = open_cache(made), open_cache(tmp_path / "other.h5")
    assert one.table_hash == other.table_hash and one.provenance().weights != other.provenance().weights
    assert not np.array_equal(one.array("embedding"), other.array("embedding"))


def test_the_trace_of_a_manipulation_tells_much_of_it_and_little_of_others(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    synthetic.make_cache(tmp_path / "x.h5", 4000, 8, frames=2)
    cache = open_cache(tmp_path / "x.h5")
    samples, features = cache.samples, np.asarray(cache.array("embedding"), float)
    means = {name: features[rows].mean(axis=0) for name, rows in samples.groupby("manipulation").indices.items()}
    traces = {name: mean - means["real"] for name, mean in means.items() if name != "real"}
    spread = synthetic.TRACES * synthetic.STRENGTH
    for name, trace in traces.items():
        assert np.linalg.norm(trace) == pytest.approx(spread, abs=0.2), name
        for other in traces.values():
            if other is not trace:
                cosine = trace @ other / np.linalg.norm(trace) / np.linalg.norm(other)
                assert cosine == pytest.approx(synthetic.ALIKE, abs=0.25), name


def test_the_benchmark_of_reading_prints_ratios() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_cache.py", "--quick"], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ratios = {
        name: float(ratio) for name, ratio in re.findall(r"^  (\S.*?) +\S+ +\S+ +\S+ +(\d\S*)$", done.stdout, re.M)
    }
    assert ratios["np.fromfile"] == 1 and min(ratios.values()) > 0
    assert {"whole", "10 % of the videos", "whole, float32", "cache.widen", "table of 65,536"} <= ratios.keys()
    assert re.search(r"columns of a split: \S+ s of CPU, \S+ us and \d+ bytes a row", done.stdout)
