"""Videos scored another way than the run did: what goes by their scores is made anew, on out-of-fold rows alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from cache.errors import choose
from cache.predictions import AGGREGATES
from evaluate import calibration
from evaluate.folders import Run
from evaluate.metrics import balanced_threshold
from evaluate.wording import listed

CHOSEN = "out-of-fold"  # stands in the source of a threshold that was not fixed by anyone


def aggregated(run: Run, aggregate: str) -> Run:
    """The same run with another aggregate of frames to videos.

    The calibration and the threshold of videos belong to the old aggregate: they are fitted anew on the run's
    out-of-fold rows. A threshold that the user fixed stays. Where there are no out-of-fold rows of both classes, both
    stay, a caveat says so, and scores are taken for probabilities no more (``made_for`` in the calibration tells
    for which aggregate it was made).

    Parameters
    ----------
    run : Run
    aggregate : {"mean", "median", "max"}
    """
    choose(AGGREGATES, aggregate, "aggregate")
    if aggregate == run.aggregate:
        return run
    made = _kept if run.rows("val")["label"].nunique() < 2 else _fitted
    return replace(run, config={**run.config, "aggregate": aggregate, **made(run, aggregate)})


def _fitted(run: Run, aggregate: str) -> dict[str, Any]:
    """Calibration and threshold of out-of-fold videos."""
    bare = replace(run, config={**run.config, "aggregate": aggregate, "calibration": None})
    videos = bare.at_level(run.rows("val"), "video")
    labels, scores = videos["label"].to_numpy(), videos["score"].to_numpy()
    found: dict[str, Any] = {}
    if run.calibration("video") is not None:
        even = 0.5 / np.bincount(labels)[labels]
        again = calibration.fit(run.config["calibration"]["method"], scores, labels, even)
        found["calibration"] = {**run.config["calibration"], "video": again}
        scores = calibration.apply(again, scores)
    if _is_chosen(run):
        source = f"balanced accuracy of {CHOSEN} scores, videos by their {aggregate}"
        threshold = {"value": balanced_threshold(labels, scores), "source": source}
        found["thresholds"] = {**run.config["thresholds"], "video": threshold}
    return found


def _kept(run: Run, aggregate: str) -> dict[str, Any]:
    """What there is, said to be of the old aggregate."""
    found: dict[str, Any] = {}
    if _is_chosen(run):
        stated = run.threshold("video")
        threshold = {**stated, "source": f"{stated['source']}, of videos by their {run.aggregate}"}
        found["thresholds"] = {**run.config["thresholds"], "video": threshold}
    if (made := run.calibration("video")) is not None:
        of_videos = {"made_for": run.aggregate, **made}
        found["calibration"] = {**run.config["calibration"], "video": of_videos}
    if found:
        parts = listed([name.removesuffix("s") for name in found])
        told = (
            f"videos are scored by their {aggregate}, with the {parts} made for the {run.aggregate}: there are no "
            "out-of-fold rows to make others"
        )
        found["caveats"] = [*(run.config.get("caveats") or []), told]
    return found


def _is_chosen(run: Run) -> bool:
    return CHOSEN in run.threshold("video")["source"]
