"""From a cache to run folders: one for each training and head, whole or not there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from cache.errors import InputError, choose
from cache.reader import Cache, open_cache, select
from cache.sealed import read_block
from cache.splits import split_csv
from classify.cells import cell_rows, check_manipulations, manipulations
from classify.features import prompt_set_used
from classify.heads import HEADS
from classify.matrix import matrix_cells
from classify.normalize import METHODS
from classify.parameters import Parameters, check_parameters, parse_parameters
from classify.protocol import SplitPlan, check_split, publish_split
from classify.record import is_finished
from classify.training import Cell, Features, Job, planned_run, read_features, run_head

BY_DEFAULT = ("logistic",)


def classify(
    cache: Path | str,
    out: Path | str,
    *,
    train: Sequence[str] = (),
    test: Sequence[str] = (),
    matrix: bool = False,
    heads: Sequence[str] = BY_DEFAULT,
    features: Sequence[str] = ("embedding",),
    normalize: str = METHODS[0],
    prompt_set: str | None = None,
    split: str = "grouped",
    test_size: float = 0.3,
    disjoint: str = "identity",
    drop_crossing: bool = False,
    allow_leak: bool = False,
    where: Sequence[str] = (),
    parameters: Parameters | Iterable[str] = (),
    seed: int = 0,
    additions: Sequence[Path | str] = (),
    command: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Fit heads on the training side of some manipulations and score the test side of others.

    Writes ``out/<training manipulations>/<head>/`` with ``run.json``, ``predictions.csv``, ``video_predictions.csv``,
    ``model/``, ``history.csv`` (heads with epochs) and ``run.log``, and ``out/splits.csv``, which all of them share.
    A finished run with the same settings is left as it is.

    Parameters
    ----------
    cache : path of a finished cache
    out : path of a folder
    train : sequence of str
        Manipulations to train on together; reals join by themselves.
    test : sequence of str
        Manipulations to test on; all but those of ``train`` by default.
    matrix : bool
        Train on each manipulation alone and test on every one, in the place of ``train`` and ``test``.
    heads : sequence of str
        Names in `HEADS`.
    features : sequence of {"embedding", "cls", "prompts"}
    normalize : {"l2", "standard", "none"}
    prompt_set : str, optional
        Needed for ``prompts`` where the cache holds several sets.
    split : str
        "grouped" (dealt here), "column" (as the data set says), or the path of a CSV file.
    test_size : float
        Share of the groups dealt to the test side.
    disjoint : {"identity", "scene", "video"}
        What never stands on both sides.
    drop_crossing : bool
        Deal single identities and drop the fakes that join both sides.
    allow_leak : bool
        Take a given split although groups stand on both sides; every report says so.
    where : sequence of str
        ``column=value``: the samples to use. The split is dealt before, so that it does not depend on this.
    parameters : mapping, or iterable of ``head.parameter=value``
        What the user fixes; it leaves the search.
    seed : int
        Of the split and of the heads.
    additions : sequence of paths
        Additions made for the cache.
    command : str
        The command line that reproduces this, for ``run.json``.
    say : callable
        Takes a sentence on what goes on.

    Returns
    -------
    list of Path
        The run folders, those that were there already included.

    Raises
    ------
    InputError
        Anything that cannot be used; nothing is left half written.
    """
    fixed = check_choices(heads, normalize, parameters)
    opened = open_cache(cache, additions)
    samples = opened.samples.loc[select(opened.samples, where)]
    trainings = _trainings(samples, train, test, matrix)
    plan = SplitPlan(split, test_size, disjoint, drop_crossing, allow_leak, seed)
    whole = plan.apply(opened.samples, _test_only(opened.samples, trainings))
    sides = whole[samples.index]
    settings = {
        "features": list(features),
        "normalize": normalize,
        "prompt_set": prompt_set_used(opened, features, prompt_set),
        "where": sorted(where),
        "seed": seed,
        "command": command,
        "cache": _describe(opened, additions),
    }
    job = Job(opened, samples, sides, plan, settings, fixed, Path(out), split_csv(opened.samples, whole))
    cells = [Cell(*names, *cell_rows(samples, sides, *names, key=plan.key)) for names in trainings]
    return _run_all(job, cells, list(dict.fromkeys(heads)), say)


def check_choices(
    heads: Sequence[str] = BY_DEFAULT, normalize: str = METHODS[0], parameters: Parameters | Iterable[str] = ()
) -> dict[str, Any]:
    """Refuse heads, normalisations and parameters that are not known, before anything is read; what is fixed, by head.

    Raises
    ------
    InputError
        Naming what is known.
    """
    fixed: dict[str, Any] = dict(parameters) if isinstance(parameters, Mapping) else parse_parameters(parameters)
    if not heads:
        raise InputError(f"name at least one head; known: {', '.join(sorted(HEADS))}")
    check_parameters(fixed, heads)
    choose(dict.fromkeys(METHODS), normalize, "normalisation")
    return fixed


def _run_all(job: Job, cells: list[Cell], heads: list[str], say: Callable[[str], None]) -> list[Path]:
    """Carry out what is not there yet; everything that is there is looked at before anything is written."""
    planned = [(cell, head, job.out / "+".join(cell.train) / head) for cell in cells for head in heads]
    records = [planned_run(job, cell, head) for cell, head, _ in planned]
    finished = [is_finished(folder, record) for (*_, folder), record in zip(planned, records, strict=True)]
    check_split(job.out, job.published, job.plan)
    if any(finished):
        publish_split(job.out, job.published, job.plan)  # in the place of one that was removed
    read: Features | None = None
    for (cell, _, folder), record, done in zip(planned, records, finished, strict=True):
        if done:
            say(f"{folder}: already there")
            continue
        if read is None or read.cell is not cell:
            read = read_features(job, cell)
        run_head(job, read, record, folder)
        say(f"{folder}: done")
    return [folder for *_, folder in planned]


def _trainings(
    samples: pd.DataFrame, train: Sequence[str], test: Sequence[str], matrix: bool
) -> list[tuple[list[str], list[str]]]:
    """(training manipulations, test manipulations) of each training."""
    if matrix:
        if train or test:
            raise InputError("a matrix trains on each manipulation and tests on every one: leave out train and test")
        return matrix_cells(samples)
    trained = sorted(set(train))
    check_manipulations(samples, trained)
    tested = sorted(set(test)) or [name for name in manipulations(samples) if name not in trained]
    if not tested:
        raise InputError(f"no manipulation but {', '.join(trained)} is there to test on; name what to test on")
    return [(trained, tested)]


def _test_only(samples: pd.DataFrame, trainings: list[tuple[list[str], list[str]]]) -> set[str]:
    """Data sets with nothing to train on: they need no split."""
    trained = samples["manipulation"].isin({name for names, _ in trainings for name in names})
    return set(samples["dataset"]) - set(samples.loc[trained, "dataset"])


def _describe(cache: Cache, additions: Sequence[Path | str]) -> dict[str, Any]:
    return {
        "path": str(cache.path),
        "fingerprint": cache.fingerprint,
        "additions": [read_block(Path(path))[1] for path in additions],
        "table": cache.table_hash,
        "provenance": asdict(cache.provenance()),
    }
