"""Real faces by the real command: killed five times, or made in two pieces and merged, they are the run in one go."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.commands import Commands, runs

Cli = Callable[..., tuple[int, str, str]]


def test_killed_five_times_and_merged_from_two_shards(real_data: Path, tmp_path: Path, cli: Cli) -> None:
    faces = [real_data / "dfdc_faces", "--layout", "manifest", "--crop", "given", "--model", "demo", "--limit", 100]
    extract = ["extract", *faces, "--batch-size", 16, "--part-rows", 16]
    whole, killed, merged = tmp_path / "whole.h5", tmp_path / "killed.h5", tmp_path / "merged.h5"
    shards = [tmp_path / "1.h5", tmp_path / "2.h5"]

    def run(*words: object) -> str:
        code, printed, errors = cli(*words)
        assert code == 0, errors
        return printed

    rng, work = np.random.default_rng(), tmp_path / "killed.h5.work"
    with Commands() as commands:
        for number in range(5):
            workers = [] if number == 0 else ["--workers", 0]  # each start of them costs seconds, the file is the same
            sealed = set(work.glob("part-*"))
            process = commands.start(*extract, *workers, "--out", killed)
            deadline = time.monotonic() + 60
            while set(work.glob("part-*")) <= sealed and runs(process) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.1 * rng.random())
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                os.killpg(process, signal.SIGKILL)
            commands.wait()
            assert sealed <= set(work.glob("part-*")) or killed.exists()
    for out, *more in ((whole,), (killed,), (shards[0], "--shard", "1/2"), (shards[1], "--shard", "2/2")):
        run(*extract, "--out", out, *more)
    assert "200 frames" in run("cache", "merge", *shards, "--out", merged)
    assert "whole" in run("cache", "verify", whole, killed, merged)
    assert killed.read_bytes() == merged.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.h5", "killed.h5", "merged.h5", "1.h5", "2.h5"}
