"""How long what is missing of a grid will take: by cells of the same head that are there, else by small fits."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count

from cache.errors import InputError
from classify.ablation.grid import Grid
from classify.ablation.prepare import Named, of_cell, prepare
from classify.ablation.work import CELLS, Declared, is_done
from classify.fitted import Wanted
from classify.stream import take
from classify.thinning import keep_groups
from classify.training import fit_cell

ROWS = 2000  # of a trial fit: more are scaled to, in proportion
BESIDE = 0.15  # seconds for what a cell takes beside its fit: scores, intervals, files


class Estimate(NamedTuple):
    """Seconds that the missing cells take together.

    Attributes
    ----------
    seconds : float
        With so many processes as were asked for.
    by_head : dict of str to float
        Seconds of one cell.
    untimed : dict of str to str
        Heads that could not be tried out, and why.
    """

    seconds: float
    by_head: dict[str, float]
    untimed: dict[str, str]


def estimate(grid: Grid, declared: Sequence[Declared], out: Path, jobs: int = -1) -> Estimate:
    """Time for the cells that are not there yet; nothing is written.

    Parameters
    ----------
    grid : Grid
    declared : sequence of Declared
        Its cells.
    out : Path
    jobs : int
        Processes.
    """
    there = {one.key for one in declared if is_done(out, one.key)}
    missing: dict[str, list[Declared]] = {}
    for one in declared:
        if one.key not in there:
            missing.setdefault(one.cell.options["head"], []).append(one)
    known = _known(out, there)
    by_head: dict[str, float] = {}
    untimed: dict[str, str] = {}
    for head, cells in missing.items():
        try:
            by_head[head] = known[head] if head in known else _tried(cells[0], grid.caches, out)
        except InputError as error:
            untimed[head] = str(error)
    total = sum(by_head[head] * len(cells) for head, cells in missing.items() if head in by_head)
    return Estimate(total / (cpu_count() if jobs < 0 else jobs), by_head, untimed)


def _known(out: Path, there: set[str]) -> dict[str, float]:
    """Mean seconds of the cells of each head that are there."""
    seconds: dict[str, list[float]] = {}
    for key in there:
        run: Mapping[str, Any] = json.loads((out / CELLS / key / "run.json").read_text(encoding="utf-8"))
        seconds.setdefault(run["head"], []).append(run["timings"]["fit"] + run["timings"]["score"])
    return {head: float(np.mean(of)) + BESIDE for head, of in seconds.items()}


def _tried(declared: Declared, caches: Named, out: Path) -> float:
    """Seconds of one cell, by a fit on some of its groups."""
    prepared = prepare(declared.cell, caches, out)
    job, planned = of_cell(prepared, declared.cell, caches)
    features, rows = prepared.features, prepared.features.cell.train_rows
    some, _ = keep_groups(job.samples, rows, job.plan.key, min(1.0, ROWS / len(rows)), seed=0)
    start = time.perf_counter()
    fewer = replace(
        features, cell=replace(features.cell, train_rows=some), train=take(features.train, np.isin(rows, some))
    )
    fit_cell(job, fewer, planned["head"], [Wanted(planned["fixed"])])
    return (time.perf_counter() - start) * len(rows) / len(some) + BESIDE
