"""Real faces by the real command: killed five times, or made in two pieces and merged, they are the run in one go."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pipeline

ROOT = Path(__file__).parents[1]


def test_killed_five_times_and_merged_from_two_shards(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = [real_data / "dfdc_faces", "--layout", "manifest", "--crop", "given", "--model", "demo", "--limit", 300]
    extract = ["extract", *faces, "--batch-size", 32, "--part-rows", 64]
    whole, killed, merged = tmp_path / "whole.h5", tmp_path / "killed.h5", tmp_path / "merged.h5"
    shards = [tmp_path / "1.h5", tmp_path / "2.h5"]

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["pipeline.py", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            pipeline.main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        return printed.out

    rng, work = np.random.default_rng(), tmp_path / "killed.h5.work"
    for _ in range(5):
        sealed = set(work.glob("part-*"))
        with subprocess.Popen(
            [sys.executable, "pipeline.py", *map(str, extract), "--out", killed],
            cwd=ROOT,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        ) as process:
            deadline = time.monotonic() + 60
            while set(work.glob("part-*")) <= sealed and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2 * rng.random())
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert sealed <= set(work.glob("part-*")) or killed.exists()
    for out, *more in ((whole,), (killed,), (shards[0], "--shard", "1/2"), (shards[1], "--shard", "2/2")):
        run(*extract, "--out", out, *more)
    assert "600 frames" in run("cache", "merge", *shards, "--out", merged)
    assert "whole" in run("cache", "verify", whole, killed, merged)
    assert killed.read_bytes() == merged.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.h5", "killed.h5", "merged.h5", "1.h5", "2.h5"}
