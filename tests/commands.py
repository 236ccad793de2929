"""Command lines in processes of their own, to be killed, without the seconds that an interpreter takes to start.

As a script: loads the libraries, then reads lines of JSON from standard input, forks a process for each that carries
out a command line, in a group of its own, says its number, and how it ended.
"""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]


class Commands(AbstractContextManager["Commands"]):
    """A process that forks commands, one at a time."""

    def __enter__(self) -> "Commands":
        self._process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def start(self, *words: object, errors: Path = Path(os.devnull)) -> int:
        """Begin a command; the number of its process, and of its group. What it prints is lost, but for errors."""
        self._process.stdin.write(json.dumps([str(errors), *map(str, words)]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """How it ended: 0, another exit code, or the negative number of a signal."""
        return int(self._process.stdout.readline())


def runs(process: int) -> bool:
    """Whether it has not ended yet."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _carry_out(errors: str, words: list[str]) -> None:
    import pipeline

    os.setsid()
    for stream, path, mode in ((0, os.devnull, os.O_RDONLY), (1, os.devnull, os.O_WRONLY), (2, errors, os.O_WRONLY)):
        os.dup2(os.open(path, mode | (mode and os.O_CREAT | os.O_TRUNC)), stream)
    sys.argv = ["pipeline.py", *words]
    pipeline.main()


def _serve() -> None:
    sys.path.insert(0, str(ROOT))
    import open_clip  # noqa: F401  # nothing is computed yet: a fork of this is as good as a start

    import pipeline  # noqa: F401

    for line in sys.stdin:
        errors, *words = json.loads(line)
        process = os.fork()
        if process == 0:
            _carry_out(errors, words)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
