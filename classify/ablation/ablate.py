"""A grid carried out: what is missing is fitted in parallel, what is there is never fitted again."""

import contextlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from cache.errors import InputError, InterruptedWork
from classify.ablation.alike import check_samples_match
from classify.ablation.grid import Grid
from classify.ablation.ledger import Ledger, declare, write_ledger
from classify.ablation.prepare import TOGETHER, forget
from classify.ablation.work import CELLS, Declared, Ended, Task, carry_out, shares_work

DEAD = 600  # seconds after which a folder that is being written belongs to a process that is no more


@dataclass(frozen=True)
class Outcome:
    """What a call of `ablate` did.

    Attributes
    ----------
    ledger : dict
        What ``grid.json`` holds.
    made : int
        How many cells were made now.
    failed : dict of str
        By key: sentences on those that failed now.
    """

    ledger: Ledger
    made: int
    failed: dict[str, str]


def ablate(
    grid: Grid,
    out: Path | str,
    *,
    shard: str = "1/1",
    jobs: int = -1,
    backend: str = "loky",
    command: str = "",
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Make the cells of a grid that are not there yet, each a whole, honest run.

    Writes ``out/cells/<key>/`` with ``run.json``, ``cell_metrics.json``, ``predictions.parquet`` and
    ``video_predictions.parquet``, and ``out/grid.json``. A cell's key is the hash of its options, of its caches'
    fingerprints and of the code: a changed cache makes another cell, and what the old one made is named as stale.

    Parameters
    ----------
    grid : Grid
        As `classify.ablation.grid.read_grid` gives it.
    out : path of a folder
    shard : str
        "i/n": only every n-th cell, from the i-th on; n such calls, on any machines that share the folder, make all.
    jobs : int
        Processes; all cores by default.
    backend : str
        Of joblib; "ray" where Ray is installed.
    command : str
        The command line that reproduces this.
    say : callable
        Takes a sentence on what goes on.
    progress : callable, optional
        Takes the cells that have ended and their number.

    Raises
    ------
    InputError
        A cache cannot be opened, two of them hold different samples of one data set, or the shard or the backend is
        none. A cell that cannot be made is recorded in ``out/failed/`` and raises nothing.
    """
    out = Path(out)
    first, of = _shard(shard)
    declared = declare(grid)
    mine = declared[first - 1 :: of]
    ledger = write_ledger(out, grid, declared, command)
    for sentence in _told(ledger):
        say(sentence)
    missing = frozenset(one.key for one in mine if not (out / CELLS / one.key).is_dir())
    if not missing:
        return Outcome(ledger, 0, {})
    check_samples_match(grid, [one.cell for one in mine])
    _sweep(out / CELLS)
    tasks = list(_tasks(mine, missing))
    ended: list[Ended] = []
    try:
        with _ended_as_by_hand():
            for some in _in_parallel(tasks, grid, out, jobs, backend):
                ended += some
                if progress:
                    progress(len(ended), len(missing))
    except KeyboardInterrupt:
        there = sum(one["state"] == "done" for one in write_ledger(out, grid, declared, command)["cells"])
        raise InterruptedWork(
            f"stopped; {there:,} of {len(declared):,} cells are there: the same line goes on from them"
        ) from None
    finally:
        forget()
    failed = {one.key: one.error for one in ended if one.error is not None}
    return Outcome(write_ledger(out, grid, declared, command), len(ended) - len(failed), failed)


def _shard(text: str) -> tuple[int, int]:
    first, slash, of = text.partition("/")
    if not (slash and first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of)):
        raise InputError(f"a shard is i/n, as 2/8 for the second of eight, not {text!r}")
    return int(first), int(of)


def _tasks(cells: Sequence[Declared], missing: frozenset[str]) -> Iterator[Task]:
    """Cells that are fitted together; those of the same rows one after the other, so that these are read once."""
    of_rows: dict[str, dict[str, list[Declared]]] = {}
    for one in cells:
        families = of_rows.setdefault(_without(one, (*TOGETHER, "head", "normalize")), {})
        families.setdefault(_without(one, TOGETHER), []).append(one)
    for family in (family for families in of_rows.values() for family in families.values()):
        left = [one for one in family if one.key in missing]
        together = [family] if left and shares_work(family[0].cell.options["head"]) else [[one] for one in left]
        yield from (Task(some, missing & {one.key for one in some}) for some in together)


def _without(declared: Declared, names: Collection[str]) -> str:
    """The options but those, as a text to compare."""
    return json.dumps({k: v for k, v in declared.cell.options.items() if k not in names}, sort_keys=True)


def _in_parallel(tasks: list[Task], grid: Grid, out: Path, jobs: int, backend: str) -> Iterable[list[Ended]]:
    """What became of the cells of each task, as they end."""
    if backend == "ray":
        _register_ray()
    work = (delayed(carry_out)(task, grid.caches, out) for task in tasks)
    if jobs == 1 or len(tasks) == 1:
        return (carry_out(task, grid.caches, out) for task in tasks)
    try:
        with parallel_config(backend=backend):
            return Parallel(n_jobs=jobs, batch_size=1, return_as=_returned(backend))(work)
    except ValueError as error:
        raise InputError(
            f"joblib has no backend {backend!r}: loky, threading, or ray where Ray is installed"
        ) from error


@contextlib.contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """A request to end is taken like Ctrl-C, so that no worker outlives this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _returned(backend: str) -> str:
    return "list" if backend == "ray" else "generator_unordered"


def _register_ray() -> None:
    try:
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise InputError("the backend ray needs Ray: pip install -e .[cluster]") from error
    register_ray()


def _told(ledger: Ledger) -> list[str]:
    """Sentences on what is there already, and on what no longer counts."""
    cells, told = ledger["cells"], []
    if done := sum(one["state"] == "done" for one in cells):
        told.append(f"{done:,} of {len(cells):,} cells are there already")
    whys: dict[str, int] = {}
    for one in ledger["stale"]:
        whys[one["why"]] = whys.get(one["why"], 0) + 1
    told += [f"{count:,} stale, left aside: {why}" for why, count in whys.items()]
    return told


def _sweep(cells: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    for draft in cells.glob(".*.tmp"):
        if time.time() - draft.stat().st_mtime > DEAD:
            shutil.rmtree(draft, ignore_errors=True)
