"""What cells share: opened caches, the split, the rows and their features, made once in a process."""

import inspect
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache.predictions import to_videos
from classify.ablation.grid import GridCell
from classify.ablation.sections import CacheFiles
from classify.caches import Caches, open_caches
from classify.choices import check_choices, takes_prompts
from classify.folds import few_groups
from classify.planning import columns_needed, plan_trainings
from classify.protocol import SplitPlan
from classify.run_files import prediction_rows
from classify.run_record import Features, Job, planned_run, said_of_rows
from classify.runs import classify
from classify.training import read_features
from evaluate.cell_metrics import Measures, plan_measures

OF_THE_HEAD = ("head", "parameters", "normalize", "calibrate", "threshold")  # what cells of the same rows differ in
TOGETHER = ("parameters", "calibrate", "threshold")  # what heads that are fitted together differ in
OF_THE_SPLIT = ("split", "test_size", "disjoint", "drop_crossing", "allow_leak", "seed")
WITH_PROMPTS, WITHOUT = "zero_shot", "logistic"  # heads that stand for all that take prompts by themselves, or do not
DEFAULTS = {
    name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    for name, parameter in inspect.signature(classify).parameters.items()
    if parameter.default is not parameter.empty
}
Named = Mapping[str, CacheFiles]


@dataclass(frozen=True)
class Prepared:
    """The rows and features of cells that differ in their heads alone, and what these rows say whatever their scores.

    Attributes
    ----------
    job : Job
        With the settings of one of these cells.
    features : Features
    said : dict
        What ``run.json`` says of the rows.
    tables : dict of DataFrame
        Predictions of frames and of videos, with scores of 0.
    video_of : ndarray of int, shape (frames,)
        Row of each frame's video.
    measures : Measures
    """

    job: Job
    features: Features
    said: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    video_of: np.ndarray
    measures: Measures


def prepare(cell: GridCell, caches: Named, out: Path) -> Prepared:
    """Rows and features of a cell; those of the cell before are used again where they are the same.

    Raises
    ------
    InputError
        As `classify.runs.classify` does.
    """
    options = _with_defaults(cell)
    shared = {name: value for name, value in cell.options.items() if name not in OF_THE_HEAD}
    parameters = {options["head"]: cell.options.get("parameters", {})}
    by_itself = takes_prompts(options["head"], (), parameters) and "prompts" not in options["features"]
    shared["head"] = WITH_PROMPTS if by_itself else WITHOUT  # one for all heads whose rows are the same
    test = cell.options.get("test_cache")
    stated = _Stated.of(caches[cell.options["cache"]]), _Stated.of(caches[test]) if test else None
    return _prepare(json.dumps(shared, sort_keys=True), *stated, out)


class _Stated(NamedTuple):
    """Files with their fingerprints: another file in the place of one that was read is read anew."""

    files: CacheFiles
    fingerprints: tuple[str, ...]

    @classmethod
    def of(cls, files: CacheFiles) -> "_Stated":
        return cls(files, tuple(files.fingerprints()))


def forget() -> None:
    """Let go of the rows and caches that were read last."""
    _prepare.cache_clear()
    _opened.cache_clear()


@lru_cache(maxsize=1)
def _prepare(shared: str, cache: _Stated, test_cache: _Stated | None, out: Path) -> Prepared:
    cell = GridCell({}, json.loads(shared))
    columns = columns_needed(cell.options.get("where", ()))
    job, features = _planned(cell, _opened(cache, test_cache, columns), out)
    said = said_of_rows(job, features.cell)
    trained = job.samples.loc[features.cell.train_rows]
    few = few_groups(trained["label"].to_numpy(int), trained[job.plan.key].to_numpy(object))
    held = [] if few else [("val", features.cell.train_rows, 0.0)]
    frames = prediction_rows(job.samples, job.plan.key, [*held, ("test", features.cell.test_rows, 0.0)])
    tables = {"frame": frames, "video": to_videos(frames)}
    names = [pd.MultiIndex.from_frame(table[["video_id", "split"]]) for table in (tables["video"], frames)]
    measures = plan_measures(tables, said["trained_on"])
    return Prepared(job, features, said, tables, names[0].get_indexer(names[1]), measures)


@lru_cache(maxsize=2)
def _opened(cache: _Stated, test_cache: _Stated | None, columns: tuple[str, ...]) -> Caches:
    additions = [*cache.files.additions, *(test_cache.files.additions if test_cache else ())]
    return open_caches(cache.files.path, test_cache.files.path if test_cache else None, additions, columns)


def _planned(cell: GridCell, caches: Caches, out: Path) -> tuple[Job, Features]:
    options = _with_defaults(cell)
    job, (training,) = plan_trainings(
        caches,
        out,
        {},
        SplitPlan(options["split"], **{name: options[name] for name in OF_THE_SPLIT if name != "split"}),
        heads=[options["head"]],
        matrix=False,
        leave_one_out=False,
        keep_checkpoints=False,
        encoder=(None, None),
        command="",
        **{
            name: options[name]
            for name in (
                "train", "test", "differ", "features", "normalize", "prompt_set", "where", "frames", "fraction",
                "calibrate", "threshold",
            )
        },
    )  # fmt: skip
    return job, read_features(job, training)


def of_cell(prepared: Prepared, cell: GridCell, caches: Named) -> tuple[Job, dict[str, Any]]:
    """The job with the settings of one cell, and its ``run.json`` as far as it is known before anything is fitted."""
    options = _with_defaults(cell)
    fixed = check_choices(
        [options["head"]], options["normalize"], _parameters(cell), options["calibrate"], options["threshold"]
    )
    own = {name: options[name] for name in ("normalize", "calibrate", "threshold")}
    settings = {**prepared.job.settings, **own, "command": command(cell, caches)}
    job = replace(prepared.job, settings=settings, fixed=fixed)
    return job, planned_run(job, prepared.features.cell, options["head"], prepared.said)


def command(cell: GridCell, caches: Named) -> str:
    """The command that makes a cell anew as a run of its own, with its model, figures and report."""
    options = dict(cell.options)
    cache = caches[options.pop("cache")]
    words = ["python", "pipeline.py", "classify", str(cache.path)]
    additions = list(cache.additions)
    if test := options.pop("test_cache", None):
        words += ["--test-cache", str(caches[test].path)]
        additions += caches[test].additions
    for name, value in options.pop("parameters", {}).items():
        words += ["--param", f"{options['head']}.{name}={json.dumps(value)}"]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] if value else []
        elif name == "where":
            words += [word for condition in value for word in (flag, condition)]
        else:
            words += [flag, ",".join(value) if isinstance(value, list) else str(value)]
    words += [word for path in additions for word in ("--with", str(path))]
    return shlex.join([*words, "--out", "runs/cell"])


def _parameters(cell: GridCell) -> dict[str, dict[str, Any]]:
    found = cell.options.get("parameters")
    return {cell.options["head"]: found} if found else {}


def _with_defaults(cell: GridCell) -> dict[str, Any]:
    return {**DEFAULTS, **cell.options}
