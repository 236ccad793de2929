"""The benchmarks run and print figures; how large these are, a test cannot say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIGURE = r"(\d+\.\d+|inf) \((\d+\.\d+|inf) to (\d+\.\d+|inf)\)"


@pytest.mark.parametrize("encoder", ["demo", "infinite"])
def test_the_extraction_benchmark_prints_positive_figures(encoder: str) -> None:
    pytest.importorskip("open_clip")
    environment = {name: value for name, value in os.environ.items() if name != "PEER_PYTHON"}
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_extract.py", "--smoke", "--encoder", encoder],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if re.search(FIGURE, line)]
    figures = {re.split(r"\s{2,}", line)[0]: re.findall(FIGURE, line) for line in lines}
    assert figures.keys() == {"a", "b", "bound", "c", "d", "c / bound", "c / d"}
    for name, found in figures.items():
        assert len(found) == (1 if name in ("a", "b", "bound") else 2), done.stdout
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
