"""Cells fitted, measured and written: those that differ in their head's parameters alone in one go."""

import shutil
import time
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache import predictions
from cache.errors import InputError
from cache.predictions import COLUMNS, VIDEO_COLUMNS
from classify.ablation.grid import GridCell
from classify.ablation.keys import Identity
from classify.ablation.prepare import Named, Prepared, of_cell, prepare
from classify.fitted import Fitted, Wanted
from classify.heads import HEADS
from classify.heads.base import Head
from classify.normalize import Normalize
from classify.record import write_json
from classify.run_record import Job, outcome
from classify.stream import Matrix
from classify.training import fit_cell
from evaluate.calibration import apply, squash
from evaluate.cell_metrics import cell_metrics

CELLS, FAILED = "cells", "failed"
FILES = ("run.json", "cell.json", "cell_metrics.json", "predictions.parquet", "video_predictions.parquet")


@dataclass(frozen=True)
class Declared:
    """A cell of the grid with its key, and what the key is made of."""

    key: str
    made_of: Identity
    cell: GridCell


@dataclass(frozen=True)
class Task:
    """Cells to be fitted together, of which some are missing.

    Attributes
    ----------
    cells : sequence of Declared
        They differ in what `classify.ablation.prepare.TOGETHER` names. All are fitted, because the last bits of one
        can depend on its mates: a grid that was stopped then ends in the very numbers of one that was not.
    missing : frozenset of str
        Keys of those to be written.
    """

    cells: Sequence[Declared]
    missing: frozenset[str]


class Ended(NamedTuple):
    """What became of a cell: no error, or a sentence."""

    key: str
    error: str | None


def carry_out(task: Task, caches: Named, out: Path) -> list[Ended]:
    """Fit, measure and write the missing cells of a task; what fails is recorded, and the others go on."""
    ended = []
    for cell, made in _fitted(task, caches, out):
        if cell.key not in task.missing:
            continue
        try:
            if isinstance(made, Exception):
                raise made
            _write(cell, made, out)
            (out / FAILED / f"{cell.key}.json").unlink(missing_ok=True)
            ended.append(Ended(cell.key, None))
        except Exception as error:  # whatever it is, hundreds of other cells do not wait for it
            ended.append(Ended(cell.key, _record_failure(cell, error, out)))
    return ended


class _Made(NamedTuple):
    prepared: Prepared
    job: Job
    planned: dict[str, Any]
    fitted: Fitted
    test: Matrix  # normalised
    together: int


def _fitted(task: Task, caches: Named, out: Path) -> list[tuple[Declared, _Made | Exception]]:
    try:
        prepared = prepare(task.cells[0].cell, caches, out)
    except Exception as error:
        return [(one, error) for one in task.cells]
    try:
        return list(zip(task.cells, _fit(prepared, task.cells, caches), strict=True))
    except Exception as error:
        if len(task.cells) == 1:
            return [(task.cells[0], error)]
    alone = [Task([one], task.missing) for one in task.cells if one.key in task.missing]  # to find which it is
    return [pair for one in alone for pair in _fitted(one, caches, out)]


def _fit(prepared: Prepared, cells: Sequence[Declared], caches: Named) -> list[_Made | Exception]:
    planned = [of_cell(prepared, one.cell, caches) for one in cells]
    wanted = [Wanted(record["fixed"], record["calibrate"], record["threshold"]) for _, record in planned]
    found = fit_cell(planned[0][0], prepared.features, planned[0][1]["head"], wanted)
    normalizer: Normalize = found[0].estimator.named_steps["normalize"]  # of the same rows: the same for all
    test = normalizer.transform(prepared.features.test)
    return [_Made(prepared, *of, one, test, len(found)) for of, one in zip(planned, found, strict=True)]


def _write(declared: Declared, made: _Made, out: Path) -> None:
    """A cell's folder, which appears when it is whole."""
    fitted = made.fitted
    start = time.perf_counter()
    tested = apply(fitted.map_of("frame"), squash(fitted.head.decision_function(made.test)))
    timings = {"read": made.prepared.features.seconds, "fit": fitted.seconds, "score": time.perf_counter() - start}
    record = {
        **made.planned,
        **outcome(made.job, made.prepared.features.cell, fitted, tested),
        "timings": {**timings, "together": made.together},
    }
    tables = _predictions(made, tested)
    scores = {level: table["score"].to_numpy() for level, table in tables.items()}
    metrics = cell_metrics(made.prepared.measures, scores, fitted.thresholds)
    folder = out / CELLS / declared.key
    draft = folder.with_name(f".{declared.key}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        draft.mkdir(parents=True)
        for level, name in (("frame", "predictions"), ("video", "video_predictions")):
            predictions.write(draft / f"{name}.parquet", tables[level])
        write_json(draft / "cell_metrics.json", metrics)
        write_json(draft / "cell.json", declared.made_of)
        write_json(draft / "run.json", record)
        if folder.exists() and not is_done(out, declared.key):
            shutil.rmtree(folder)  # damaged
        try:
            draft.rename(folder)
        except OSError:
            if not is_done(out, declared.key):  # else another process has made it meanwhile
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _predictions(made: _Made, tested: np.ndarray) -> dict[str, pd.DataFrame]:
    """Predictions of frames and videos."""
    fitted, given = made.fitted, made.prepared.tables
    frames = tested if fitted.out_of_fold is None else np.concatenate([fitted.out_of_fold, tested])
    sums, count = (np.bincount(made.prepared.video_of, of) for of in (frames, np.ones(len(frames))))
    scores = {"frame": frames, "video": apply(fitted.map_of("video"), sums / count)}
    return {
        level: given[level].assign(score=of, predicted=(of >= fitted.thresholds[level]["value"]).astype(int))[
            list(columns)
        ]
        for (level, of), columns in zip(scores.items(), (COLUMNS, VIDEO_COLUMNS), strict=True)
    }


def is_done(out: Path, key: str) -> bool:
    """Whether a cell is there, whole."""
    return all((out / CELLS / key / name).is_file() for name in FILES)


def record_death(task: Task, out: Path) -> list[Ended]:
    """What became of the missing cells of a task whose process was killed."""
    error = InputError("its process was killed, mostly for want of memory: fewer --jobs, or a smaller cache")
    return [Ended(one.key, _record_failure(one, error, out)) for one in task.cells if one.key in task.missing]


def _record_failure(declared: Declared, error: Exception, out: Path) -> str:
    """A sentence on what went wrong, which is kept beside the cells; of what is no user's mistake with its trace."""
    told = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    trace = None if isinstance(error, InputError) else traceback.format_exception(error)
    (out / FAILED).mkdir(parents=True, exist_ok=True)
    write_json(out / FAILED / f"{declared.key}.json", {**declared.made_of, "error": told, "trace": trace})
    return told


def shares_work(head: str) -> bool:
    """Whether a head shares work between candidates that are fitted together."""
    return any("fit_each" in vars(one) for one in HEADS[head].__mro__ if one is not Head)
