"""Time and memory of `logistic`, its C chosen among nine, on features that are not held in memory.

    python benchmarks/bench_million.py
    python benchmarks/bench_million.py --rows 20000    # a quick look

Features are drawn, clustered by video, into a file of float16 as a cache has them, and read through a memory map. The
peak is that of the memory that this process holds for itself; pages of the map, which the system takes back when it
needs them, are told apart.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from watching import Watch

from classify.fit import fit_head
from classify.stream import Stream, parts
from evaluate.metrics import auc

FRAMES = 20  # of a video


def drawn(path: Path, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write features; memory map, label and video of each row. A real video and a fake one form a group."""
    rng = np.random.default_rng(0)
    video = np.arange(rows) // FRAMES
    spread = np.arange(1, columns + 1) ** -0.6
    common = rng.normal(size=columns)
    direction = rng.normal(size=columns) * spread
    centres = (0.7 * rng.normal(size=(video[-1] + 1, columns)) * spread).astype(np.float32)
    features = np.memmap(path, np.float16, "w+", shape=(rows, columns))
    for part in parts(rows):
        centre = centres[video[part]] + 0.07 * (video[part] % 2)[:, None] * direction
        features[part] = common + centre + 0.4 * rng.normal(size=centre.shape) * spread
    features.flush()
    return np.memmap(path, np.float16, "r", shape=(rows, columns)), video % 2, video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        features, label, video = drawn(Path(folder) / "features.f16", options.rows, options.columns)
        stream = Stream(
            lambda rows: np.asarray(features[rows], np.float32), np.arange(options.rows), options.columns
        )  # fmt: skip
        names = np.array([f"video {number:06d}" for number in range(video[-1] + 1)], object)
        groups = np.array([f"group {number:06d}" for number in range(video[-1] // 2 + 1)], object)
        with Watch(os.getpid()) as memory:
            start, busy = time.perf_counter(), time.process_time()
            fitted = fit_head(
                "logistic", stream, label, names[video], groups[video // 2], blocks=(("embedding", options.columns),)
            )
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
    tried = ", ".join(f"{result['params']['C']:g}" for result in fitted.search)
    print(f"rows x columns        {options.rows:,} x {options.columns}, float16")
    print(f"seconds               {seconds:.1f} (of CPU: {busy:.1f})")
    print(f"peak memory, MB       {memory.own:,.0f}")
    print(f"pages of the map, MB  {memory.mapped:,.0f}")
    print(f"a float32 copy, MB    {options.rows * options.columns * 4 / 1e6:,.0f}")
    print(f"C                     {fitted.parameters['C']:g} of {tried}")
    print(f"AUC out of fold       {auc(label, np.asarray(fitted.uncalibrated)):.3f} (frames)")


if __name__ == "__main__":
    main()
