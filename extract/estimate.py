"""What an extraction would read and cost: counts by manipulation, gigabytes, and hours from a few timed batches."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cache.ledger import Ledger
from extract.device import Device, Encoder
from extract.embed import longest_video, slot_items
from extract.images import FrameInfo
from extract.prepare import Preparation
from extract.prompts import PromptSet
from extract.workers import prepared_batches

BATCHES, SECONDS = 64, 15.0  # timed at most
TABLE_BYTES = 32 + 32 + 16 + 5 + 25  # of a sample: hashes of file, pixels and tables, format, numbers


@dataclass(frozen=True)
class Estimate:
    """What some batches, spread over the plan, let expect of all.

    Attributes
    ----------
    timed : int
        Frames that were embedded for it.
    rate : float
        Frames a second.
    seconds, size : float
        Of the whole extraction; ``size`` in bytes.
    unreadable : float
        Share of the timed frames that could not be read.
    """

    timed: int
    rate: float
    seconds: float
    size: float
    unreadable: float


def counts(inputs: pd.DataFrame) -> pd.DataFrame:
    """Videos, frames (planned) and groups of each data set, compression, manipulation and split.

    Parameters
    ----------
    inputs : DataFrame
        A plan, as `extract.plan.plan_inputs` makes it.
    """
    grouped = inputs.groupby(["dataset", "compression", "manipulation", "split"], sort=True)
    table = grouped.agg(videos=("video", "nunique"), frames=("slots", "sum"), groups=("group", "nunique"))
    return table.reset_index()


def estimate(
    inputs: pd.DataFrame,
    encoder: Encoder,
    prompts: Sequence[PromptSet],
    preparation: Preparation,
    batch_size: int,
    workers: int,
) -> Estimate:
    """Embed batches spread evenly over the plan, for 15 seconds at most, and write nothing."""
    ledger = Ledger({}, inputs)
    firsts = np.arange(0, ledger.slots, batch_size)
    chosen = firsts[np.unique(np.linspace(0, len(firsts) - 1, BATCHES).astype(int))]
    ranges = [(int(first), int(min(first + batch_size, ledger.slots))) for first in chosen]
    longest = longest_video(inputs, preparation)
    batches = prepared_batches(ranges, slot_items(ledger), preparation, batch_size, workers, longest=longest)
    timed, seen, unreadable = 0, 0, 0
    with closing(batches), Device(encoder, batch_size) as device:
        started = time.monotonic()
        for number, batch in enumerate(batches):
            views = device.submit(batch.pixels).result()
            frames = [frame for frame in batch.frames if isinstance(frame, FrameInfo)]
            seen += batch.stop - batch.start
            unreadable += batch.stop - batch.start - len(frames)
            if number > 0 or len(ranges) == 1:
                timed += batch.stop - batch.start
            else:
                started = time.monotonic()  # the first one waited for the worker processes to start
            if time.monotonic() - started > SECONDS:
                break
    rate = timed / (time.monotonic() - started)
    row_bytes = TABLE_BYTES + _text_bytes(inputs)
    row_bytes += sum(2 * array[0].size for arrays in views for array in arrays.values())
    row_bytes += 4 * len(views) * sum(len(one.texts) for one in prompts)
    row_bytes += max((len(frame.thumbnail) for frame in frames), default=0)
    return Estimate(timed, rate, ledger.slots / rate, float(ledger.slots * row_bytes), unreadable / seen)


def _text_bytes(inputs: pd.DataFrame) -> int:
    """Of a row's strings, which are as wide as the widest; the key repeats most of them, and so does the video's."""
    columns = ("path", "dataset", "compression", "manipulation", "video", "scene", "identities", "group", "root")
    widths = {name: int(inputs[name].str.len().max()) for name in columns}
    return sum(widths.values()) + 2 * sum(widths[name] for name in columns[1:5])
