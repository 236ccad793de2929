"""The report of 200,000 predictions: seconds to measure and to write it, its size, seconds until a browser shows it.

python benchmarks/bench_report.py [--rows 200000] [--frames 1]
"""

import argparse
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.predictions import COLUMNS, write
from evaluate.folders import read_run, write_json
from evaluate.interactive import movable
from evaluate.report.page import run_page
from evaluate.runs import evaluate_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LIFT = {"Deepfakes": 2.0, "Face2Face": 1.5, "FaceSwap": 1.2, "NeuralTextures": 0.4}
ROUNDS = 5


def predictions(rows: int, frames: int, seed: int = 0) -> pd.DataFrame:
    """Test rows, half of them real, one group for each real video and a fake of each manipulation."""
    rng = np.random.default_rng(seed)
    kinds = ["real"] * len(LIFT) + list(LIFT)
    videos = rows // frames
    manipulation = np.array(kinds)[np.arange(videos) % len(kinds)]
    group = np.char.add("g", (np.arange(videos) // len(kinds)).astype(str))
    video = np.char.add(np.char.add(manipulation, "/"), np.arange(videos).astype(str))
    label = (manipulation != "real").astype(int)
    lift = np.array([LIFT.get(name, 0.0) for name in kinds])[np.arange(videos) % len(kinds)]
    middle = np.repeat(lift + rng.normal(size=videos), frames)
    score = 1 / (1 + np.exp(0.5 - middle - 0.5 * rng.normal(size=len(middle))))
    table = pd.DataFrame(
        {
            "sample_id": [f"{name}/{frame}" for name in video for frame in range(frames)],
            "dataset": "FF++",
            "compression": "c23",
            **{
                name: np.repeat(values, frames)
                for name, values in (("manipulation", manipulation), ("video_id", video), ("group", group))
            },
            "split": "test",
            "label": np.repeat(label, frames),
            "score": score,
            "predicted": (score >= 0.5).astype(int),
        }
    )
    return table[list(COLUMNS)]


def write_run(folder: Path, rows: int, frames: int) -> Path:
    """A run folder that `evaluate` can read."""
    folder.mkdir()
    write(folder / "predictions.csv", predictions(rows, frames))
    threshold = {"value": 0.5, "source": "given"}
    config = {"head": "logistic", "train": ["FaceSwap"], "score": "probability"}
    write_json(folder / "run.json", config | {"thresholds": {"frame": threshold, "video": threshold}})
    return folder


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; None where there is none, or no playwright to drive it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        yield None
        return
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


def opened(started: Any, path: Path) -> float:
    """Seconds from the start of a navigation until the page is loaded and its script has run."""
    page = started.new_page()
    page.goto(path.as_uri())
    entry = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    page.wait_for_function(f"{entry} > 0")
    seconds = page.evaluate(entry) / 1000
    page.close()
    return float(seconds)


def main() -> None:
    """Print what each part takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument(
        "--frames", type=int, default=1, help="of a video; 1 is the hardest: most points at both levels"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, browser() as started:
        folder = write_run(Path(temporary) / "run", options.rows, options.frames)
        begun = time.perf_counter()
        result = evaluate_run(folder)
        whole = time.perf_counter() - begun
        run = read_run(folder)
        drawings = {name: (folder / f"{name}.svg").read_text(encoding="utf-8") for name in ("roc", "scores")}
        begun = time.perf_counter()
        movable(run)
        moved = time.perf_counter() - begun
        begun = time.perf_counter()
        run_page(run, result, drawings)
        rendered = time.perf_counter() - begun
        sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(folder.glob("*.*"))}
        print(f"{options.rows:,} predictions, {options.frames} to a video")
        print(f"evaluate, whole           {whole:8.2f} s")
        print(f"  page                    {rendered:8.2f} s, of which data of the slider {moved:.2f} s")
        for name, size in sizes.items():
            print(f"  {name:<24}{size:8.2f} MB")
        if started is None:
            print("no Chromium (or no playwright): the page was not opened")
            return
        seconds = [opened(started, folder / "report.html") for _ in range(ROUNDS + 1)][1:]
        print(
            f"opened in Chromium        {statistics.median(seconds):8.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
        )


if __name__ == "__main__":
    main()
