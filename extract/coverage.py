"""What a finished cache tells of its face crops: frames without a face by manipulation, frames with several."""

import numpy as np
import pandas as pd

from cache.reader import Cache
from cache.schema import FAKE, REAL

GAP = 0.02  # between the shares of frames with a face, of reals and of a manipulation, from which it is told


def coverage(cache: Cache) -> pd.DataFrame:
    """How many of the frames that could be read have a face.

    Parameters
    ----------
    cache : Cache
        Cropped to faces.

    Returns
    -------
    DataFrame
        Index ``manipulation``; columns ``label``, ``frames``, ``faces`` and ``share``, which is faces / frames.
    """
    samples = cache.samples
    found = cache.array("face/count") > 0
    rows = pd.DataFrame({"manipulation": samples["manipulation"], "label": samples["label"], "faces": found})
    table = rows.groupby("manipulation").agg(label=("label", "min"), frames=("faces", "size"), faces=("faces", "sum"))
    missed = cache.failures[cache.failures["stage"] == "face"].groupby("manipulation")["frames"].sum()
    table = table.reindex(table.index.union(missed.index, sort=True))
    not_stored = {name: REAL if name == "real" else FAKE for name in table.index}  # without a face there is no row
    table["label"] = table["label"].fillna(pd.Series(not_stored)).astype(int)
    table[["frames", "faces"]] = table[["frames", "faces"]].fillna(0).astype(int)
    table["frames"] += missed.reindex(table.index, fill_value=0).astype(int)
    table["share"] = table["faces"] / table["frames"]
    return table


def face_notes(cache: Cache) -> list[str]:
    """Sentences on the coverage of each manipulation, on a gap between reals and fakes, and on several faces."""
    table = coverage(cache)
    shares = [f"{row.Index} {_percent(row.share)} of {row.frames}" for row in table.itertuples()]
    notes = [f"frames with a face: {', '.join(shares)}"]
    reals = table[table["label"] == REAL]
    if reals["frames"].sum():
        share = reals["faces"].sum() / reals["frames"].sum()
        fakes = table[table["label"] == FAKE]
        notes += [
            f"{_percent(row.share)} of the frames of {row.Index} and {_percent(share)} of the reals have a face: "
            "which ones are missing tells them apart, which is a leak; `cache info --json` lists them"
            for row in fakes[(fakes["share"] - share).abs() > GAP].itertuples()
        ]
    several = cache.array("face/count") > 1
    if several.any():
        videos = cache.column("video_id")[np.flatnonzero(several)]
        notes.append(
            f"several faces in {several.sum()} of {len(cache)} frames, of {len(set(videos))} videos: "
            "the largest is taken, and followed by overlap"
        )
    return notes


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
