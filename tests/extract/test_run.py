"""An extraction cannot be lost: stopped or killed anywhere, it goes on to the file that an undisturbed run makes."""

import contextlib
import errno
import importlib.util
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cache.errors import InputError, InterruptedWork
from cache.reader import Cache, open_cache
from cache.verify import verify

SCRIPT = Path(__file__).with_name("tiny.py")
specification = importlib.util.spec_from_file_location("tiny", SCRIPT)
tiny = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tiny)
run_tiny, TinyEncoder = tiny.run_tiny, tiny.TinyEncoder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, 3 videos each, 7 frames each; one picture of each class is unreadable."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    rng = np.random.default_rng(0)
    for folder, videos in (("Real_youtube", ("000", "001", "002")), ("FaceSwap", ("000_001", "001_000", "002_003"))):
        for video in videos:
            (root / folder / video).mkdir(parents=True)
            for frame in range(7):
                pixels = rng.integers(0, 256, (20, 24, 3), np.uint8)
                Image.fromarray(pixels).save(root / folder / video / f"{frame:03d}.png")
        (root / folder / video / "003.png").write_bytes(b"not a picture")
    return root


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out)
    return open_cache(out)


def assert_same(out: Path, whole: Cache) -> None:
    cache = open_cache(out)
    assert verify(out) == []
    assert cache.table_hash == whole.table_hash
    assert cache.array("embedding").tobytes() == whole.array("embedding").tobytes()
    assert cache.similarity().tobytes() == whole.similarity().tobytes()
    keys = ["path", "reason"]
    assert cache.failures[keys].to_dict("records") == whole.failures[keys].to_dict("records")
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name], "work is left behind"


def test_every_frame_is_there_or_listed(whole: Cache) -> None:
    assert len(whole) == 42 - 2
    assert whole.samples["sample_id"].is_unique
    assert set(whole.failures["path"]) == {"Real_youtube/002/003.png", "FaceSwap/002_003/003.png"}
    assert set(whole.samples["group"]) == {"tiny/000", "tiny/002"}
    one = whole.samples.set_index("sample_id").loc["tiny/unknown/FaceSwap/001_000/4"]
    assert (one["label"], one["scene"], one["identities"]) == (1, "tiny/001", "tiny/001 tiny/000")
    assert (one["width"], one["height"], one["format"]) == (24, 20, "PNG")
    assert whole.array("embedding").dtype == np.float16


def test_worker_processes_change_nothing(data: Path, tmp_path: Path, whole: Cache) -> None:
    run_tiny(data, tmp_path / "x.h5", workers=2)
    assert_same(tmp_path / "x.h5", whole)


def test_the_same_line_again_says_complete(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    run_tiny(data, out)
    before = out.read_bytes()
    encoder = TinyEncoder()
    again = run_tiny(data, out, encoder)
    assert again.complete_before and again.notes == [] and encoder.batches == 0
    assert out.read_bytes() == before
    assert run_tiny(data, out, batch_size=None).complete_before


def test_other_settings_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.h5"
    run_tiny(data, out)
    other = TinyEncoder()
    other.weights = "1"
    before = out.read_bytes()
    with pytest.raises(InputError, match=r"weights is '1' now and was '0'"):
        run_tiny(data, out, other)
    with pytest.raises(InputError, match=r"batch_size is 8 now and was 4"):
        run_tiny(data, out, batch_size=8)
    with pytest.raises(InputError, match=r"crop is 'given' now and was 'none'"):
        run_tiny(data, out, crop="given")
    assert out.read_bytes() == before


class StopsAfter(TinyEncoder):
    """Sends this process a signal, or raises, in the batch after ``good`` ones."""

    def __init__(self, good: int, error: Exception | int) -> None:
        super().__init__()
        self.good, self.error = good, error

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        if self.batches == self.good:
            if isinstance(self.error, Exception):
                raise self.error
            os.kill(os.getpid(), self.error)
        return super().embed_images(pixels)


def test_other_settings_are_refused_for_unfinished_work_too(data: Path, tmp_path: Path, whole: Cache) -> None:
    out = tmp_path / "x.h5"
    with pytest.raises(RuntimeError, match="device lost"):
        run_tiny(data, out, StopsAfter(5, RuntimeError("device lost")))
    with pytest.raises(InputError, match=r"x\.h5\.work was made with other settings: crop is 'given' now"):
        run_tiny(data, out, crop="given")
    run_tiny(data, out)
    assert_same(out, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_seals_the_work(data: Path, tmp_path: Path, whole: Cache, number: int) -> None:
    out = tmp_path / "x.h5"
    handler = signal.getsignal(number)
    with pytest.raises(InterruptedWork, match="stopped at 16 of 42"):
        run_tiny(data, out, StopsAfter(3, number))
    assert signal.getsignal(number) is handler
    encoder = TinyEncoder()
    run_tiny(data, out, encoder)
    assert encoder.batches == 11 - 4, "batches that were sealed are not computed again"
    assert_same(out, whole)


def test_a_worker_that_dies_costs_nothing_that_was_done(data: Path, tmp_path: Path, whole: Cache) -> None:
    class Kills(TinyEncoder):
        def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            if self.batches == 3:
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.join()
            return super().embed_images(pixels)

    out = tmp_path / "x.h5"
    with pytest.raises(InterruptedWork, match="a worker process died"):
        run_tiny(data, out, Kills(), workers=1)
    assert run_tiny(data, out).notes[0].startswith("went on from ")
    assert_same(out, whole)


def test_a_damaged_part_is_made_again(data: Path, tmp_path: Path, whole: Cache) -> None:
    out = tmp_path / "x.h5"
    with pytest.raises(RuntimeError):
        run_tiny(data, out, StopsAfter(7, RuntimeError()))
    part = sorted((tmp_path / "x.h5.work").glob("part-*.h5"))[1]
    damaged = bytearray(part.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part.write_bytes(damaged)
    summary = run_tiny(data, out)
    damage, went_on = summary.notes
    assert damage == f"{part.name} was damaged and is made again"
    assert went_on == "went on from 20 of 42 frames, sealed before"
    assert_same(out, whole)


def test_two_extractions_into_one_file(data: Path, tmp_path: Path, whole: Cache) -> None:
    out = tmp_path / "x.h5"

    class Meets(TinyEncoder):
        def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            with pytest.raises(InputError, match="another extraction is at work"):
                run_tiny(data, out)
            return super().embed_images(pixels)

    run_tiny(data, out, Meets())
    assert_same(out, whole)


def test_inputs_that_came_and_went_are_told(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "tiny"
    shutil.copytree(data, root)
    out = tmp_path / "out" / "x.h5"
    with pytest.raises(RuntimeError):
        run_tiny(root, out, StopsAfter(2, RuntimeError()))
    (root / "Real_youtube" / "002" / "006.png").unlink()
    shutil.copy(root / "Real_youtube" / "000" / "000.png", root / "Real_youtube" / "000" / "099.png")
    summary = run_tiny(root, out)
    assert [note.split(": ")[1].split(" (")[0] for note in summary.notes[:2]] == ["1 new, not part of it", "1 gone"]
    cache = open_cache(out)
    assert len(cache) == 39
    assert "Real_youtube/002/006.png" in set(cache.failures["path"])
    assert "finished file never changes" in run_tiny(root, out).notes[0]


def test_nothing_readable_is_a_sentence_and_leaves_no_file(tmp_path: Path) -> None:
    for folder in ("real", "fake"):
        (tmp_path / "data" / folder / "a").mkdir(parents=True)
        (tmp_path / "data" / folder / "a" / "0.png").write_bytes(b"")
    with pytest.raises(InputError, match="not one sample could be read"):
        run_tiny(tmp_path / "data", tmp_path / "x.h5")
    assert not list(tmp_path.glob("x.h5*")), "so that mended files are read the next time"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_worker_processes_end_with_their_parent(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(data), str(tmp_path / "x.h5"), "0.5", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    workers: list[str] = []
    deadline = time.monotonic() + 30
    while len(workers) < 2 and time.monotonic() < deadline:
        found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True)
        workers = found.stdout.split()
        time.sleep(0.05)
    assert len(workers) == 2
    time.sleep(1)  # until they have set themselves up
    process.kill()
    process.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def faults() -> Iterator[tuple[str, int]]:
    return ((call, turn) for call in ("fsync", "link", "unlink") for turn in range(0, 24, 2))


@pytest.mark.parametrize(("call", "turn"), faults())
def test_a_fault_at_any_step_is_survived(
    data: Path, tmp_path: Path, whole: Cache, monkeypatch: pytest.MonkeyPatch, call: str, turn: int
) -> None:
    out, original, count = tmp_path / "x.h5", getattr(os, call), 0

    def faulty(*arguments: object, **options: object) -> object:
        nonlocal count
        count += 1
        if count == turn + 1:
            raise InterruptedError(errno.EIO, "input/output error")  # not one that the code could take for its own
        return original(*arguments, **options)

    monkeypatch.setattr(os, call, faulty)
    with contextlib.suppress(OSError, InputError):
        run_tiny(data, out)
    monkeypatch.undo()
    run_tiny(data, out)
    assert_same(out, whole)


def test_killed_at_random_moments(data: Path, tmp_path: Path, whole: Cache) -> None:
    out, rng = tmp_path / "x.h5", np.random.default_rng()
    command = [sys.executable, str(SCRIPT), str(data), str(out), "0.1"]
    sealed = []
    for _ in range(6):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        while not (tmp_path / "x.h5.work" / "ledger.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(1.2 * rng.random())  # anywhere from the start of a new interpreter to several parts on
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        sealed.append({path.name for path in (tmp_path / "x.h5.work").glob("part-*")})
    for before, after in pairwise(sealed):
        assert before <= after or out.exists(), "a sealed part is lost"
    run_tiny(data, out)  # a kill between the last two steps leaves the work folder: the next run tidies up
    assert_same(out, whole)
