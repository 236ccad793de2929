"""An extraction cannot be lost: stopped or killed anywhere, it goes on to the file that an undisturbed run makes."""

import contextlib
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from cache.errors import InputError, InterruptedWork
from cache.reader import Cache, open_cache
from cache.store import assemble
from extract import collect
from tests.extract.faults import EXIT, Fork, Steps, differences
from tests.extract.tiny import TinyEncoder, make_data, run_tiny

SCRIPT = Path(__file__).with_name("tiny.py")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out)
    return open_cache(out)


def assert_same(out: Path, whole: Cache) -> None:
    assert differences(out, whole) == []


def test_every_frame_is_there_or_listed(whole: Cache) -> None:
    assert len(whole) == 62 - 11
    assert whole.samples["sample_id"].is_unique
    assert dict(zip(whole.failures["path"], whole.failures["frames"], strict=True)) == {
        "FaceSwap/000_001/003.png": 1,
        "FaceSwap/004_005.avi": 9,
        "Real_youtube/000/003.png": 1,
    }
    assert set(whole.samples["group"]) == {"tiny/000", "tiny/002", "tiny/004"}
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
    with pytest.raises(InterruptedWork) as stopped:
        run_tiny(data, out, StopsAfter(3, number))
    message = re.fullmatch(r"stopped at (16|20) of 62 frames; the same command goes on from there", str(stopped.value))
    assert message, "the batch that was embedded, and the next one if it had been handed over by then"
    assert signal.getsignal(number) is handler
    encoder = TinyEncoder()
    run_tiny(data, out, encoder)
    assert encoder.batches == 16 - int(message[1]) // 4, "batches that were sealed are not computed again"
    assert_same(out, whole)


def test_stopped_after_any_batch(data: Path, tmp_path: Path, whole: Cache) -> None:
    """Also in the midst of a video, before and behind the place where it is damaged."""
    for batches in (0, *range(4, 10), 15):
        out = tmp_path / str(batches) / "x.h5"
        with pytest.raises(RuntimeError, match="device lost"):
            run_tiny(data, out, StopsAfter(batches, RuntimeError("device lost")))
        run_tiny(data, out)
        assert_same(out, whole)


@pytest.mark.parametrize("where", ["_finite", "similarities"])
def test_interrupted_while_a_batch_is_taken(
    data: Path, tmp_path: Path, whole: Cache, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As a second SIGINT can: the batch is not taken for done."""
    out, original, calls = tmp_path / "x.h5", getattr(collect, where), 0

    def interrupted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(collect, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_tiny(data, out)
    monkeypatch.undo()
    assert run_tiny(data, out).notes == ["went on from 20 of 62 frames, sealed before"]
    assert_same(out, whole)


def test_a_signal_while_the_file_is_put_together(
    data: Path, tmp_path: Path, whole: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return assemble(*arguments, **options)

    monkeypatch.setattr("extract.run.assemble", interrupted)
    run_tiny(data, tmp_path / "x.h5")
    assert_same(tmp_path / "x.h5", whole)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pictures than are prepared at a time."""
    root = tmp_path_factory.mktemp("many") / "tiny"
    for folder in ("Real_youtube/000", "FaceSwap/000_001"):
        (root / folder).mkdir(parents=True)
        for frame in range(150):
            Image.new("RGB", (8, 8), (frame,) * 3).save(root / folder / f"{frame}.png")
    return root


@pytest.fixture(scope="module")
def many_whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("many_whole") / "x.h5"
    run_tiny(many, out)
    return open_cache(out)


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """A test that hangs fails instead."""

    def give_up(number: int, frame: object) -> None:
        raise TimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_that_dies_costs_nothing_that_was_done(
    many: Path, many_whole: Cache, tmp_path: Path, which: int
) -> None:
    """Whichever of two it is: one holds the lock of the queue that both wait at."""

    class Kills(TinyEncoder):
        def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            if self.batches == 3:
                worker = sorted(multiprocessing.active_children(), key=lambda one: one.pid)[which]
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()
            return super().embed_images(pixels)

    out = tmp_path / "x.h5"
    with at_most(60), pytest.raises(InterruptedWork, match="a worker process died"):
        run_tiny(many, out, Kills(), workers=2)
    assert run_tiny(many, out).notes[0].startswith("went on from ")
    assert open_cache(out).table_hash == many_whole.table_hash


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_is_heard_by_one(many: Path, tmp_path: Path, number: int) -> None:
    """Sent by a terminal or a scheduler to the whole group, also while the worker processes are being started."""
    for delay in (0.0, 0.5):
        out = tmp_path / str(delay) / "x.h5"
        command = [sys.executable, str(SCRIPT), str(many), str(out), "0.05", "2"]
        with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
            wait_for(out.with_name("x.h5.work") / "ledger.jsonl")
            time.sleep(0.05 + delay)  # from the ledger on it takes a moment until signals are heard
            os.killpg(process.pid, number)
            errors = process.communicate(timeout=60)[1]
        assert "InterruptedWork: stopped at " in errors, errors
        assert list(out.with_name("x.h5.work").glob("part-*")), "what was embedded is sealed"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert path.exists()


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
    assert went_on == "went on from 20 of 62 frames, sealed before"
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
    shutil.copy(root / "Real_youtube" / "001" / "000.png", root / "Real_youtube" / "001" / "099.png")
    (root / "Real_youtube" / "002" / "006.png").unlink()
    later = time.time() + 10
    for name, more in (("004.png", b" "), ("005.png", b"")):
        changed = root / "Real_youtube" / "002" / name
        changed.write_bytes(changed.read_bytes() + more)
        os.utime(changed, (later, later))
    notes = [note.removeprefix("inputs since the plan was frozen: ") for note in run_tiny(root, out).notes]
    assert notes == [
        "1 new, not part of it (Real_youtube/001/099.png)",
        "1 gone (Real_youtube/002/006.png)",
        "1 of another size (Real_youtube/002/004.png)",
        "1 written to (Real_youtube/002/005.png); what is sealed stays",
        "went on from 8 of 62 frames, sealed before",
    ]
    cache = open_cache(out)
    assert len(cache) == 50
    assert "Real_youtube/002/006.png" in set(cache.failures["path"])
    assert "finished file never changes" in run_tiny(root, out).notes[0]


def test_a_source_written_to_since_the_file_was_made(data: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "tiny", tmp_path / "out" / "x.h5"
    shutil.copytree(data, root)
    run_tiny(root, out)
    assert run_tiny(root, out).notes == []
    changed = root / "Real_youtube" / "001" / "000.png"
    os.utime(changed, (time.time() + 10,) * 2)
    assert run_tiny(root, out).notes == [
        f"1 inputs were written to since {out} was made (Real_youtube/001/000.png); a finished file stays"
    ]


def test_names_with_any_character(data: Path, tmp_path: Path) -> None:
    """A ledger of lines is read back whatever the names hold, such as line ends that are not \\n."""
    root, out = tmp_path / "ti\u2028ny", tmp_path / "out" / "x\u2028.h5"
    folder = root / "Real_youtube" / "a\x85b\u2029c"
    folder.mkdir(parents=True)
    for frame in range(12):
        shutil.copy(data / "Real_youtube" / "001" / "000.png", folder / f"{frame}.png")
    with pytest.raises(RuntimeError):
        run_tiny(root, out, StopsAfter(2, RuntimeError()))
    run_tiny(root, out)
    assert set(open_cache(out).samples["video_id"]) == {"ti\u2028ny/unknown/real/a\x85b\u2029c"}


def test_nothing_readable_is_a_sentence_and_leaves_no_file(tmp_path: Path) -> None:
    for folder in ("real", "fake"):
        (tmp_path / "data" / folder / "a").mkdir(parents=True)
        (tmp_path / "data" / folder / "a" / "0.png").write_bytes(b"")
    with pytest.raises(InputError, match="not one sample could be read"):
        run_tiny(tmp_path / "data", tmp_path / "x.h5")
    assert not list(tmp_path.glob("x.h5*")), "so that mended files are read the next time"


def processes_of(session: int) -> list[str]:
    return subprocess.run(["pgrep", "-s", str(session)], capture_output=True, text=True).stdout.split()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_worker_processes_end_with_their_parent(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(data), str(tmp_path / "x.h5"), "0.5", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while len(processes_of(process.pid)) < 4 and time.monotonic() < deadline:  # itself, two workers, who starts them
        time.sleep(0.05)
    assert len(processes_of(process.pid)) >= 4
    time.sleep(1)  # until they have set themselves up
    process.kill()
    process.wait()
    while processes_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(process.pid)


def stops(steps: list[str]) -> Iterator[int]:
    """Every step, but of writes in a row, which all leave the same unfinished file, the first, the last and some."""
    for number in range(len(steps)):
        if {"write"} != set(steps[max(number - 1, 0) : number + 2]) or number % 20 == 0:
            yield number


def test_a_root_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    root.mkdir()
    with pytest.raises(InputError, match=r"%FF is not UTF-8; rename the folder"):
        run_tiny(root, tmp_path / "x.h5")


@pytest.fixture(scope="module")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """Of the first video of each class: the cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("few") / "x.h5"
    run_tiny(data, out, limit=1)
    return open_cache(out)


def steps_of(data: Path, out: Path, **options: int) -> list[str]:
    """The steps of an undisturbed run that touch the disk."""
    out.parent.mkdir()  # as it is there when a step is made to fail
    steps = Steps()
    with steps.watched():
        run_tiny(data, out, **options)
    assert {"mkdir", "open", "write", "truncate", "fsync", "link", "unlink", "rmdir"} == set(steps.taken)
    return steps.taken


def contents(folder: Path) -> dict[str, bytes]:
    """What every file below a folder holds, whatever its unfinished files are called; a folder holds nothing."""
    found = {}
    for path in folder.rglob("*"):
        name = re.sub(r"\.[0-9a-f]{8}\.tmp$", ".tmp", str(path))
        assert name not in found, "two unfinished files of one name"
        found[name] = path.read_bytes() if path.is_file() else b""
    return found


def wrong_after(data: Path, out: Path, few: Cache, survived: list[dict[str, bytes]], **options: int) -> list[str]:
    """What of the file to which the work that is left goes on is not as in an undisturbed run's.

    What goes on from the very same files, and nobody holds their lock, is not run twice.
    """
    if (left := contents(out.parent)) in survived:
        if (lock := out.with_name("x.h5.work") / "lock").exists():
            with FileLock(lock, timeout=0):  # it is free for whoever goes on
                pass
        return []
    run_tiny(data, out, **options)
    survived.append(left)
    return differences(out, few)


def test_a_fault_at_any_step_is_survived(data: Path, tmp_path: Path, few: Cache) -> None:
    """Each step that touches the disk fails in turn; for a write that means that the disk is full from then on."""
    options = {"limit": 1, "part_rows": 64}
    steps = steps_of(data, tmp_path / "steps" / "x.h5", **options)
    out, survived = tmp_path / "x" / "x.h5", []
    for number, step in enumerate(steps):
        out.parent.mkdir()
        fault = Steps(number)
        with fault.watched(), contextlib.suppress(OSError, InterruptedWork, InputError):
            run_tiny(data, out, **options)
        assert len(fault.taken) > number, "the step is not reached any more"
        assert wrong_after(data, out, few, survived, **options) == [], f"a fault at step {number}, {step}"
        shutil.rmtree(out.parent)
    assert len(survived) >= 5, "before and after the ledger, a part and the file"


def test_an_end_at_any_step_is_survived(data: Path, tmp_path: Path, few: Cache) -> None:
    """The process ends before each step that touches the disk, in turn."""
    steps = steps_of(data, tmp_path / "steps" / "x.h5", limit=1)
    out, survived = tmp_path / "x" / "x.h5", []
    with Fork() as fork:
        for number in stops(steps):
            out.parent.mkdir()
            fork.start(data, out, stop_at=number, limit=1)
            assert fork.wait() == EXIT
            assert wrong_after(data, out, few, survived, limit=1) == [], f"an end at step {number}, {steps[number]}"
            shutil.rmtree(out.parent)
    assert len(survived) >= 30, "each file while it is written, before and after it has its name"


def test_more_parts_than_files_may_be_open(data: Path, tmp_path: Path, whole: Cache) -> None:
    with Fork() as fork:
        fork.start(data, tmp_path / "x.h5", part_rows=4, open_files=16)
        assert fork.wait() == 0
    assert_same(tmp_path / "x.h5", whole)
