"""What a command is to train: the rows of each training and all that its runs share, before anything is fitted."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.given_splits import split_csv
from cache.table import parse, select
from classify.audit import cell_leaks
from classify.caches import Caches, check_alike, compressions_differ
from classify.cells import cell_rows, check_manipulations, manipulations
from classify.choices import prompt_takers
from classify.fit import check_features
from classify.matrix import Training, all_but_each, one_each
from classify.prompts import prompt_set_used, prompts_of
from classify.protocol import SplitPlan, protocol_caveats
from classify.run_record import Cell, Job
from classify.search import Known
from classify.text_tower import load_text_tower
from classify.thinning import check_thinning, keep_groups, spread_frames
from evaluate.wording import plural

NEEDED = (  # columns of the sample table
    "sample_id", "dataset", "compression", "manipulation", "video_id", "scene", "identities", "group", "split", "label",
    "frame", "file_hash", "pixel_hash",
)  # fmt: skip


def columns_needed(where: Sequence[str]) -> tuple[str, ...]:
    """Columns of the sample table that a training needs; ``where`` as `cache.table.select` takes it."""
    return (*NEEDED, *(parse(condition)[0] for condition in where))


def plan_trainings(
    caches: Caches,
    out: Path,
    fixed: Mapping[str, dict[str, Any]],
    plan: SplitPlan,
    *,
    train: Sequence[str],
    test: Sequence[str],
    matrix: bool,
    leave_one_out: bool,
    differ: Sequence[str],
    heads: Sequence[str],
    features: Sequence[str],
    normalize: str,
    prompt_set: str | None,
    where: Sequence[str],
    frames: int | None,
    fraction: float | None,
    calibrate: str | None,
    threshold: float | None,
    keep_checkpoints: bool,
    encoder: tuple[str | None, str | None],
    command: str,
) -> tuple[Job, list[Cell]]:
    """The job that all trainings share, and each training with its rows.

    Parameters
    ----------
    caches : Caches
    out : Path
        Folder that the runs will lie below.
    fixed : mapping of dict
        Parameters that the user fixes, by head, as `classify.choices.check_choices` gives them.
    plan : SplitPlan
    encoder : pair of str or None
        Model and weights, for heads that run the text tower.
    **others
        As `classify.runs.classify` takes them.

    Raises
    ------
    InputError
        The split, a training or its features cannot be had from these caches, or something leaks.
    """
    for head in heads:
        check_features(head, list(features), normalize)
    check_thinning(frames, fraction)
    prompts = prompt_set_used(caches.train, prompt_set, prompt_takers(heads, features, fixed))
    told = check_alike(caches, prompts if "prompts" in features else None, differ)
    whole = caches.samples
    samples = spread_frames(whole.loc[select(whole, where)] if where else whole, frames)
    tested = None if caches.tested is None else caches.tested[samples.index]
    trainings = _trainings(samples, tested, train, test, matrix, leave_one_out)
    sides = plan.apply(whole, _test_only(whole, trainings), caches.tested, _named(trainings))
    settings = {
        "features": list(features),
        "normalize": normalize,
        "prompt_set": prompts,
        "where": sorted(where),
        "frames": frames,
        "fraction": fraction,
        "calibrate": calibrate,
        "threshold": threshold,
        "keep_checkpoints": keep_checkpoints,
        "seed": plan.seed,
        "command": command,
        "cache": caches.describe("train"),
        "test_cache": caches.describe("test") if caches.are_two else None,
    }
    known: Known = {
        "prompts": lambda: prompts_of(caches.train, prompts),
        "text_tower": lru_cache(lambda: load_text_tower(caches.train.provenance(), *encoder)),
    }
    thinned = [f"at most {plural(frames, 'frame')} of each video, spread evenly"] if frames else []
    job = Job(caches, samples, sides[samples.index], plan, settings, dict(fixed), out, split_csv(whole, sides), known)
    cells = []
    for folder, seen, asked in trainings:
        train_rows, test_rows = cell_rows(samples, job.split, seen, asked, key=plan.key, tested=tested)
        train_rows, fewer = keep_groups(samples, train_rows, plan.key, fraction, plan.seed)
        leaking = cell_leaks(samples, train_rows, test_rows, plan)
        differing = compressions_differ(samples, train_rows, test_rows, differ)
        protocol = protocol_caveats(plan, samples, job.split, train_rows)
        sentences = [*leaking, *told, *differing, *thinned, *fewer, *protocol]
        cells.append(Cell(folder, seen, asked, train_rows, test_rows, sentences))
    return job, cells


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
