"""An extraction that is killed, anywhere and again and again, goes on to the file that an undisturbed run makes."""

import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cache.reader import Cache, open_cache
from cache.sealed import is_intact
from tests.extract.faults import Fork, differences
from tests.extract.tiny import make_data, run_tiny

KILLS = 100
SCRIPT = Path(__file__).with_name("tiny.py")
SECONDS = 0.004  # of the encoder, for a batch
FRAMES = 3  # of a video: damaged ones among them, and four parts
SIGNS = ("x.h5.work/ledger.jsonl", "x.h5.work/.part-*.tmp", "x.h5.work/part-*.h5", "x.h5.work/.x.h5.*.tmp", "x.h5")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out, frames=FRAMES)
    return open_cache(out)


def found(folder: Path, pattern: str) -> set[str]:
    place, _, name = pattern.rpartition("/")
    try:
        return set(fnmatch.filter(os.listdir(folder / place), name))
    except FileNotFoundError:
        return set()


def await_moment(folder: Path, rng: np.random.Generator, seconds: float) -> None:
    """Until a random moment of a run's duration, or shortly after a random sign of where it stands."""
    deadline = time.monotonic() + seconds
    if rng.random() < 0.5:
        pattern = SIGNS[rng.integers(len(SIGNS))]
        before = found(folder, pattern)
        while found(folder, pattern) <= before and time.monotonic() < deadline:
            time.sleep(0.0003)
        time.sleep(0.01 * rng.random() ** 2)
    else:
        time.sleep(0.6 * seconds * rng.random())  # what is left of a run that went on takes less


def kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:  # it has ended already
        return


def check_parts(folder: Path, before: set[str]) -> set[str]:
    """The sealed parts that are there now: those from before, unless the file is finished, all intact."""
    parts = found(folder, "x.h5.work/part-*.h5")
    assert before <= parts or (folder / "x.h5").exists(), "a sealed part is lost"
    assert all(is_intact(folder / "x.h5.work" / name) for name in parts)
    assert not (folder / "x.h5").exists() or is_intact(folder / "x.h5")
    return parts


def kill_again_and_again(data: Path, folder: Path, whole: Cache, kills: int) -> int:
    """Chains of kills, each until it is finished; how many were finished."""
    rng, out, chains, killed = np.random.default_rng(), folder / "x.h5", 0, 0
    with Fork() as fork:
        for _ in range(2):  # the first one loads the libraries
            start = time.monotonic()
            fork.start(data, out, frames=FRAMES, seconds=SECONDS)
            assert fork.wait() == 0
            seconds = time.monotonic() - start
            shutil.rmtree(folder)
        while killed < kills or folder.exists():
            folder.mkdir(exist_ok=True)
            parts = found(folder, "x.h5.work/part-*.h5")
            group = fork.start(data, out, frames=FRAMES, seconds=SECONDS)
            if killed < kills:
                await_moment(folder, rng, seconds)
                kill(group)
            code = fork.wait()
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            check_parts(folder, parts)
            if code == 0:
                assert differences(out, whole) == []
                chains += 1
                shutil.rmtree(folder)
    return chains


def test_killed_at_random_moments(data: Path, tmp_path: Path, whole: Cache) -> None:
    assert kill_again_and_again(data, tmp_path / "a", whole, KILLS) >= 2


def test_killed_with_its_worker_processes(data: Path, tmp_path: Path, whole: Cache) -> None:
    """The script itself: from the start of the interpreter on, and nothing outlives the kill."""
    out, rng = tmp_path / "x.h5", np.random.default_rng()
    command = [sys.executable, str(SCRIPT), str(data), str(out), "0.05", "2", str(FRAMES)]
    parts: set[str] = set()
    for _ in range(12):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        await_moment(tmp_path, rng, 4.0)
        kill(process.pid)
        process.wait()
        parts = check_parts(tmp_path, parts)
        if out.exists():
            break
    run_tiny(data, out, frames=FRAMES)
    assert differences(out, whole) == []
