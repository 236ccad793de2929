"""Work in shards: frozen once, taken up by whoever comes, refused where it does not fit, joined to the one file."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

sys.path.append(str(Path(__file__).parent))  # its functions are sent to other processes, by the module's name

from tiny import run_tiny
from tiny_shards import run_in_shards

from cache.errors import InputError, InterruptedWork, NothingReadableError
from cache.reader import open_cache
from cache.verify import verify
from extract import shards
from extract.engines import Devices, Ended, Make
from extract.shards import choose_engine

SCRIPT = Path(__file__).with_name("tiny_shards.py")


class Here(AbstractContextManager["Here"]):
    """An engine that makes one shard after the other in this process."""

    shards = 3
    batch_size = 4

    def __init__(self, at_most: int = 99) -> None:
        self.made: list[str] = []
        self._at_most = at_most

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, make: Make, shards: Sequence[str]) -> Generator[list[Ended], None, None]:
        for shard in shards:
            if len(self.made) == self._at_most:
                yield [Ended(shard, error=InterruptedWork("its process died"))]
                return
            self.made.append(shard)
            yield [Ended(shard, make(shard, "cpu", 0))]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, 2 videos each of 11 frames; one picture is unreadable. 44 slots: 11 batches of 4."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    rng = np.random.default_rng(0)
    for video in ("real/000", "real/001", "FaceSwap/000_001", "FaceSwap/001_000"):
        (root / video).mkdir(parents=True)
        for frame in range(11):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(root / video / f"{frame:03d}.png")
    (root / video / "003.png").write_bytes(b"not a picture")
    return root


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that a run in one go writes."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out)
    return out.read_bytes()


@pytest.mark.parametrize("count", [1, 2, 3, 11])
def test_the_file_is_that_of_a_run_in_one_go(count: int, data: Path, whole: bytes, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    counted: list[tuple[int, int]] = []
    summary = run_in_shards(data, out, Here(), shards=count, progress=lambda *two: counted.append(two))
    assert out.read_bytes() == whole
    assert (summary.samples, len(summary.failures)) == (43, 1)
    assert counted[-1] == (44, 44) and counted == sorted(counted)
    assert list(tmp_path.iterdir()) == [out]


def test_no_more_shards_by_default_than_the_engine_wants_or_batches(data: Path, whole: bytes, tmp_path: Path) -> None:
    for size, expected in ((4, ["1/3", "2/3", "3/3"]), (30, ["1/2", "2/2"]), (64, ["1/1"])):
        engine = Here()
        run_in_shards(data, tmp_path / f"{size}.h5", engine, batch_size=size)
        assert engine.made == expected
    with pytest.raises(InputError, match="12 shards for a plan of 11 batches"):
        run_in_shards(data, tmp_path / "x.h5", Here(), shards=12)


def test_finished_shards_are_kept_and_the_first_run_s_numbers_stand(data: Path, whole: bytes, tmp_path: Path) -> None:
    out, first, second = tmp_path / "x.h5", Here(at_most=2), Here()
    with pytest.raises(InterruptedWork, match="its process died"):
        run_in_shards(data, out, first)
    second.shards = 5
    run_in_shards(data, out, second, batch_size=None)
    assert (first.made, second.made) == (["1/3", "2/3"], ["3/3"])
    assert out.read_bytes() == whole


def test_a_damaged_shard_is_made_again(data: Path, whole: bytes, tmp_path: Path) -> None:
    out, second = tmp_path / "x.h5", Here()
    with pytest.raises(InterruptedWork):
        run_in_shards(data, out, Here(at_most=2))
    piece = tmp_path / "x.h5.work/shard-1-of-3.h5"
    content = bytearray(piece.read_bytes())
    content[-100] ^= 1
    piece.write_bytes(content)
    assert "shard-1-of-3.h5 was damaged and is made again" in run_in_shards(data, out, second).notes
    assert second.made == ["1/3", "3/3"]
    assert out.read_bytes() == whole


def test_other_settings_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    with pytest.raises(InterruptedWork):
        run_in_shards(data, out, Here(at_most=1))
    with pytest.raises(InputError, match="shards is 2 now and was 3"):
        run_in_shards(data, out, Here(), shards=2)
    with pytest.raises(InputError, match="batch_size is 8 now and was 4"):
        run_in_shards(data, out, Here(), batch_size=8)
    with pytest.raises(InputError, match="model is 'b' now and was None"):
        run_in_shards(data, out, Here(), settings={"root": str(data), "model": "b"})


def test_work_of_one_device_is_not_taken_up_in_shards(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"

    def stop(done: int, total: int) -> None:
        raise InterruptedWork

    with pytest.raises(InterruptedWork):
        run_tiny(data, out, progress=stop)
    sealed = sorted(tmp_path.rglob("part-*.h5"))
    with pytest.raises(InputError, match="work of one device, not in shards"):
        run_in_shards(data, out, Here())
    assert sealed and sorted(tmp_path.rglob("part-*.h5")) == sealed


def test_a_refusal_before_anything_was_made_freezes_nothing(data: Path, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("unknown model")

    with pytest.raises(InputError, match="unknown model"):
        run_in_shards(data, tmp_path / "x.h5", Here(), work=refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_second_extraction_into_the_file_is_refused(data: Path, tmp_path: Path) -> None:
    work = tmp_path / "x.h5.work"
    work.mkdir()
    with FileLock(work / "lock"), pytest.raises(InputError, match="another extraction is at work"):
        run_in_shards(data, tmp_path / "x.h5", Here())


def test_the_frozen_plan_stands_when_files_come_and_go(data: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "x.h5"
    shutil.copytree(data, root)
    with pytest.raises(InterruptedWork):
        run_in_shards(root, out, Here(at_most=2))
    (root / "FaceSwap/001_000/011.png").write_bytes((root / "FaceSwap/001_000/010.png").read_bytes())
    summary = run_in_shards(root, out, Here())
    assert summary.samples == 43
    assert any("011.png" in note for note in summary.notes), summary.notes


def test_a_shard_in_which_everything_is_bad_costs_itself_only(data: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "x.h5"
    shutil.copytree(data, root)
    for path in (root / "FaceSwap").rglob("*.png"):
        path.write_bytes(b"")
    summary = run_in_shards(root, out, Here(), shards=11)
    run_tiny(root, tmp_path / "whole.h5")
    assert (summary.samples, len(summary.failures)) == (22, 22)
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_where_nothing_can_be_read_nothing_is_left(data: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "x.h5"
    shutil.copytree(data, root)
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(NothingReadableError, match="the file is empty"):
        run_in_shards(root, out, Here())
    assert list(tmp_path.iterdir()) == [root]


def test_a_kill_around_the_last_steps_loses_nothing(
    data: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, second = tmp_path / "x.h5", Here()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shards, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run_in_shards(data, out, Here())
    assert not out.exists()
    assert (tmp_path / "x.h5.work/joined.h5").exists()
    run_in_shards(data, out, second)
    assert second.made == []
    assert out.read_bytes() == whole


def test_who_makes_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(device: str = "auto", ray: str | None = None, count: int | None = None, alone: bool = False) -> str:
        return str(choose_engine(tmp_path / "x.h5", device, ray, count, None, alone=alone))

    monkeypatch.setattr(shards, "_visible_gpus", lambda: [])
    assert choose() == choose("cpu") == choose("cuda:1") == choose(alone=True) == "None"
    assert choose("cpu,cpu") == "cpu, cpu"
    assert choose(count=4) == "cpu"
    monkeypatch.setattr(shards, "_visible_gpus", lambda: ["cuda:0", "cuda:1"])
    assert choose() == "cuda:0, cuda:1"
    assert choose("cuda:1") == choose(alone=True) == "None"
    for options in ({"device": "cpu,cpu"}, {"ray": "local"}, {"count": 2}):
        with pytest.raises(InputError, match="--shard and --retry-failed"):
            choose(**options, alone=True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="with --ray the device is"):
        choose("cuda:1", ray="local")
    work = tmp_path / "x.h5.work"
    work.mkdir()
    (work / "ledger.jsonl").touch()  # begun by one device
    assert choose() == "None"
    (work / "ledger.jsonl").rename(work / "plan.jsonl")  # begun in shards
    assert choose("cpu") == "cpu"
    (tmp_path / "x.h5").touch()  # finished
    assert choose() == choose(ray="local") == "None"


def run_script(data: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, data, out, *words], capture_output=True, text=True, check=False)


def test_processes_make_the_file_and_a_killed_one_is_told(data: Path, whole: bytes, tmp_path: Path) -> None:
    out, marker = tmp_path / "x.h5", tmp_path / "marker"
    killed = run_script(data, out, "0", "cpu,cpu", "3", str(marker))
    assert marker.exists()
    assert "InterruptedWork: the process of shard 2/3 died" in killed.stderr
    assert run_script(data, out, "0", "cpu", "3").returncode == 0  # with fewer devices
    assert out.read_bytes() == whole
    assert verify(out) == []


def test_the_error_of_a_process_reaches_the_user(data: Path, tmp_path: Path) -> None:
    engine = Devices(["broken", "cpu"], 0)
    with pytest.raises(ValueError, match="no such device"):
        run_in_shards(data, tmp_path / "x.h5", engine, shards=2)


@pytest.mark.parametrize(
    ("number", "whom"),
    [(signal.SIGINT, "all"), (signal.SIGTERM, "all"), (signal.SIGTERM, "first"), (signal.SIGKILL, "first")],
)
def test_stopped_work_goes_on(number: int, whom: str, data: Path, whole: bytes, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    command = [sys.executable, str(SCRIPT), str(data), str(out), "0.5", "cpu,cpu", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        wait_for(lambda: len(list(tmp_path.rglob("part-*.h5"))) >= 2)  # of 11
        (os.killpg if whom == "all" else os.kill)(running.pid, number)
        stderr = running.communicate()[1]
    sealed = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("part-*.h5")}
    assert running.returncode == (-number if number == signal.SIGKILL else 1)
    if number != signal.SIGKILL:
        assert "of 44 frames; the same command goes on from there" in stderr
    wait_for(lambda: is_free(tmp_path / "x.h5.work/shard-1-of-2.h5.work/lock"))
    wait_for(lambda: is_free(tmp_path / "x.h5.work/shard-2-of-2.h5.work/lock"))
    assert len(sealed) >= 2 and not out.exists()
    summary = run_in_shards(data, out, Here())
    assert any("sealed before" in note for note in summary.notes)
    assert out.read_bytes() == whole
    assert len(open_cache(out)) == 43


def is_free(path: Path) -> bool:
    with suppress(TimeoutError), FileLock(path, timeout=0):
        return True
    return False


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
