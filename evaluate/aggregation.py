"""Videos scored another way than the run did: what goes by their scores is made anew, on out-of-fold rows alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from cache.errors import choose
from cache.predictions import AGGREGATES
from evaluate import calibration
from evaluate.folders import Run
from evaluate.metrics import balanced_threshold


def aggregated(run: Run, aggregate: str) -> Run:
    """The same run with another aggregate of frames to videos.

    The calibration and the threshold of videos belong to the old aggregate: they are fitted anew on the run's
    out-of-fold rows. A threshold that the user fixed stays, as does any where there are no such rows.

    Parameters
    ----------
    run : Run
    aggregate : {"mean", "median", "max"}
    """
    choose(AGGREGATES, aggregate, "aggregate")
    if aggregate == run.aggregate:
        return run
    made = run.calibration("video")
    bare = replace(run, config={**run.config, "aggregate": aggregate, "calibration": None})
    held = run.rows("val")
    if held["label"].nunique() < 2:
        return replace(run, config={**run.config, "aggregate": aggregate})
    videos = bare.at_level(held, "video")
    labels, scores = videos["label"].to_numpy(), videos["score"].to_numpy()
    config: dict[str, Any] = {**run.config, "aggregate": aggregate}
    threshold = balanced_threshold(labels, scores)
    if made is not None:
        even = 0.5 / np.bincount(labels)[labels]
        again = calibration.fit(run.config["calibration"]["method"], scores, labels, even)
        config["calibration"] = {**run.config["calibration"], "video": again}
        threshold = float(calibration.apply(again, np.array([threshold]))[0])  # the map rises: the same decisions
    if "out-of-fold" in run.threshold("video")["source"]:
        source = f"balanced accuracy of out-of-fold scores, videos by their {aggregate}"
        config["thresholds"] = {**run.config["thresholds"], "video": {"value": threshold, "source": source}}
    return replace(run, config=config)
