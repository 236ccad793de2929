"""`ablate` from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT

Cli = Callable[..., tuple[int, str, str]]
GRID = """
[options]
train = ["FaceSwap"]
test = ["Deepfakes", "FaceSwap"]
[product]
logistic.C = [0.1, 10]
normalize = ["l2", "none"]
"""


@pytest.fixture
def cache(build_cache: Callable[..., Path]) -> Path:
    return build_cache(groups=24, frames=2, dimension=8)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path / "grid.toml"


def test_a_grid_its_report_and_a_second_start(cli: Cli, grid: Path, cache: Path, tmp_path: Path) -> None:
    words = ("ablate", grid, "--cache", cache, "--out", tmp_path / "out", "--jobs", 1)
    code, out, err = cli(*words)
    assert code == 0 and err == ""
    assert "First by out-of-fold AUC" in out and str(tmp_path / "out" / "report.html") in out
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert len(table) == 4 and set(table["logistic.C"]) == {0.1, 10} and table["state"].eq("done").all()
    assert pd.read_parquet(tmp_path / "out" / "table.parquet")["key"].tolist() == table["key"].tolist()
    code, again, err = cli(*words)
    assert code == 0 and "4 of 4 cells are there already" in err
    assert again == f"nothing was left to do; {tmp_path / 'out' / 'report.html'} stands\n"
    grid.write_text(GRID + "[baseline]\nlogistic.C = 10\nnormalize = 'l2'\n")
    code, other, _ = cli(*words)
    assert code == 0 and "baseline (logistic.C 10" in other  # nothing fitted, and another report
    grid.write_text(GRID)
    assert cli(*words)[1] == out
    (tmp_path / "out" / "report.html").unlink()
    code, anew, _ = cli("ablate", "--report", tmp_path / "out")
    assert code == 0 and anew == out and (tmp_path / "out" / "report.html").exists()


def test_a_dry_run_lists_and_writes_nothing(cli: Cli, grid: Path, cache: Path, tmp_path: Path) -> None:
    code, out, _ = cli("ablate", grid, "--cache", cache, "--out", tmp_path / "out", "--dry-run")
    assert code == 0
    assert "logistic.C=10, normalize=none" in out
    assert "4 cells of logistic.C, normalize; compared with: logistic.C=0.1, normalize=l2" in out
    assert "seconds for what is not there yet" in out and "logistic: " in out
    assert not (tmp_path / "out").exists()


def test_shards_leave_the_report_to_the_last(cli: Cli, grid: Path, cache: Path, tmp_path: Path) -> None:
    words = ("ablate", grid, "--cache", cache, "--out", tmp_path / "out", "--jobs", 1, "--shard")
    code, out, _ = cli(*words, "2/2")
    assert code == 0 and out.startswith("2 of 4 cells are left to other shards; when they are done: python pipeline.py")
    assert not (tmp_path / "out" / "report.html").exists()
    code, _, _ = cli(*words, "1/2")
    assert code == 0 and (tmp_path / "out" / "report.html").exists()


def test_failed_cells_are_listed_and_end_in_1(cli: Cli, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text('[product]\ntrain = ["FaceSwap", "Face2Face"]\n')
    code, out, err = cli("ablate", tmp_path / "grid.toml", "--cache", cache, "--out", tmp_path / "out", "--jobs", 1)
    assert code == 1
    assert "failed: train=Face2Face: unknown manipulation 'Face2Face'" in err
    assert "1 of 2 cells failed" in err and "report.html" in out


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("[product]\nlayers = [1]\n", (), "unknown option 'layers'"),
        ('[product]\nhead = ["forest"]\n', (), "unknown head 'forest'; known: "),
        ("[product]\nseed = []\n", (), "seed"),
        ("[product]\nseed = 0 1\n", (), "(at line 2, column 10)"),
        ("[product]\nseed = [0]\n[options]\nbetas = 1\n", (), "unknown option 'betas'"),
        ("", (), "an empty product"),
        (GRID, ("--shard", "3/2"), "a shard is i/n"),
        (GRID, ("--cache", "other=nowhere.h5"), "other"),
        (GRID, ("--report", "nowhere"), "--report DIR stands alone"),
    ],
    ids=["axis", "head", "empty axis", "toml", "option", "nothing", "shard", "cache", "report"],
)
def test_bad_input_is_a_sentence(
    cli: Cli, cache: Path, tmp_path: Path, text: str, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "grid.toml").write_text(text)
    code, out, err = cli("ablate", tmp_path / "grid.toml", "--cache", cache, "--out", tmp_path / "out", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and told in err
    assert not (tmp_path / "out").exists()


def test_a_million_cells_are_asked_about(cli: Cli, cache: Path, tmp_path: Path) -> None:
    seeds = list(range(1000))
    (tmp_path / "grid.toml").write_text(
        f"[product]\nseed = {seeds}\nfraction = {[0.5 + one / 2000 for one in seeds]}\n"
    )
    code, _, err = cli("ablate", tmp_path / "grid.toml", "--cache", cache, "--out", tmp_path / "out")
    assert code == 2 and "1,000,000 cells" in err and "--yes" in err


@pytest.mark.parametrize("words", [(), ("grid.toml",), ("--out", "x")])
def test_what_is_missing_is_said(cli: Cli, words: tuple[str, ...]) -> None:
    code, _, err = cli("ablate", *words)
    assert code == 2 and "GRID" in err


def test_a_folder_without_a_grid_has_no_report(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("ablate", "--report", tmp_path)
    assert code == 2 and "holds no grid" in err


def test_a_request_to_end_leaves_no_worker(grid: Path, cache: Path, tmp_path: Path) -> None:
    grid.write_text(f'[options]\nhead = "knn"\ntrain = "FaceSwap"\n[product]\nseed = {list(range(400))}\n')
    words = [sys.executable, "pipeline.py", "ablate", grid, "--cache", cache, "--out", tmp_path / "out", "--jobs", "2"]
    process = subprocess.Popen(
        list(map(str, words)), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and not list((tmp_path / "out/cells").glob("[!.]*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "the same line goes on from them" in err
    assert json.loads((tmp_path / "out" / "grid.json").read_text())["cells"]
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a worker is left")
