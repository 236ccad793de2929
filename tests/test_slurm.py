"""The script that spreads a grid over a SLURM array: what it runs, and what becomes of a task whose time ends."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
import typer

import pipeline

ROOT = Path(__file__).parents[1]
SBATCH = ROOT / "configs/slurm/ablate.sbatch"
WORDS = ["grid.toml", "runs/a grid", "--cache", "ffpp=x.h5"]


def array_task(tmp_path: Path, python: str) -> dict[str, str]:
    """Environment of the third of eight tasks, in which `python` and `scontrol` are scripts that leave traces."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in (("python", python), ("scontrol", 'echo "$@" > requeued')):
        (folder / name).write_text(f"#!/usr/bin/env bash\n{words}\n")
        (folder / name).chmod(0o755)
    variables = {"TASK_ID": "3", "TASK_COUNT": "8", "JOB_ID": "77"}
    slurm = {f"SLURM_ARRAY_{name}": value for name, value in variables.items()} | {"SLURM_CPUS_PER_TASK": "4"}
    return {**os.environ, **slurm, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("status", [0, 1])
def test_a_task_runs_its_share_and_ends_as_it_ended(status: int, tmp_path: Path) -> None:
    environment = array_task(tmp_path, f'printf "%s\\n" "$@" > words; exit {status}')
    assert subprocess.run(["bash", SBATCH, *WORDS], cwd=tmp_path, env=environment).returncode == status
    assert (tmp_path / "words").read_text().splitlines() == [
        "pipeline.py", "ablate", "grid.toml", "--out", "runs/a grid", "--shard", "3/8", "--jobs", "4", "--yes",
        "--cache", "ffpp=x.h5",
    ]  # fmt: skip
    assert not (tmp_path / "requeued").exists()


def test_one_task_of_an_array_can_be_run_alone(tmp_path: Path) -> None:
    environment = array_task(tmp_path, 'echo "$@" > words') | {"SLURM_ARRAY_TASK_COUNT": "1", "SHARDS": "20"}
    subprocess.run(["bash", SBATCH, *WORDS], cwd=tmp_path, env=environment, check=True)
    assert "--shard 3/20 " in (tmp_path / "words").read_text()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_task_whose_time_ends_queues_again_and_one_that_is_ended_does_not(number: int, tmp_path: Path) -> None:
    waits = "trap 'touch stopped; exit 1' TERM\ntouch begun\nwhile :; do sleep 0.05; done"
    environment = array_task(tmp_path, waits)
    with subprocess.Popen(["bash", SBATCH, *WORDS], cwd=tmp_path, env=environment) as task:
        until = time.monotonic() + 10
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.02)
        task.send_signal(number)
    assert task.returncode == 1
    assert (tmp_path / "stopped").exists()
    requeued = tmp_path / "requeued"
    assert requeued.exists() == (number == signal.SIGUSR1)
    assert not requeued.exists() or requeued.read_text() == "requeue 77_3\n"


def test_the_lines_of_its_header_are_commands_that_there_are() -> None:
    text = SBATCH.read_text(encoding="utf-8").replace("\\\n", " ")
    command = typer.main.get_command(pipeline.app).commands["ablate"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    lines = [line.partition("pipeline.py ablate ")[2] for line in text.splitlines() if "pipeline.py ablate " in line]
    used = {word for line in lines for word in shlex.split(line.rstrip('"')) if word.startswith("--")}
    assert {"--shard", "--report"} <= used <= known
