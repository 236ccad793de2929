"""What a run says of itself: its plan before anything is fitted, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from cache.schema import FAKE
from classify.caches import Caches
from classify.choices import takes_prompts
from classify.fitted import Fitted
from classify.heads import HEADS
from classify.heads.ensemble import UNCALIBRATED
from classify.normalize import Blocks
from classify.outcome import LEVELS
from classify.protocol import SplitPlan, split_counts
from classify.record import FORMAT, WEIGHTING, software
from classify.search import CRITERION, Known
from classify.stream import Matrix
from evaluate.calibration import gives_probabilities

OF_THE_MODEL = (  # what a model carries of its run, so that a prediction can refuse features of another kind
    "head", "train", "features", "normalize", "prompt_set", "prompts", "parameters", "seed", "cache", "train_groups",
    "score", "caveats", "versions", "trained_on", "split", "train_identities", "trainable_parameters",
    "trainable_share", "weighting",
)  # fmt: skip
CALIBRATED = "probability: calibrated by {} on out-of-fold scores, classes alike"


@dataclass(frozen=True)
class Job:
    """What all trainings of one command share.

    Attributes
    ----------
    caches : Caches
    samples : DataFrame
        The samples selected; the index holds their row numbers.
    split : Series of str
        Side of each of them.
    plan : SplitPlan
    settings : dict
        What ``run.json`` says of every run alike: features, normalisation, seed, cache ...
    fixed : dict of dict
        Parameters that the user fixes, by head.
    out : Path
        Folder that all runs lie below.
    published : bytes
        The split of all samples of the caches, as ``splits.csv`` holds it.
    known : dict of callables
        Makes what heads need of the cache beyond features.
    """

    caches: Caches
    samples: pd.DataFrame
    split: pd.Series
    plan: SplitPlan
    settings: dict[str, Any]
    fixed: dict[str, dict[str, Any]]
    out: Path
    published: bytes
    known: Known


@dataclass(frozen=True)
class Cell:
    """A training: its folder, its manipulations and their rows, and what is to be told of these, in sentences."""

    folder: str
    train: list[str]
    test: list[str]
    train_rows: np.ndarray
    test_rows: np.ndarray
    told: list[str]


@dataclass(frozen=True)
class Features:
    """A cell, its feature matrices, and the seconds that reading them took."""

    cell: Cell
    train: Matrix
    test: Matrix
    blocks: Blocks
    seconds: float


def planned_run(job: Job, cell: Cell, head: str, rows: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``run.json`` as far as it is known before anything is fitted.

    Parameters
    ----------
    rows : mapping, optional
        `said_of_rows` of the job and the cell, where it was made before.
    """
    fixed = job.fixed.get(head, {})
    with_prompts = takes_prompts(head, job.settings["features"], job.fixed)
    record = {
        "format": FORMAT,
        "kind": "run",
        "head": head,
        "train": cell.train,
        "test": cell.test,
        **job.settings,
        "prompt_set": job.settings["prompt_set"] if with_prompts else None,
        "prompts": _texts(job) if with_prompts else None,
        "fixed": fixed,
        "members": {name: {"fixed": job.fixed.get(name, {})} for name in fixed.get("members", ())} or None,
        **(rows or said_of_rows(job, cell)),
        "weighting": WEIGHTING,
        "score": HEADS[head].score_meaning,
    }
    return json.loads(json.dumps(record))  # as it comes back from the file, so that the two compare


def said_of_rows(job: Job, cell: Cell) -> dict[str, Any]:
    """What ``run.json`` says of the rows, which all heads share."""
    trained = job.samples.loc[cell.train_rows]
    return {
        "split": {
            **job.plan.describe(),
            "hash": xxhash.xxh3_128_hexdigest(job.published),
            **split_counts(job.samples, job.split, cell.train_rows, cell.test_rows, job.plan.key),
        },
        "trained_on": sorted({f"{home}/{name}" for home, name in _fakes(trained)}),
        "train_groups": sorted(trained[job.plan.key].unique()),
        "train_identities": sorted({name for names in trained["identities"].unique() for name in names.split()}),
    }


def _texts(job: Job) -> dict[str, Any]:
    """Texts and classes of the prompts, so that no other set of the same name is taken for them."""
    cache, name = job.caches.train, job.settings["prompt_set"]
    prompts = cache.prompts(name)
    stated = " ".join(one.provenance().prompts for one in (cache, *cache.additions)).split()
    made = dict(one.rpartition(":")[::2] for one in stated)  # name of a set -> hash of its texts and templates
    return {"texts": list(prompts.texts), "labels": prompts.labels.tolist(), "fingerprint": made.get(name)}


def _fakes(samples: pd.DataFrame) -> list[tuple[str, str]]:
    """Data set and manipulation of the fakes."""
    fakes = samples.loc[samples["label"] == FAKE, ["dataset", "manipulation"]].drop_duplicates()
    return list(fakes.itertuples(index=False, name=None))


def outcome(job: Job, cell: Cell, fitted: Fitted, tested: np.ndarray) -> dict[str, Any]:
    """What ``run.json`` says of a fitted head, whose scores of the test rows are ``tested`` (n,)."""
    caveats = [*cell.told, *fitted.caveats]
    if full := int((tested == 1).sum()):
        caveats.append(f"{full:,} of {len(tested):,} test scores are exactly 1, so that their order is lost")
    return {
        "score": _score_meaning(fitted),
        "parameters": fitted.parameters,
        "search": {"criterion": CRITERION, "results": fitted.search},
        "solver": getattr(fitted.head, "solver_", None),
        "calibration": fitted.calibration,
        "thresholds": fitted.thresholds,
        "trainable_parameters": fitted.n_parameters,
        "trainable_share": _share(fitted.n_parameters, job.caches.train.scalars().get("encoder_parameters")),
        "versions": software(fitted.head),
        "caveats": caveats,
    }


def _score_meaning(fitted: Fitted) -> str:
    """What a score is: a map that would fall was not made, and too few groups calibrate nothing."""
    made = fitted.calibration
    if made is not None and all(gives_probabilities(fitted.map_of(level)) for level in LEVELS):
        return CALIBRATED.format(made["method"])
    return UNCALIBRATED if None in getattr(fitted.head, "calibrations_", []) else fitted.head.score_meaning


def _share(trained: int, frozen: float | None) -> float | None:
    """Share of a head's parameters in those of encoder and head together; None where the cache does not tell."""
    return None if frozen is None else trained / (trained + frozen)


def of_the_model(record: dict[str, Any], blocks: Blocks) -> dict[str, Any]:
    """What a model says of itself."""
    return {**{name: record[name] for name in OF_THE_MODEL}, "blocks": blocks}
