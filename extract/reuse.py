"""What a finished cache has already, as sealed parts of a new one: only what failed there or changed is read again."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cache.ledger import Ledger
from cache.parts import Part, write_part
from cache.reader import Cache
from extract.collect import PLANNED, with_keys
from extract.plan import rewritten

NO_FRAME, UNKNOWN = -1, -2  # in place of a row: the video is too short for the slot; the slot is to be read


def reused_parts(old: Cache, ledger: Ledger, ranges: Iterable[tuple[int, int]], folder: Path) -> list[Part]:
    """Seal those batches whose inputs were all read for ``old`` without a failure, and were not written to since.

    Whole batches only: what is made anew then comes from the batches that a run in one go would have embedded.

    Parameters
    ----------
    old : Cache
        Made with the same settings.
    ranges : iterable of (start, stop)
        Slots that are wanted, none longer than a part.
    """
    row_of_slot = _rows(old, ledger)
    input_of_slot = ledger.input_of_slot()
    if "face/box" in old.arrays():
        row_of_slot[_in_changed_videos(row_of_slot, old, ledger)] = UNKNOWN
    spaces = {name: old.space(name) for name in old.spaces}
    parts = []
    for start, stop in _whole_batches(row_of_slot, ranges, ledger.settings["batch_size"]):
        slots = np.arange(start, stop)[row_of_slot[start:stop] != NO_FRAME]
        rows = row_of_slot[slots]
        samples = old.samples.iloc[rows].reset_index(drop=True)
        planned = ledger.inputs.iloc[input_of_slot[slots]].reset_index(drop=True)
        samples[list(PLANNED)] = planned[list(PLANNED)]  # groups may have grown since, labels been put right
        samples["frame"] = samples["frame"].where(planned["is_video"], planned["frame"])
        samples = with_keys(samples, planned["video"])
        none = old.failures.iloc[:0]
        attributes = {"rows_at_once": old.rows_at_once} if old.rows_at_once else None
        parts.append(
            write_part(folder, start, stop, samples, spaces, none, old.thumbnails, attributes=attributes, rows=rows)
        )
    return parts


def _rows(old: Cache, ledger: Ledger) -> np.ndarray:
    """Row of each slot in the old cache, `NO_FRAME` or `UNKNOWN`, shape (slots,)."""
    rows_of_file = old.samples.groupby(["root", "path"]).indices  # ascending, as the slots are
    sizes = old.samples["byte_size"].to_numpy()
    doubtful = set(zip(old.failures["root"], old.failures["path"], strict=True))
    doubtful.update(rewritten(ledger.inputs, old.path.stat().st_mtime))
    found = np.full(ledger.slots, UNKNOWN)
    start = 0
    for root, path, slots, size in ledger.inputs[["root", "path", "slots", "byte_size"]].itertuples(index=False):
        rows = rows_of_file.get((root, path), np.empty(0, int))
        if (root, path) not in doubtful and 0 < len(rows) <= slots and (sizes[rows] == size).all():
            found[start : start + slots] = NO_FRAME
            found[start : start + len(rows)] = rows
        start += slots
    return found


def _in_changed_videos(rows: np.ndarray, old: Cache, ledger: Ledger) -> np.ndarray:
    """Slots of videos that are not all as they were, shape (slots,): a face is followed from frame to frame."""
    inputs = ledger.inputs
    names = inputs["dataset"] + "/" + inputs["compression"] + "/" + inputs["manipulation"] + "/" + inputs["video"]
    videos = pd.DataFrame({"video": names.to_numpy()[ledger.input_of_slot()], "row": rows})
    known = (videos["row"] != UNKNOWN).groupby(videos["video"]).transform("all")
    taken = (videos["row"] >= 0).groupby(videos["video"]).transform("sum")
    there = videos["video"].map(old.samples["video_id"].value_counts()).fillna(0)
    return (~known | (taken != there)).to_numpy()


def _whole_batches(rows: np.ndarray, ranges: Iterable[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    """The longest stretches of whole batches, within a range each, of which every row is known."""
    for start, stop in ranges:
        first = start
        for batch in range(start, stop, size):
            if (rows[batch : min(batch + size, stop)] == UNKNOWN).any():
                if first < batch:
                    yield first, batch
                first = batch + size
        if first < stop:
            yield first, stop
