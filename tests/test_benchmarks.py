"""The benchmarks run and print figures; how large these are, a test cannot say."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
FIGURE = r"(\d+\.\d+|inf) \((\d+\.\d+|inf) to (\d+\.\d+|inf)\)"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own photographs."""
    folder, rng = tmp_path_factory.mktemp("pictures") / "some", np.random.default_rng(0)
    folder.mkdir()
    for number in range(4):
        pixels = rng.integers(0, 256, (300, 400, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
    return folder


@pytest.mark.parametrize(("encoder", "drawn"), [("demo", True), ("infinite", False)])
def test_the_extraction_benchmark_prints_positive_figures(
    encoder: str, drawn: bool, pictures: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process, where the libraries are loaded already, and with one worker: each loads them anew."""
    pytest.importorskip("open_clip")
    images = [] if drawn else ["--images", pictures]
    words = ["bench_extract.py", "--smoke", "--encoder", encoder, "--batch-size", 8, *images]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # as it is set there
    monkeypatch.delenv("PEER_PYTHON", raising=False)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    runpy.run_path(str(ROOT / "benchmarks/bench_extract.py"), run_name="__main__")
    printed = capfd.readouterr().out
    lines = [line for line in printed.splitlines() if re.search(FIGURE, line)]
    figures = {re.split(r"\s{2,}", line)[0]: re.findall(FIGURE, line) for line in lines}
    assert figures.keys() == {"a", "b", "bound", "c", "d", "c / bound", "c / d"}
    for name, found in figures.items():
        assert len(found) == (1 if name in ("a", "b", "bound") else 2), printed
        for median, least, most in found:
            assert 0 < float(least) <= float(median) <= float(most)


def test_the_heads_benchmark_prints_a_ratio_of_each() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_heads.py", "--quick", "--heads", "svm,mlp,knn"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.findall(r"(\w+) ratio: wall (\S+) .*; AUC (?:equal|better|WORSE)", done.stdout)
    assert {name for name, _ in found} == {"svm", "mlp", "knn"}
    assert all(float(ratio) > 0 for _, ratio in found)


def test_the_benchmark_of_large_caches_prints_a_ratio_of_each() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_large.py", "--quick", "--tasks", "audit"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = re.findall(r"audit ratio: wall (\S+), CPU (\S+), own memory (\S+) \((\S+) bytes a row\)", done.stdout)
    assert all(float(ratio.replace(",", "")) > 0 for ratio in found)
