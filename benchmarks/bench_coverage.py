"""How often 95 % intervals of the AUC hold the truth on clustered scores: bootstraps of groups, and of frames.

python benchmarks/bench_coverage.py
python benchmarks/bench_coverage.py --trials 2000 --groups 100
python benchmarks/bench_coverage.py --quick

Scores are normal, fakes shifted so that the AUC of the population is known; half of their variance is the group's, 0.4
the video's, 0.1 the frame's. Groups hold one video (half, or a fifth of the groups real), or a real and two fakes each
(mixed). "ours" is what reports state (BCa over whole groups); "middle" the middle 95 % of the same draws; "frames" what
comes of drawing frames one by one. A set without an interval (its classes are apart in every draw) counts as missed.
Behind each share of trials its Monte Carlo error (one standard error).
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy import stats

from evaluate.bootstrap import bootstrap
from evaluate.intervals import group_draws, interval
from evaluate.metrics import auc

FRAMES = 4  # of a video
DRAWS = 1000
SHARES = {"group": 0.5, "video": 0.4, "frame": 0.1}  # of the variance
DESIGNS = ("balanced", "unbalanced", "mixed")
AUCS = (0.75, 0.9, 0.97)
GROUPS = (20, 50, 100, 200)
GOAL, FROM = 2.0, 100  # percentage points around 95, from so many groups on
BLOCK = 25  # trials of a job


class Frames(NamedTuple):
    """Labels, scores and groups of simulated frames; each of shape (n,)."""

    labels: np.ndarray
    scores: np.ndarray
    groups: np.ndarray


def simulate(design: str, n_groups: int, truth: float, random: np.random.Generator) -> Frames:
    """Frames of ``n_groups`` groups whose AUC is ``truth`` in the population."""
    designs: dict[str, list[tuple[int, ...]]] = {
        "balanced": [(group % 2,) for group in range(n_groups)],
        "unbalanced": [(int(group % 5 > 0),) for group in range(n_groups)],
        "mixed": [(0, 1, 1)] * n_groups,
    }
    videos = designs[design]
    of_video = np.array([group for group, labels in enumerate(videos) for _ in labels])
    labels = np.array([label for labels in videos for label in labels])
    deviation = {level: share**0.5 for level, share in SHARES.items()}
    score = stats.norm.ppf(truth) * 2**0.5 * labels
    score += random.normal(scale=deviation["group"], size=n_groups)[of_video]
    score += random.normal(scale=deviation["video"], size=len(labels))
    frames = np.repeat(np.arange(len(labels)), FRAMES)
    noise = random.normal(scale=deviation["frame"], size=len(frames))
    return Frames(labels[frames], score[frames] + noise, np.char.mod("%04d", of_video[frames]))


def trial(design: str, n_groups: int, truth: float, seed: int) -> list[tuple[bool, float]]:
    """Whether each interval holds the truth, and how wide it is: ours, the middle 95 %, by frames."""
    made = simulate(design, n_groups, truth, np.random.default_rng([n_groups, seed]))
    value = auc(made.labels, made.scores)
    alone = np.char.mod("%05d", np.arange(len(made.labels)))
    draws, of_frames = (group_draws(groups, made.labels, DRAWS, seed) for groups in (made.groups, alone))
    drawn = bootstrap(*made, draws)["auc"]
    naive = bootstrap(made.labels, made.scores, alone, of_frames)["auc"]
    return [_held(found, truth) for found in (interval(drawn, value), interval(drawn), interval(naive))]


def _held(found: dict[str, float | None], truth: float) -> tuple[bool, float]:
    low, high = found["low"], found["high"]
    if low is None or high is None:  # classes apart in every draw: nothing is stated, which is no hit
        return False, 0.0
    return low <= truth <= high, high - low


def block(design: str, n_groups: int, truth: float, seeds: range) -> list[list[tuple[bool, float]]]:
    """Trials of some seeds."""
    return [trial(design, n_groups, truth, seed) for seed in seeds]


def rows(designs: tuple[str, ...], groups: tuple[int, ...], trials: int, jobs: int) -> Iterator[str]:
    """One line a setting."""
    settings = [(design, n, truth) for design in designs for truth in AUCS for n in groups]
    with Parallel(n_jobs=jobs) as parallel:
        for design, n_groups, truth in settings:
            seeds = [range(start, min(start + BLOCK, trials)) for start in range(0, trials, BLOCK)]
            done = parallel(delayed(block)(design, n_groups, truth, one) for one in seeds)
            held, width = np.moveaxis(np.array([one for several in done for one in several]), -1, 0)
            share, widths = 100 * held.mean(axis=0), width.mean(axis=0)
            errors = np.sqrt(share * (100 - share) / trials)
            cells = [f"{s:6.1f} ±{e:.1f} {w:6.3f}" for s, e, w in zip(share, errors, widths, strict=True)]
            missed = " *" if n_groups >= FROM and abs(share[0] - 95) > GOAL else ""
            yield f"{design:<11}{truth:5.2f}{n_groups:6d} {'  '.join(cells)}{missed}"


def main() -> None:
    """Print the table, a line as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--groups", type=int, nargs="+", default=GROUPS)
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=DESIGNS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few trials, to see that it runs")
    options = parser.parse_args()
    trials, groups = (20, (20, 50)) if options.quick else (options.trials, tuple(options.groups))
    print(f"{trials} trials, {DRAWS} draws, {FRAMES} frames a video; % of trials held, its error, mean width")
    print(f"{'design':<11}{'AUC':>5}{'groups':>6} {'ours':>10}{'middle':>20}{'frames':>20}")
    for row in rows(tuple(options.designs), groups, trials, options.jobs):
        print(row, flush=True)
    print(f"* not within {GOAL:.0f} of 95, which is the goal from {FROM} groups on")


if __name__ == "__main__":
    main()
