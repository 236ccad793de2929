"""The running extraction: prepared batches -> the device -> collected rows, each beside the others."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing

import pandas as pd

from cache.errors import InterruptedWork
from cache.ledger import Ledger
from extract.collect import Collected
from extract.device import Arrays, Device, Encoder
from extract.frozen import shard_slots
from extract.plan import slot_numbers
from extract.prepare import Item, Preparation
from extract.stopping import stop_signals
from extract.workers import Batch, prepared_batches

SEAL_SECONDS = 300  # a part is sealed after so long even if it is not full: on a slow machine, too, little is lost
Progress = Callable[[int, int], None]


def embed_slots(
    ledger: Ledger,
    open_ranges: Sequence[tuple[int, int]],
    preparation: Preparation,
    encoder: Encoder,
    collected: Collected,
    *,
    workers: int,
    progress: Progress | None,
) -> None:
    """Prepare and embed the slots of some ranges, cut into batches, and hand the results to ``collected``.

    Whatever ends the work, what is embedded is sealed.

    Raises
    ------
    InterruptedWork
        By SIGINT or SIGTERM; a worker process died; or the device's memory does not suffice for one frame.
    """
    size = ledger.settings["batch_size"]
    ranges = [(first, min(first + size, stop)) for start, stop in open_ranges for first in range(start, stop, size)]
    start, stop = shard_slots(ledger)
    total = stop - start
    done = total - sum(stop - start for start, stop in ranges)
    longest = longest_video(ledger.inputs, preparation)
    batches = prepared_batches(
        ranges, slot_items(ledger), preparation, size, workers, longest=longest, held=encoder.lanes
    )
    running: deque[tuple[Batch, Future[list[Arrays]]]] = deque()
    sealed_at = time.monotonic()

    def finish_one() -> None:
        nonlocal done, sealed_at
        batch, embedding = running.popleft()
        views = embedding.result()
        if not collected.goes_on_at(batch.start) or time.monotonic() - sealed_at > SEAL_SECONDS:
            collected.seal()
            sealed_at = time.monotonic()
        collected.add(batch.start, batch.stop, batch.frames, views)
        collected.attributes = {"rows_at_once": device.rows}
        done += batch.stop - batch.start
        if progress:
            progress(done, total)

    with stop_signals() as asked_to_stop, collected, Device(encoder, size) as device, closing(batches):
        for batch in batches:
            running.append((batch, device.submit(batch.pixels)))
            if len(running) > encoder.lanes:
                finish_one()
            if asked_to_stop.is_set():
                break
        while running:
            finish_one()
    if done < total:
        raise InterruptedWork(f"stopped at {done} of {total} frames; the same command goes on from there")


def longest_video(inputs: pd.DataFrame, preparation: Preparation) -> int:
    """The most slots that one process has to prepare together."""
    together = slot_numbers(inputs) + 1 if preparation.faces else inputs["slots"]
    return int(together.max())


def slot_items(ledger: Ledger) -> Callable[[int, int], list[Item]]:
    """A function from a range of slots to their items."""
    inputs, slots = ledger.input_of_slot(), slot_numbers(ledger.inputs)
    roots = ledger.inputs["root"].to_numpy()
    paths, frames = ledger.inputs["path"].to_numpy(), ledger.inputs["frame"].to_numpy()
    videos = ledger.inputs["is_video"].to_numpy()

    def items(start: int, stop: int) -> list[Item]:
        return [
            Item(roots[one], paths[one], bool(videos[one]), int(slots[slot]), int(frames[one]))
            for slot, one in zip(range(start, stop), inputs[start:stop], strict=True)
        ]

    return items
