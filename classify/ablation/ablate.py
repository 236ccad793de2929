"""A grid carried out: what is missing is fitted in parallel, what is there is never fitted again."""

import contextlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import BACKENDS

from cache.errors import InputError, InterruptedWork
from classify.ablation.alike import check_samples_match
from classify.ablation.grid import Grid
from classify.ablation.ledger import FILE, Ledger, declare, write_ledger
from classify.ablation.prepare import TOGETHER, forget
from classify.ablation.work import (
    CELLS,
    FAILED,
    Declared,
    Ended,
    Task,
    carry_out,
    is_done,
    record_death,
    shares_work,
)  # fmt: skip
from classify.choices import members_named
from classify.heads import HEADS
from evaluate.wording import listed

RAY = "ray"
ENDS = [kind for kind in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if kind]
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
    if jobs == 0:
        raise InputError("jobs are 1 or more; left out, as many as there are cores")
    if backend not in (*BACKENDS, RAY):
        raise InputError(f"joblib has no backend {backend!r}: loky, threading, or ray where Ray is installed")
    declared = declare(grid)
    mine = of_shard(declared, shard)
    _refuse_other(out)
    missing = frozenset(one.key for one in mine if not is_done(out, one.key))
    tasks = list(_tasks(mine, missing))
    if backend == "threading":
        _refuse_threads(tasks)
    if missing:
        check_samples_match(grid)
    ledger = write_ledger(out, grid, declared, command)
    for sentence in _told(ledger):
        say(sentence)
    if not missing:
        return Outcome(ledger, 0, {})
    _sweep(out)
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


def _refuse_other(out: Path) -> None:
    """Refuse a folder that holds something else: a report there would be replaced."""
    if out.is_dir() and not (out / FILE).exists() and any(out.glob("[!.]*")):
        raise InputError(f"{out} is there and holds no grid: name another --out")


def of_shard(declared: Sequence[Declared], shard: str) -> Sequence[Declared]:
    """Every n-th cell, from the i-th on, of a shard "i/n"."""
    first, slash, of = shard.partition("/")
    if not (slash and first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of)):
        raise InputError(f"a shard is i/n, as 2/8 for the second of eight, not {shard!r}")
    return declared[int(first) - 1 :: int(of)]


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


def _in_parallel(tasks: list[Task], grid: Grid, out: Path, jobs: int, backend: str) -> Iterator[list[Ended]]:
    """What became of the cells of each task, as they end."""
    if jobs == 1 or len(tasks) == 1:
        yield from (carry_out(task, grid.caches, out) for task in tasks)
        return
    if backend == RAY:
        _register_ray()
    work = (delayed(carry_out)(task, grid.caches, out) for task in tasks)
    try:
        with parallel_config(backend=backend):
            yield from Parallel(n_jobs=jobs, batch_size=1, return_as=_returned(backend))(work)
    except TerminatedWorkerError:  # a process was killed, mostly for want of memory: whose fault it was shows alone
        yield from (_apart(task, grid, out) for task in tasks if not _is_over(task, out))


def _apart(task: Task, grid: Grid, out: Path) -> list[Ended]:
    """A task in a process of its own, whose death is that of no other."""
    try:
        return next(iter(Parallel(n_jobs=2)([delayed(carry_out)(task, grid.caches, out)])))
    except TerminatedWorkerError:
        return record_death(task, out)


def _is_over(task: Task, out: Path) -> bool:
    return all(is_done(out, key) or (out / FAILED / f"{key}.json").exists() for key in task.missing)


def _refuse_threads(tasks: Sequence[Task]) -> None:
    """Heads that draw random numbers from the one generator of a process would share it with others."""
    options = [one.cell.options for task in tasks for one in task.cells]
    fixed = [{one["head"]: one.get("parameters", {})} for one in options]
    heads = {name for one, of in zip(options, fixed, strict=True) for name in (one["head"], *members_named(of))}
    if drawing := sorted(name for name in heads if not HEADS[name].in_threads):
        raise InputError(
            f"{listed(drawing)} cannot be fitted in threads, which share one generator of random numbers: "
            "--backend loky"
        )


@contextlib.contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """A request to end is taken like Ctrl-C, so that no worker outlives this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.signal(kind, signal.default_int_handler) for kind in ENDS}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _returned(backend: str) -> str:
    return "list" if backend == RAY else "generator_unordered"


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


def _sweep(out: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    for draft in [*(out / CELLS).glob(".*.tmp"), *out.glob(f".{FILE}.*.tmp")]:
        with contextlib.suppress(OSError):  # another process sweeps, too
            if time.time() - draft.stat().st_mtime > DEAD:
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
