"""One training: its rows and features once, every head fitted on them, a whole run folder for each."""

import contextlib
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from classify.checkpoints import write_checkpoints
from classify.features import feature_matrix
from classify.fit import fit_heads, scores
from classify.fitted import Fitted, Wanted
from classify.heads.epochs import Arrays, Checkpoint
from classify.models import save_model
from classify.protocol import publish_split
from classify.run_files import frame_table, write_tables
from classify.run_record import Cell, Features, Job, of_the_model, outcome
from classify.stream import Matrix
from classify.views import score_views, view_names
from evaluate.calibration import apply


def read_features(job: Job, cell: Cell) -> Features:
    """Features of both sides of a cell."""
    start = time.perf_counter()
    train, blocks = feature_matrix(job.caches.train, cell.train_rows, job.settings["features"], _prompt_set(job))
    return Features(cell, train, _test_features(job, cell), blocks, time.perf_counter() - start)


def _test_features(job: Job, cell: Cell, view: str | None = None) -> Matrix:
    rows = job.caches.test_rows(cell.test_rows)
    return feature_matrix(job.caches.test, rows, job.settings["features"], _prompt_set(job), view)[0]


def _prompt_set(job: Job) -> str | None:
    """The prompts whose similarities are features."""
    return job.settings["prompt_set"] if "prompts" in job.settings["features"] else None


def run_head(
    job: Job, features: Features, planned: dict[str, Any], folder: Path, members: Mapping[str, Fitted]
) -> Fitted:
    """Fit one head on a cell and write its run folder, which appears when it is whole, and the split with it.

    Parameters
    ----------
    members : dict of Fitted
        Heads fitted on this cell before: an ensemble takes its members from here, and fits those that are missing.
    """
    cell = features.cell
    of_cell = {
        name: members.get(name) or _fit(job, features, name, member["fixed"], None)
        for name, member in (planned["members"] or {}).items()
    }
    kept: list[tuple[int, Arrays]] = []
    checkpoint = (lambda epoch, weights: kept.append((epoch, weights))) if planned["keep_checkpoints"] else None
    fitted = _fit(job, features, planned["head"], planned["fixed"], checkpoint, of_cell)
    start = time.perf_counter()
    tested = apply(fitted.map_of("frame"), scores(fitted.estimator, features.test))
    timings = {"read": features.seconds, "fit": fitted.seconds, "score": time.perf_counter() - start}
    start = time.perf_counter()
    views, unscored = _view_scores(job, cell, fitted)
    timings["views"] = time.perf_counter() - start
    record = {**planned, **outcome(job, cell, fitted, tested), "views": view_names(views), "timings": timings}
    record["caveats"] += unscored
    for name, member in of_cell.items():
        best = max((one["auc"] for one in member.search), default=None)
        record["members"][name] |= {"parameters": member.parameters, "auc": best}
    held = [] if fitted.out_of_fold is None else [("val", cell.train_rows, fitted.out_of_fold)]
    frames = frame_table(job.samples, job.plan.key, [*held, ("test", cell.test_rows, tested)], fitted)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        draft.mkdir(parents=True)
        write_tables(draft, record, fitted, frames, views)
        save_model(draft / "model", fitted, of_the_model(record, features.blocks))
        write_checkpoints(draft / "checkpoints", kept)
        publish_split(job.out, job.published, job.plan)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # not empty: the run is there
                parent.rmdir()
    return fitted


def _view_scores(job: Job, cell: Cell, fitted: Fitted) -> tuple[pd.DataFrame, list[str]]:
    """Calibrated scores of the test rows in other views, and why a view has none."""
    return score_views(
        job.caches.test,
        job.samples.loc[cell.test_rows, "sample_id"],
        lambda view: apply(fitted.map_of("frame"), scores(fitted.estimator, _test_features(job, cell, view))),
        _prompt_set(job),
    )


def _fit(
    job: Job,
    features: Features,
    head: str,
    fixed: dict[str, Any],
    checkpoint: Checkpoint | None,
    members: Mapping[str, Fitted] | None = None,
) -> Fitted:
    wanted = Wanted(fixed, job.settings["calibrate"], job.settings["threshold"])
    return fit_cell(job, features, head, [wanted], fitted=members, checkpoint=checkpoint)[0]


def fit_cell(
    job: Job,
    features: Features,
    head: str,
    wanted: Sequence[Wanted],
    *,
    fitted: Mapping[str, Fitted] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[Fitted]:
    """Fit a head on the training rows of a cell; other parameters as of `classify.fit.fit_heads`."""
    trained = job.samples.loc[features.cell.train_rows]
    return fit_heads(
        head,
        features.train,
        trained["label"].to_numpy(int),
        trained["video_id"].to_numpy(object),
        trained[job.plan.key].to_numpy(object),
        wanted,
        blocks=features.blocks,
        normalize=job.settings["normalize"],
        seed=job.settings["seed"],
        known=job.known,
        fitted=fitted,
        checkpoint=checkpoint,
    )
