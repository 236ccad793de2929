"""Peak memory of a process and of all that it started, looked at from outside while it runs."""

import threading
from pathlib import Path

INTERVAL = 0.05  # seconds between two looks


class Watch:
    """While in context, watch a process with all below it.

    Parameters
    ----------
    pid : int
    interval : float
        Seconds between two looks.

    Attributes
    ----------
    own, mapped : float
        Peaks in MB: of the memory that the processes hold for themselves (``RssAnon``), and of the pages of files that
        they map (``RssFile``, what several map counted for each), which the system takes back when it needs them.
    """

    def __init__(self, pid: int, interval: float = INTERVAL) -> None:
        self.own = self.mapped = 0.0
        self._pid, self._interval = pid, interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            held = [_held(pid) for pid in tree(self._pid)]
            own, mapped = (sum(one.get(name, 0.0) for one in held) for name in ("RssAnon", "RssFile"))
            self.own, self.mapped = max(self.own, own), max(self.mapped, mapped)
            if self._done.wait(self._interval):
                return


def tree(pid: int) -> list[int]:
    """The process and all that it started, which run by now."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:  # it ended meanwhile
            continue
    return [pid, *(below for child in children for below in tree(child))]


def _held(pid: int) -> dict[str, float]:
    """The kinds of memory of one process, in MB; empty where it ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines if line.startswith("Rss")}
