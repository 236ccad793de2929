"""What the world does to an extraction: disks that are full or read-only, two of them at once, signals, sentences."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pipeline
from cache.errors import InputError, InterruptedWork
from cache.reader import Cache, open_cache
from tests.commands import Commands, runs
from tests.extract.faults import Fork, differences
from tests.extract.tiny import make_data, run_tiny

SCRIPT = Path(__file__).with_name("tiny.py")
Cli = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    run_tiny(data, out)
    return open_cache(out)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount something on a new folder: ``mount("-t", "tmpfs", "tmpfs")``; skips where that is not permitted."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def call(*words: str) -> Path:
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("only the superuser of a Linux may mount file systems")
        done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
        return folder

    yield call
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [8, 24, 60, 116, 166])
def test_a_full_disk(data: Path, whole: Cache, mount: Callable[..., Path], kilobytes: int) -> None:
    """At the ledger, at the first part, at a later one, at the finished file."""
    out = mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs") / "x.h5"
    with pytest.raises(
        InterruptedWork, match=r"cannot go on with .*x\.h5: No space left on device; what is sealed is kept"
    ):
        run_tiny(data, out)
    assert not list(out.parent.rglob("*.tmp")), "what is unfinished makes room for what is not"
    parts = list(out.parent.rglob("part-*"))
    mount("-o", "remount,size=4m")
    notes = run_tiny(data, out).notes
    assert bool(parts) == bool(notes)
    assert differences(out, whole) == []


def test_files_may_not_be_larger(data: Path, tmp_path: Path, whole: Cache) -> None:
    """A limit that each write meets in turn: the run ends in an error, never in a crash of HDF5."""
    size, last = whole.path.stat().st_size, 0
    with Fork() as fork:
        for number, limit in enumerate(np.linspace(1, size, 12).astype(int).tolist()):
            out = tmp_path / str(number) / "x.h5"
            out.parent.mkdir()
            fork.start(data, out, file_size=limit, part_rows=24)
            assert fork.wait() == (1 if limit < size else 0)
            parts = len(list(out.parent.rglob("part-*")))
            assert limit == size or last <= parts
            last = parts
            run_tiny(data, out, part_rows=24)
            assert differences(out, whole) == []
    assert last == 0


def test_two_processes_and_one_file(data: Path, tmp_path: Path, whole: Cache) -> None:
    out = tmp_path / "x.h5"
    with subprocess.Popen([sys.executable, str(SCRIPT), str(data), str(out), "0.1"]) as first:
        wait_for(out.with_name("x.h5.work") / "part-000000000000-000000000008.h5")
        for _ in range(3):
            with pytest.raises(InputError, match=r"another extraction is at work on .*wait for it, or name another"):
                run_tiny(data, out)
        assert first.wait(timeout=60) == 0
    assert differences(out, whole) == []


def test_another_one_finished_since(data: Path, tmp_path: Path, whole: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for a finished file and the lock: nothing is read again, nothing is removed."""
    out = tmp_path / "x.h5"
    run_tiny(data, out)
    exists, answers = Path.exists, [False]
    monkeypatch.setattr(Path, "exists", lambda path: answers.pop() if path == out and answers else exists(path))
    assert run_tiny(data, out).complete_before
    assert not answers
    assert differences(out, whole) == []


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for the demo's model to be at work for some seconds."""
    root = tmp_path_factory.mktemp("pictures") / "faces"
    rng = np.random.default_rng(0)
    for folder in ("real", "fake"):
        (root / folder).mkdir(parents=True)
        for number in range(150):
            pixels = rng.integers(0, 256, (9, 7, 3), np.uint8)
            Image.fromarray(pixels).resize((70, 90)).save(root / folder / f"{number:03d}.jpg")
    return root


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pictures: Path) -> Cli:
    """Extract some pictures into a file with the command line, in this process: (exit code, standard error)."""

    def run(out: Path, *words: object) -> tuple[int, str]:
        line = [
            "pipeline.py",
            "extract",
            pictures,
            "--out",
            out,
            "--model",
            "demo",
            "--workers",
            0,
            "--limit",
            4,
            *words,
        ]
        monkeypatch.setattr(sys, "argv", [str(word) for word in line])
        with pytest.raises(SystemExit) as ended:
            pipeline.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


def test_places_where_no_file_can_be(cli: Cli, tmp_path: Path, mount: Callable[..., Path]) -> None:
    (tmp_path / "folder.h5").mkdir()
    code, errors = cli(tmp_path / "folder.h5")
    assert code == 2 and "folder.h5" in errors and "s a directory" in errors
    (tmp_path / "file").write_text("")
    code, errors = cli(tmp_path / "file" / "x.h5")
    assert code == 2 and "file" in errors
    assert (tmp_path / "file").read_text() == ""
    code, errors = cli(tmp_path / "new" / "folder" / "x.h5")
    assert code == 0 and open_cache(tmp_path / "new" / "folder" / "x.h5").samples["label"].nunique() == 2


def test_a_read_only_disk(cli: Cli, mount: Callable[..., Path]) -> None:
    code, errors = cli(mount("-t", "tmpfs", "-o", "ro", "tmpfs") / "x.h5")
    assert code in (1, 2) and "x.h5" in errors and "Read-only file system" in errors


def test_a_disk_that_becomes_full_ends_the_command_with_a_sentence(cli: Cli, mount: Callable[..., Path]) -> None:
    out = mount("-t", "tmpfs", "-o", "size=40k", "tmpfs") / "x.h5"
    code, errors = cli(out)
    assert code == 1 and "No space left on device" in errors and "the same command goes on from there" in errors
    mount("-o", "remount,size=4m")
    assert cli(out)[0] == 0


def test_the_command_is_interrupted_and_killed(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    """By both signals, then three times for good; what it makes in the end is what it makes in one go."""
    amount = ["--limit", "150", "--batch-size", "16", "--part-rows", "16"]
    whole, out, errors = tmp_path / "whole" / "x.h5", tmp_path / "out" / "x.h5", tmp_path / "errors"
    words = ["extract", str(pictures), "--model", "demo", *amount, "--out", str(out)]
    parts, rng = out.with_name("x.h5.work"), np.random.default_rng()
    assert cli(whole, *amount)[0] == 0

    def send(number: int, *more: str, seconds: float = 0.0) -> int:
        """Start it, and send its group a signal when it has sealed another part; the code that it ends with."""
        before = len(list(parts.glob("part-*")))
        process = commands.start(*words, *more, errors=errors)
        deadline = time.monotonic() + 60
        while len(list(parts.glob("part-*"))) == before and runs(process) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.killpg(process, number)
        return commands.wait()

    sealed: set[str] = set()
    with Commands() as commands:
        for number in (signal.SIGINT, signal.SIGTERM):
            assert send(number) == 1
            said = errors.read_text()
            assert "Traceback" not in said
            assert "of 300 frames; the same command goes on from there" in said.splitlines()[-1]
        for workers in ([], ["--workers", "0"], ["--workers", "0"]):  # each start of them costs seconds
            assert send(signal.SIGKILL, *workers, seconds=0.3 * rng.random()) == -signal.SIGKILL or out.exists()
            now = {path.name for path in parts.glob("part-*")}
            assert sealed <= now or out.exists(), "a sealed part is lost"
            sealed = now
    assert cli(out, *amount)[0] == 0
    assert differences(out, open_cache(whole)) == []
