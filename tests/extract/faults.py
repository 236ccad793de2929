"""Faults for an extraction: it fails, or its process ends, at the n-th step that touches the disk; or it is killed.

As a script: reads lines of JSON from standard input, forks a process for each that extracts, in a group of its own,
says its number, and how it ended. A fork costs nothing beside the start of an interpreter.
"""

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[2]))

from cache import ledger, sealed
from cache.reader import Cache, open_cache
from cache.verify import verify
from tests.extract.tiny import TinyEncoder, run_tiny

EXIT = 9  # code of a process that ends at a step


class Steps:
    """Counts the steps that touch the disk, and stops at one of them.

    Attributes
    ----------
    taken : list of str
        Name of each step so far: mkdir, open, write, truncate, fsync, link, unlink, rmdir ...
    """

    def __init__(self, stop_at: int | None = None, ends_process: bool = False) -> None:
        self.stop_at, self.ends_process = stop_at, ends_process
        self.taken: list[str] = []

    def is_the_one(self, name: str) -> bool:
        self.taken.append(name)
        if len(self.taken) - 1 != self.stop_at:
            return False
        if self.ends_process:
            os._exit(EXIT)
        return True

    def stop(self, name: str) -> None:
        if self.is_the_one(name):
            raise InterruptedError(errno.EIO, "input/output error")  # not one that the code could take for its own

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it every step is counted, and the one to stop at fails."""
        with ExitStack() as stack:
            for name in ("mkdir", "fsync", "link", "rename", "unlink", "rmdir"):
                stack.enter_context(patch.object(os, name, self._before(name, getattr(os, name))))
            stack.enter_context(patch.object(sealed, "open", self._opening, create=True))
            stack.enter_context(patch.object(ledger, "_write", self._half_written))
            for name in ("write", "truncate"):
                stack.enter_context(patch.object(sealed._Target, name, self._failing(name)))
            yield

    def _before(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.stop(name)
            return original(*arguments, **options)

        return call

    def _opening(self, path: Path, mode: str) -> Any:
        if mode != "rb":
            self.stop("open")
        return open(path, mode)

    def _half_written(self, path: Path, text: str) -> None:
        path.write_text(text[: len(text) // 2])
        self.stop("write")
        path.write_text(text)

    def _failing(self, name: str) -> Callable[..., Any]:
        original = getattr(sealed._Target, name)

        def call(target: Any, *arguments: Any) -> Any:
            if self.is_the_one(name):  # below HDF5, where the real ones happen: the disk is full from now on
                full = os.open("/dev/full", os.O_RDWR)
                os.dup2(full, target.fileno())
                os.close(full)
            return original(target, *arguments)

        return call


class Fork(AbstractContextManager["Fork"]):
    """A process that forks extractions, which can be killed, one at a time."""

    def __enter__(self) -> "Fork":
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def start(self, data: Path, out: Path, **options: Any) -> int:
        """Begin an extraction; the number of its process, and of its group."""
        self._process.stdin.write(json.dumps({"data": str(data), "out": str(out), **options}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """How it ended: 0, another exit code, or the negative number of a signal."""
        return int(self._process.stdout.readline())


def differences(out: Path, whole: Cache) -> list[str]:
    """What of a finished extraction is not as in an undisturbed one's cache, and what it left behind.

    Files of the same bytes are not read any further.
    """
    left = [f"left behind: {path.name}" for path in out.parent.iterdir() if path != out]
    if out.read_bytes() == whole.path.read_bytes():
        return left
    cache = open_cache(out)
    found = ["bytes", *verify(out)]
    found += [name for name in whole.samples if cache.samples[name].tolist() != whole.samples[name].tolist()]
    found += [name for name in whole.arrays() if cache.array(name).tobytes() != whole.array(name).tobytes()]
    for name in whole.prompt_sets():
        if cache.similarity(name).tobytes() != whole.similarity(name).tobytes():
            found.append(f"similarity {name}")
    if cache.failures.to_dict("records") != whole.failures.to_dict("records"):
        found.append(f"failures {cache.failures.to_dict('records')}")
    return found + left


def _extract(options: dict[str, Any]) -> int:
    data, out = Path(options.pop("data")), Path(options.pop("out"))
    encoder, steps = TinyEncoder(options.pop("seconds", 0.0)), Steps(options.pop("stop_at", None), ends_process=True)
    for name, limit in (("file_size", resource.RLIMIT_FSIZE), ("open_files", resource.RLIMIT_NOFILE)):
        if name in options:
            resource.setrlimit(limit, (options[name], resource.getrlimit(limit)[1]))
            del options[name]
    try:
        with steps.watched():
            run_tiny(data, out, encoder, **options)
    except Exception:
        return 1
    return 0


def _serve() -> None:
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            os._exit(_extract(json.loads(line)))
        os.setpgid(process, process)  # by both: whoever comes first
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
