"""Runs whose scores are to be explained, with their models, and the samples that are worth it."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cache.errors import InputError
from cache.reader import Cache, open_cache
from classify.acceptance import check_provenance
from classify.models import Model, load_model
from classify.predict import give_text_tower
from evaluate import gallery
from evaluate.folders import Run, find_runs, read_run
from evaluate.pictures import find_cache
from evaluate.wording import plural

MOST = 100  # samples by runs: their page stays below 5 MB


class Subject(NamedTuple):
    """A run whose scores are to be explained.

    Attributes
    ----------
    name : str
        That no other one of them has.
    run : Run
    model : Model
    told : list of str
        Sentences on what differs between the features at hand and those that the model was trained on.
    """

    name: str
    run: Run
    model: Model
    told: list[str]


def open_subjects(
    folders: Sequence[Path],
    cache: Path | None = None,
    additions: Sequence[Path] = (),
    model: str | None = None,
    pretrained: str | None = None,
    differ: Collection[str] = (),
) -> tuple[list[Subject], Cache]:
    """Runs with their models, and the cache of the samples to explain.

    Parameters
    ----------
    folders : sequence of Path
        Run folders with ``model/``.
    cache : Path, optional
        By default the one that the first run was tested on, where it was then.
    additions : sequence of Path
        Joined to it.
    model, pretrained : str, optional
        The encoder, named as for ``extract``: for heads that run its text tower.
    differ : collection of {"crop", "view"}
        What may differ from the features that a model was trained on.

    Raises
    ------
    InputError
        A folder holds no run itself, a run has no model, the cache is not there, or was made otherwise than the
        features of a model.
    """
    for folder in folders:
        if (found := find_runs(folder)) != [folder]:
            raise InputError(f"{folder} holds no run itself; name one below it, such as {found[0]}")
    runs = [(read_run(folder), load_model(folder)) for folder in folders]
    opened = open_cache(cache or _tested_on(runs[0][0]), additions)
    told = [check_provenance(one, opened.provenance(), differ) for _, one in runs]
    for _, one in runs:
        give_text_tower(one, model, pretrained)
    names = [f"{run.train} / {run.head}" for run, _ in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run, _ in runs]
    if len(set(names)) < len(names):
        raise InputError("a run is named twice; name each once")
    return [Subject(name, *pair, notes) for name, pair, notes in zip(names, runs, told, strict=True)], opened


def _tested_on(run: Run) -> Path:
    found, why = find_cache(run.config)
    if found is None:
        raise InputError(f"{run.folder}: {why}")
    return found.path


def choose_rows(
    subjects: Sequence[Subject], cache: Cache, sample_ids: Sequence[str] = (), count: int = 4
) -> np.ndarray:
    """Rows of the samples to explain: those named, else the worst errors and the surest hits of the first run's test.

    Parameters
    ----------
    subjects : sequence of Subject
    cache : Cache
    sample_ids : sequence of str
    count : int
        Of each kind, as `evaluate.gallery.choose` takes it.

    Raises
    ------
    InputError
        A sample is not in the cache, or there are too many of them.
    """
    run, most = subjects[0].run, MOST // len(subjects)
    chosen = gallery.choose(run.rows("test"), run.threshold("frame")["value"], count)
    names = list(dict.fromkeys(sample_ids)) or chosen["sample_id"].tolist()
    if len(names) > most:
        of_runs = f" of {plural(len(subjects), 'run')}" if len(subjects) > 1 else ""
        raise InputError(f"{len(names)} samples{of_runs} are more than a page can show; explain {most} at most")
    known = {name: row for row, name in enumerate(cache.column("sample_id").tolist())}
    if absent := [name for name in names if name not in known]:
        raise InputError(
            f"{cache.path} has no sample {absent[0]!r}; its samples are called like {next(iter(known))!r}, and stand "
            "in the predictions.csv of a run"
        )
    return np.array([known[name] for name in names])
