"""Who carries out shards: processes, a Ray cluster of which a worker dies, a SLURM array."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError
from cache.merge import merge
from cache.verify import verify
from extract.engines import CPU_BATCH, CUDA_BATCH, Devices, RayTasks
from extract.job import extract_folder
from tests.extract.tiny import run_tiny

ROOT = Path(__file__).parents[2]
SBATCH = ROOT / "configs/slurm/extract.sbatch"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, 2 videos each of 7 frames; one picture is unreadable."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    rng = np.random.default_rng(0)
    for video in ("real/000", "real/001", "FaceSwap/000_001", "FaceSwap/001_000"):
        (root / video).mkdir(parents=True)
        for frame in range(7):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(root / video / f"{frame:03d}.png")
    (root / video / "003.png").write_bytes(b"not a picture")
    return root


def test_devices_share_the_cores_and_agree_on_a_batch_size() -> None:
    both, one = Devices(["cuda:0", "cuda:1"]), Devices(["cpu"])
    assert (both.shards, both.batch_size, str(both)) == (2, CUDA_BATCH, "cuda:0, cuda:1")
    assert (one.shards, one.batch_size) == (1, CPU_BATCH)


def shared_out(machines: list[dict[str, float]], device: str = "auto", workers: int | None = None) -> RayTasks:
    tasks = RayTasks("auto", device, workers)
    tasks._share_out(machines)
    return tasks


def test_ray_shards_by_what_the_machines_have() -> None:
    head, box = {"CPU": 64.0}, {"CPU": 16.0, "GPU": 4.0}
    tasks = shared_out([head, box, box])
    assert (tasks._device, tasks._cores, tasks.shards, tasks.batch_size) == ("cuda", 4, 16, CUDA_BATCH)
    tasks = shared_out([head, box], "cpu")
    assert (tasks._device, tasks._cores, tasks.shards, tasks.batch_size) == ("cpu", 1, 160, CPU_BATCH)
    tasks = shared_out([{"CPU": 8.0}, {"CPU": 12.0}], workers=8)
    assert (tasks._cores, tasks.shards) == (8, 4)
    with pytest.raises(InputError, match="has no GPU"):
        shared_out([head], "cuda")
    with pytest.raises(InputError, match="no machine of the Ray cluster has 32 cores"):
        shared_out([box], workers=32)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install -e \.\[extract,cluster\]"), RayTasks("local"):
        pass


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_ray_worker_is_killed_and_the_file_is_that_of_a_plain_run(data: Path, tmp_path: Path) -> None:
    script, out, plain, marker = (
        str(path)
        for path in (ROOT / "tests/extract/tiny_shards.py", tmp_path / "x.h5", tmp_path / "p.h5", tmp_path / "killed")
    )
    run_tiny(data, Path(plain))
    subprocess.run([sys.executable, script, data, out, "0.05", "ray", "3", marker], check=True, timeout=120)
    assert Path(marker).exists()
    assert verify(Path(out)) == []
    assert Path(out).read_bytes() == Path(plain).read_bytes()
    assert not Path(out + ".work").exists()


def slurm(tmp_path: Path, number: int, count: int) -> dict[str, str]:
    variables = {
        "SLURM_ARRAY_TASK_ID": str(number),
        "SLURM_ARRAY_TASK_COUNT": str(count),
        "SLURM_ARRAY_JOB_ID": "77",
        "SLURM_CPUS_PER_TASK": "0",  # no worker processes: each start of them costs seconds
    }
    folders = (str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
    return {**os.environ, **variables, "PATH": os.pathsep.join(folders)}


def test_the_slurm_array_makes_shards_that_merge(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    options = ["--model", "demo", "--device", "cpu", "--batch-size", "4"]
    tasks = [
        subprocess.Popen(["bash", SBATCH, data, out, *options], cwd=ROOT, env=slurm(tmp_path, number, 2))
        for number in (1, 2)
    ]
    assert [task.wait() for task in tasks] == [0, 0]
    pieces = [tmp_path / f"x.shard-{number}-of-2.h5" for number in (1, 2)]
    merge(pieces, out)
    extract_folder(data, tmp_path / "plain.h5", model="demo", device="cpu", batch_size=4, workers=0)
    assert out.read_bytes() == (tmp_path / "plain.h5").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_slurm_task_seals_and_queues_again_when_its_time_ends(number: int, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = "trap 'touch sealed; exit 1' TERM\ntouch begun\nwhile :; do sleep 0.05; done"
    for name, words in (("python", python), ("scontrol", 'echo "$@" > requeued')):
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash\n{words}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    with subprocess.Popen(["bash", SBATCH, "data", "x.h5"], cwd=tmp_path, env=slurm(tmp_path, 3, 8)) as task:
        until = time.monotonic() + 10
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.02)
        task.send_signal(number)
    assert task.returncode == 1
    assert (tmp_path / "sealed").exists()
    if number == signal.SIGUSR1:
        assert (tmp_path / "requeued").read_text() == "requeue 77_3\n"
    else:
        assert not (tmp_path / "requeued").exists()
