"""One extraction in shards: its plan is frozen once, an engine makes the shards side by side, and they become one file.

``OUT.work`` then holds the plan, a cache of each shard (``shard-1-of-4.h5``; unfinished ones have a work folder of
their own), how far each one is, and, where the work is to stop, a file that says so.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from filelock import FileLock, Timeout

from cache.errors import InputError, InterruptedWork, NothingReadableError
from cache.ledger import Ledger, read_ledger
from cache.merge import merge
from cache.reader import open_cache
from cache.sealed import publish
from extract.embed import Progress
from extract.engines import Devices, Engine, RayTasks
from extract.frozen import work_folder
from extract.pieces import PLAN, Piece, Report, drop_damaged, freeze_plan, is_unused, pieces_of
from extract.run import Summary
from extract.stopping import stop_signals

STOP = "stop"  # the file that tells shards to seal what they have, wherever they run


class Work(Protocol):
    """What makes one shard, as `extract.run.extract` does; it is sent to another process."""

    def __call__(
        self,
        inputs: pd.DataFrame,
        out: Path,
        *,
        shard: str | None,
        batch_size: int,
        device: str,
        workers: int,
        progress: Progress,
    ) -> Summary:
        """Make the cache ``out`` of a shard of the plan ``inputs``."""


def choose_engine(
    out: Path, device: str, ray: str | None, shards: int | None, workers: int | None, *, alone: bool
) -> Engine | None:
    """Who makes ``out``; None where this process does it alone: on one device, or where the file is there already.

    Parameters
    ----------
    device : str
        One device, several with commas, or "auto": all GPUs of this machine that are visible.
    alone : bool
        A single shard is wanted, or what failed before: no work to share out.

    Raises
    ------
    InputError
        Options that exclude each other.
    """
    devices = device.split(",")
    if alone and (ray or shards or len(devices) > 1):
        raise InputError("--shard and --retry-failed are work for one device: leave out --ray and --shards")
    if alone or out.exists():
        return None
    if ray is not None:
        return RayTasks(ray, device, workers)
    folder = work_folder(out)
    in_shards = bool(shards) or len(devices) > 1 or (folder / PLAN).exists()
    if device == "auto" and not (folder / "ledger.jsonl").exists():  # what one device began it goes on with
        gpus = _visible_gpus()
        in_shards = in_shards or len(gpus) > 1
        devices = gpus or ["cpu"]
    return Devices(devices, workers) if in_shards else None


def extract_in_shards(
    inputs: pd.DataFrame,
    out: Path,
    work: Work,
    engine: Engine,
    settings: dict[str, Any],
    *,
    shards: int | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Summary:
    """Make the cache ``out`` shard by shard; the file is the one that a run in one go writes.

    Interrupted work is taken up again, also by another engine or by fewer devices: finished shards are kept, the others
    go on from their sealed parts.

    Parameters
    ----------
    inputs : DataFrame
        The plan, as `extract.plan.plan_inputs` makes it.
    work : callable
        Makes one shard.
    settings : dict
        What must be the same when the work is taken up again, as JSON holds it.
    shards, batch_size : int, optional
        As the engine says by default; fixed by the first run.
    progress : callable, optional
        Called with (slots done, slots in all) of all shards together.
    say : callable
        Receives sentences for the user.

    Raises
    ------
    InputError
        The work was begun otherwise, another extraction is at work on it, or a shard refused.
    InterruptedWork
        By SIGINT or SIGTERM, once the work so far is sealed; or a shard's process died.
    """
    started = time.monotonic()
    folder = work_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0), engine:
            wanted = Ledger({**settings, "shards": shards, "batch_size": batch_size}, inputs)
            ledger, notes = freeze_plan(folder, wanted, engine)
            pieces = pieces_of(folder, ledger)
            notes += drop_damaged(pieces)
            say(f"shards: {len(pieces)} on {engine}, batches of {ledger.settings['batch_size']}")
            notes += _make_all(folder, pieces, work, engine, progress)
            _join([piece.path for piece in pieces], folder / "joined.h5", out)
    except Timeout:
        raise InputError(f"another extraction is at work on {out}; wait for it, or name another file") from None
    except InputError as error:
        if isinstance(error, NothingReadableError) or is_unused(folder):
            shutil.rmtree(folder)  # nothing is lost, and mended files or options are taken the next time
        raise
    shutil.rmtree(folder, ignore_errors=True)  # the file is there: nothing can make that a failure any more
    cache = open_cache(out)
    return Summary(out, len(cache), cache.failures, time.monotonic() - started, notes=notes)


def _make_all(
    folder: Path, pieces: Sequence[Piece], work: Work, engine: Engine, progress: Progress | None
) -> list[str]:
    """Make the shards that are not there; what is to be said of them."""
    notes: list[str] = []
    errors: list[BaseException] = []
    stop = folder / STOP
    stop.unlink(missing_ok=True)
    open_pieces = {piece.shard: piece for piece in pieces if not piece.path.exists()}
    total = sum(piece.slots for piece in pieces)
    make = partial(_make_shard, work, folder, {piece.shard: piece for piece in pieces})
    with stop_signals() as asked_to_stop, closing(engine.run(make, list(open_pieces))) as running:
        for ended in running:
            notes += [f"shard {one.shard}: {note}" for one in ended for note in one.notes]
            errors += [one.error for one in ended if one.error]
            if asked_to_stop.is_set() or errors:
                stop.touch()
            if progress and open_pieces:
                progress(sum(piece.done() for piece in pieces), total)
    if asked_to_stop.is_set() and errors:
        done = sum(piece.done() for piece in pieces)
        raise InterruptedWork(f"stopped at {done} of {total} frames; the same command goes on from there")
    if errors:
        raise errors[0]  # the others were told to stop
    return notes


def _make_shard(work: Work, folder: Path, pieces: dict[str, Piece], shard: str, device: str, workers: int) -> list[str]:
    """Make one shard, wherever this runs; what is to be said of it."""
    if (folder / STOP).exists():  # before a model is loaded for nothing
        raise InterruptedWork("stopped")
    ledger, piece = read_ledger(folder / PLAN), pieces[shard]
    summary = work(
        ledger.inputs,
        piece.path,
        shard=shard if len(pieces) > 1 else None,
        batch_size=ledger.settings["batch_size"],
        device=device,
        workers=workers,
        progress=Report(piece.report, folder / STOP),
    )
    return summary.notes


def _join(paths: Sequence[Path], joined: Path, out: Path) -> None:
    """Make the one file within the work folder, where a kill leaves nothing behind, then give it its name."""
    if len(paths) > 1:
        joined.unlink(missing_ok=True)  # of a run that was killed just there
        merge(paths, joined)
    publish(joined if len(paths) > 1 else paths[0], out)


def _visible_gpus() -> list[str]:
    try:
        import torch
    except ImportError:  # told where the model is loaded
        return []
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
