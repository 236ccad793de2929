"""What the work folder of an extraction in shards holds: the frozen plan, the shards, and how far each one is."""

import time
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

from cache.errors import InputError, InterruptedWork
from cache.ledger import Ledger, read_ledger, setting_differences
from cache.sealed import is_intact, sync_folder
from extract.engines import Engine
from extract.frozen import shard_slots
from extract.plan import listing_differences

PLAN = "plan.jsonl"
REPORT_SECONDS = 0.5  # between two reports of a shard, each with a look whether it is to stop


class Piece(NamedTuple):
    """A shard, the file that it becomes, where it reports to, and how many slots it has."""

    shard: str
    path: Path
    report: Path
    slots: int

    def done(self) -> int:
        """Slots that are done."""
        if self.path.exists():
            return self.slots
        try:
            return int(self.report.read_text())
        except (OSError, ValueError):  # not begun, or being written at this moment
            return 0


def freeze_plan(folder: Path, wanted: Ledger, engine: Engine) -> tuple[Ledger, list[str]]:
    """The plan that was frozen in ``folder``, or the one wanted, frozen now; and what is to be said of it.

    Parameters
    ----------
    wanted : Ledger
        Its settings ``shards`` and ``batch_size`` may be None: as they were frozen, or as the engine says.

    Raises
    ------
    InputError
        The plan there was made with other settings, the work there is not in shards, or there are fewer batches than
        shards.
    """
    path = folder / PLAN
    asked = {name: wanted.settings[name] for name in ("shards", "batch_size")}
    if path.exists():
        ledger = read_ledger(path)
        standing = {name: value or ledger.settings[name] for name, value in asked.items()}  # nobody asked: it stands
        if differences := setting_differences({**wanted.settings, **standing}, ledger.settings):
            raise InputError(
                f"{folder} was made with other settings: {'; '.join(differences)}. "
                "Give the same settings to go on, or name another --out"
            )
        return ledger, listing_differences(wanted.inputs, ledger.inputs)
    if (folder / "ledger.jsonl").exists():
        raise InputError(
            f"{folder} is work of one device, not in shards; go on with one --device and without --ray or --shards, "
            "or name another --out"
        )
    size = asked["batch_size"] or engine.batch_size
    shards = asked["shards"] or min(engine.shards, ceil(wanted.slots / size))
    ledger = Ledger({**wanted.settings, "shards": shards, "batch_size": size}, wanted.inputs)
    pieces_of(folder, ledger)  # refuses more shards than batches
    ledger.write(path)
    sync_folder(folder.parent)  # or a power failure could take the folder and all shards in it
    return ledger, []


def pieces_of(folder: Path, ledger: Ledger) -> list[Piece]:
    """The shards of a plan, whether they are there or not.

    Raises
    ------
    InputError
        There are more shards than batches.
    """
    count = ledger.settings["shards"]
    pieces = []
    for number in range(1, count + 1):
        shard = f"{number}/{count}"
        first, stop = shard_slots(Ledger({**ledger.settings, "shard": shard}, ledger.inputs))
        path = folder / f"shard-{number}-of-{count}.h5"
        pieces.append(Piece(shard, path, path.with_suffix(".progress"), stop - first))
    return pieces


def drop_damaged(pieces: Sequence[Piece]) -> list[str]:
    """Remove finished shards whose bytes are not those that were sealed; what is to be said of it."""
    damaged = [piece.path for piece in pieces if piece.path.exists() and not is_intact(piece.path)]
    for path in damaged:
        path.unlink()
    return [f"{path.name} was damaged and is made again" for path in damaged]


def is_unused(folder: Path) -> bool:
    """Whether nothing was made in a work folder yet, by shards or by one device: a model that is not there, a typo."""
    return not any(folder.glob("*.h5*")) and not (folder / "ledger.jsonl").exists()


class Report:
    """Writes down how far a shard is, and ends it where a file says that the work is to stop."""

    def __init__(self, path: Path, stop: Path) -> None:
        self._path = path
        self._stop = stop
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        if done < total and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REPORT_SECONDS
        self._path.write_text(str(done))
        if done < total and self._stop.exists():
            raise InterruptedWork("stopped")
