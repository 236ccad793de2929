"""From a cache to run folders: one for each training and head, whole or not there."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.given_splits import split_csv
from cache.reader import select
from classify.audit import cell_leaks
from classify.caches import check_alike, compressions_differ, open_caches
from classify.cells import cell_rows, check_manipulations, manipulations
from classify.choices import BY_DEFAULT, check_choices, prompt_takers
from classify.fit import Fitted, check_features
from classify.heads import HEADS
from classify.matrix import Training, all_but_each, one_each
from classify.normalize import METHODS
from classify.parameters import Parameters
from classify.prompts import prompt_set_used, prompts_of
from classify.protocol import SplitPlan, check_split, publish_split
from classify.record import is_finished
from classify.search import Known
from classify.text_tower import load_text_tower
from classify.training import Cell, Features, Job, planned_run, read_features, run_head


def classify(
    cache: Path | str,
    out: Path | str,
    *,
    test_cache: Path | str | None = None,
    train: Sequence[str] = (),
    test: Sequence[str] = (),
    matrix: bool = False,
    leave_one_out: bool = False,
    differ: Sequence[str] = (),
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
    calibrate: str | None = None,
    threshold: float | None = None,
    keep_checkpoints: bool = False,
    model: str | None = None,
    pretrained: str | None = None,
    seed: int = 0,
    additions: Sequence[Path | str] = (),
    command: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Fit heads on the training side of some manipulations and score the test side of others.

    Writes ``out/<training manipulations>/<head>/`` (``out/all-but-<manipulation>/<head>/``) with ``run.json``,
    ``predictions.csv``, ``video_predictions.csv``, ``view_predictions.csv`` (test caches with other views), ``model/``,
    ``history.csv`` (heads with epochs) and ``run.log``, and ``out/splits.csv``, which all of them share. A finished
    run with the same settings is left as it is.

    Parameters
    ----------
    cache : path of a finished cache
    out : path of a folder
    test_cache : path of a finished cache, optional
        Test on this one instead: ``cache`` gives the training side alone, this the test side alone. It is not split,
        but for what a given split says of it. Nobody in it may have been trained on.
    train : sequence of str
        Manipulations to train on together; all but those of ``test`` by default; reals join by themselves.
    test : sequence of str
        Manipulations to test on; all but those of ``train`` by default, all of them in another cache.
    matrix : bool
        Train on each manipulation alone and test on every one, in the place of ``train`` and ``test``.
    leave_one_out : bool
        Train on all manipulations but one, each left out in turn, and test on every one.
    differ : sequence of {"crop", "view", "compression"}
        What may differ between training and test; every report says so. Encoder, preprocessing, adapter and prompts
        never may.
    heads : sequence of str
        Names in `HEADS`.
    features : sequence of {"embedding", "cls", "prompts"}
    normalize : {"l2", "standard", "none"}
    prompt_set : str, optional
        Needed for ``prompts`` where the cache holds several sets.
    split : str
        "grouped" (dealt here), "manipulation" (each whole on the side that it is named for, which leaks inside a data
        set), "column" (as the data set says), the path of a CSV file, or "ffpp:" and the folder of FaceForensics++'s
        official lists.
    test_size : float
        Share of the groups dealt to the test side; of a split by manipulation that of the reals, 1: all on both sides.
    disjoint : {"identity", "scene", "video"}
        What never stands on both sides.
    drop_crossing : bool
        Deal single identities and drop the fakes that join both sides.
    allow_leak : bool
        Go on although groups stand on both sides; every report says so.
    where : sequence of str
        ``column=value``: the samples to use. The split is dealt before, so that it does not depend on this.
    parameters : mapping, or iterable of ``head.parameter=value``
        What the user fixes; it leaves the search.
    calibrate : {"platt", "isotonic"}, optional
        Turn scores into probabilities, by the out-of-fold scores.
    threshold : float, optional
        Score from which on a frame or a video counts as fake, in the place of the one that the folds choose.
    keep_checkpoints : bool
        Keep the weights after each epoch, of heads with epochs.
    model, pretrained : str, optional
        The encoder that made the cache, as `extract` takes it: for heads that run its text tower.
    seed : int
        Of the split and of the heads.
    additions : sequence of paths
        Additions made for the caches.
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
    fixed = check_choices(heads, normalize, parameters, calibrate, threshold)
    for head in heads:
        check_features(head, list(features), normalize)
    caches = open_caches(cache, test_cache, additions)
    prompts = prompt_set_used(caches.train, prompt_set, prompt_takers(heads, features, fixed))
    told = check_alike(caches, prompts if "prompts" in features else None, differ)
    whole = caches.samples
    samples = whole.loc[select(whole, where)]
    tested = None if caches.tested is None else caches.tested[samples.index]
    trainings = _trainings(samples, tested, train, test, matrix, leave_one_out)
    plan = SplitPlan(split, test_size, disjoint, drop_crossing, allow_leak, seed)
    sides = plan.apply(whole, _test_only(whole, trainings), caches.tested, _named(trainings))
    settings = {
        "features": list(features),
        "normalize": normalize,
        "prompt_set": prompts,
        "where": sorted(where),
        "calibrate": calibrate,
        "threshold": threshold,
        "keep_checkpoints": keep_checkpoints,
        "seed": seed,
        "command": command,
        "cache": caches.describe("train"),
        "test_cache": caches.describe("test") if caches.are_two else None,
    }
    known: Known = {
        "prompts": lambda: prompts_of(caches.train, prompts),
        "text_tower": lru_cache(lambda: load_text_tower(caches.train.provenance(), model, pretrained)),
    }
    job = Job(caches, samples, sides[samples.index], plan, settings, fixed, Path(out), split_csv(whole, sides), known)
    cells = []
    for folder, seen, asked in trainings:
        rows = cell_rows(samples, job.split, seen, asked, key=plan.key, tested=tested)
        leaking = cell_leaks(samples, *rows, plan)
        differing = compressions_differ(samples, *rows, differ)
        cells.append(Cell(folder, seen, asked, *rows, [*leaking, *told, *differing]))
    last_ensembles = sorted(dict.fromkeys(heads), key=lambda head: head == "ensemble")
    return _run_all(job, cells, last_ensembles, say)


def _run_all(job: Job, cells: list[Cell], heads: list[str], say: Callable[[str], None]) -> list[Path]:
    """Carry out what is not there yet; everything that is there is looked at before anything is written."""
    planned = [(cell, head, job.out / cell.folder / head) for cell in cells for head in heads]
    records = [planned_run(job, cell, head) for cell, head, _ in planned]
    finished = [is_finished(folder, record) for (*_, folder), record in zip(planned, records, strict=True)]
    check_split(job.out, job.published, job.plan)
    for record, done in zip(records, finished, strict=True):
        if not done:
            HEADS[record["head"]].check_installed()
    if any(finished):
        publish_split(job.out, job.published, job.plan)  # in the place of one that was removed
    read: Features | None = None
    fitted: dict[str, Fitted] = {}  # of the cell at hand
    for (cell, _, folder), record, done in zip(planned, records, finished, strict=True):
        if done:
            say(f"{folder}: already there")
            continue
        if read is None or read.cell is not cell:
            read, fitted = read_features(job, cell), {}
        fitted[record["head"]] = run_head(job, read, record, folder, fitted)
        say(f"{folder}: done")
    return [folder for *_, folder in planned]


def _trainings(
    samples: pd.DataFrame,
    tested: np.ndarray | None,
    train: Sequence[str],
    test: Sequence[str],
    matrix: bool,
    leave_one_out: bool,
) -> list[Training]:
    """Folder, training manipulations and test manipulations of each training."""
    ours, theirs = (samples, samples) if tested is None else (samples[~tested], samples[tested])
    several = {"a matrix": (matrix, one_each), "leaving one out": (leave_one_out, all_but_each)}
    chosen = {name: make for name, (wanted, make) in several.items() if wanted}
    if len(chosen) == 2:
        raise InputError("a matrix and leaving one out are two commands: name one of them, and another --out for each")
    for name, make in chosen.items():
        if train or test:
            raise InputError(f"{name} trains on each in turn and tests on every one: leave out train and test")
        return make(manipulations(ours), manipulations(theirs))
    trained, asked = sorted(set(train)), sorted(set(test))
    folder = "+".join(trained)
    if asked and not trained:
        trained = [name for name in manipulations(ours) if tested is not None or name not in asked]
        folder = f"all-but-{'+'.join(asked)}" if tested is None else "all"
    check_manipulations(ours, trained)
    others = [name for name in manipulations(theirs) if tested is not None or name not in trained]
    if not (asked or others):
        raise InputError(f"no manipulation but {', '.join(trained)} is there to test on; name what to test on")
    return [(folder, trained, asked or others)]


def _named(trainings: list[Training]) -> tuple[list[str], list[str]]:
    """All manipulations trained on, and all tested on."""
    return ([name for _, seen, _ in trainings for name in seen], [name for *_, asked in trainings for name in asked])


def _test_only(samples: pd.DataFrame, trainings: list[Training]) -> set[str]:
    """Data sets with nothing to train on: they need no split."""
    trained = samples["manipulation"].isin({name for _, names, _ in trainings for name in names})
    return set(samples["dataset"]) - set(samples.loc[trained, "dataset"])
