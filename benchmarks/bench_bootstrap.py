"""Bootstraps of AUC, EER and AP over whole groups: ours beside a loop over scikit-learn, and our peak memory.

python benchmarks/bench_bootstrap.py
python benchmarks/bench_bootstrap.py --rows 20000 --loop 5
python benchmarks/bench_bootstrap.py --quick

Synthetic scores of frames in groups of a real and a fake video. The loop draws groups, joins their rows, and calls
scikit-learn's functions; it is timed over some of the same draws, between two halves of which ours makes all of them,
and scaled. Both must give the same numbers. CPU seconds are told beside wall time: other work touches them less.
"""

import argparse
import multiprocessing
import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from evaluate.bootstrap import bootstrap
from evaluate.curve import roc_crossing
from evaluate.intervals import GroupDraws, group_draws
from evaluate.metrics import METRICS

CHOSEN = ("auc", "eer", "average_precision")
EVERY = tuple(name for name, metric in METRICS.items() if metric.drawn)
TARGET, MEMORY = 50.0, 1000.0  # times as fast as the loop; MB
EQUAL = 1e-9


class Data(NamedTuple):
    """Frames: labels, probabilities of fake, and groups; each of shape (n,)."""

    labels: np.ndarray
    scores: np.ndarray
    groups: np.ndarray


class Spent(NamedTuple):
    """Seconds of wall time and of CPU."""

    wall: float
    cpu: float


def make(rows: int, frames: int) -> Data:
    """Groups of a real and a fake video of ``frames`` frames; frames of a video alike."""
    random = np.random.default_rng(0)
    video = np.arange(rows) // frames
    labels = video % 2
    videos = random.normal(size=video[-1] + 1)
    logits = videos[video] + 0.5 * random.normal(size=rows) + 1.5 * labels
    groups = np.char.mod("%06d", video // 2)
    return Data(labels, 1 / (1 + np.exp(-logits)), groups)


def loop(data: Data, draws: GroupDraws) -> tuple[np.ndarray, Spent]:
    """The three metrics of each draw, shape (B, 3), by scikit-learn on the rows repeated."""
    columns = draws.columns(data.groups)
    order = np.argsort(columns, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(columns[order])) + 1)
    values = np.empty((len(draws.multiplicities), 3))
    started = time.perf_counter(), time.process_time()
    for at, multiplicities in enumerate(draws.multiplicities):
        drawn = np.repeat(np.arange(len(members)), multiplicities)
        rows = np.concatenate([members[group] for group in drawn])
        labels, scores = data.labels[rows], data.scores[rows]
        fpr, tpr, _ = roc_curve(labels, scores)
        values[at] = roc_auc_score(labels, scores), roc_crossing(fpr, tpr), average_precision_score(labels, scores)
    return values, _spent(started)


def ours(data: Data, names: tuple[str, ...], n_draws: int) -> tuple[np.ndarray, Spent]:
    """Metrics of each draw, shape (B, len(names)), the drawing included."""
    started = time.perf_counter(), time.process_time()
    draws = group_draws(data.groups, data.labels, n_draws)
    values = bootstrap(*data, draws, names, threshold=0.5)
    return np.column_stack([values[name] for name in names]), _spent(started)


def _spent(started: tuple[float, float]) -> Spent:
    return Spent(time.perf_counter() - started[0], time.process_time() - started[1])


def peak_megabytes(rows: int, frames: int, names: tuple[str, ...], n_draws: int) -> float:
    """Memory that our bootstrap takes at most, in MB, in a process of its own, beyond what its imports take."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (rows, frames, names, n_draws))


def _peak(rows: int, frames: int, names: tuple[str, ...], n_draws: int) -> float:
    data = make(rows, frames)
    before = _high_water()
    ours(data, names, n_draws)
    return (_high_water() - before) / 1000


def _high_water() -> int:
    """Most memory that this process held so far, in kB; getrusage would count what its parent held before it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def compare(rows: int, frames: int, n_draws: int, n_loop: int) -> None:
    """Print seconds, ratio and memory for one size."""
    data = make(rows, frames)
    draws = group_draws(data.groups, data.labels, n_draws)
    half = n_loop // 2 or 1
    first, early = loop(data, GroupDraws(draws.multiplicities[:half], draws.names))
    values, mine = ours(data, CHOSEN, n_draws)
    second, late = loop(data, GroupDraws(draws.multiplicities[half : 2 * half], draws.names))
    away = np.abs(values[: 2 * half] - np.concatenate([first, second])).max()
    theirs = Spent(*((a + b) * n_draws / (2 * half) for a, b in zip(early, late, strict=True)))
    memory = peak_megabytes(rows, frames, CHOSEN, n_draws)
    print(f"{rows} rows, {len(draws.names)} groups, {n_draws} draws of AUC, EER, AP")
    print(f"  scikit-learn  {theirs.wall:9.2f} s {theirs.cpu:9.2f} s CPU   ({2 * half} draws, scaled)")
    print(f"  ours          {mine.wall:9.2f} s {mine.cpu:9.2f} s CPU   {memory:.0f} MB more than the rows")
    print(f"  ratio         {theirs.wall / mine.wall:9.0f}   {theirs.cpu / mine.cpu:9.0f}       ", end="")
    print(f"target {TARGET:.0f}, below {MEMORY:.0f} MB; largest difference {away:.1e}")
    if away > EQUAL:
        raise SystemExit("the two do not agree")
    _, every = ours(data, EVERY, n_draws)
    memory = peak_megabytes(rows, frames, EVERY, n_draws)
    print(f"  ours, all {len(EVERY)}  {every.wall:9.2f} s {every.cpu:9.2f} s CPU   {memory:.0f} MB", flush=True)


def main() -> None:
    """Print one table a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=20, help="draws that scikit-learn is timed on")
    parser.add_argument("--quick", action="store_true", help="a small size, to see that it runs")
    options = parser.parse_args()
    rows, n_draws, n_loop = (2_000, 50, 4) if options.quick else (options.rows, options.draws, options.loop)
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.processor() or platform.machine()}, {cores} cores, ", end="")
    print(f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, load {os.getloadavg()[0]:.1f}")
    for frames in (50, 10, 1):  # 1: every pair of rows is a group
        compare(rows, frames, n_draws, n_loop)


if __name__ == "__main__":
    main()
