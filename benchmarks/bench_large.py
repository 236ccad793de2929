"""Time and memory of the commands on a cache of 2,000,000 x 768 against one of 200,000 x 768.

    nice python benchmarks/bench_large.py
    python benchmarks/bench_large.py --quick                          # a look in a minute
    python benchmarks/bench_large.py --folder /data/large             # keeps the caches there, and takes those that are

Each command runs in a process of its own. Memory flat and time linear are ratios of 1 and of 10. What cannot be flat is
the sample table and the scores, a few hundred bytes a row; features are 1,536 bytes a row as they are stored.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from synthetic import make_cache
from watching import Watch

ROOT = Path(__file__).resolve().parents[1]
SMALLER = 10  # times fewer rows
SIDES = ("--train", "FaceSwap", "--test", "NeuralTextures")
LARGE = {"rows": 2_000_000, "columns": 768, "frames": 16}
QUICK = {"rows": 8_000, "columns": 16, "frames": 2}


def _classify(head: str, *parameters: str) -> Callable[[Path, Path], list[str]]:
    options = [word for one in parameters for word in ("--param", f"{head}.{one}")]
    return lambda cache, out: ["classify", str(cache), "--head", head, *SIDES, *options, "--out", str(out / head)]


TASKS: dict[str, Callable[[Path, Path], list[str]]] = {  # name -> command line of a cache and of a folder for runs
    "logistic": _classify("logistic"),
    "linear_svm": _classify("linear_svm"),
    "mlp": _classify("mlp", "epochs=3"),
    "prompt_fusion": _classify("prompt_fusion", "epochs=2"),
    "evaluate": lambda cache, out: ["evaluate", str(out / "logistic")],
    "audit": lambda cache, out: ["audit", str(cache), *SIDES],
}


class Cost(NamedTuple):
    """Seconds by the clock and of CPU, and peaks of memory in MB (`watching.Watch`)."""

    wall: float
    cpu: float
    own: float
    mapped: float


def cost(words: Sequence[str]) -> Cost:
    """What a command line of the program takes, with all processes that it starts."""
    started, busy = time.perf_counter(), _cpu()
    command = [sys.executable, "pipeline.py", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with Watch(process.pid) as watch:
        told = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}:\n{told}")
    return Cost(time.perf_counter() - started, _cpu() - busy, watch.own, watch.mapped)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(folder: Path, rows: int, columns: int, frames: int, names: Sequence[str]) -> dict[str, Cost]:
    """The cost of each task on a cache of so many rows, which is made where it is not there."""
    cache, out = folder / f"{rows}x{columns}.h5", folder / f"runs_{rows}"
    if not cache.is_file():
        make_cache(cache, rows, columns, frames)
    shutil.rmtree(out, ignore_errors=True)
    found = {}
    for name in names:
        found[name] = cost(TASKS[name](cache, out))
        print(f"  {rows:>9,} {name:14} {_line(found[name])}", flush=True)
    return found


def _line(of: Cost) -> str:
    return f"{of.wall:8.1f} {of.cpu:8.1f} {of.own:8,.0f} {of.mapped:8,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small caches: whether it runs, not how far it scales")
    parser.add_argument("--rows", type=int, help="of the larger cache")
    parser.add_argument("--folder", type=Path, help="where the caches are kept")
    parser.add_argument("--tasks", default=",".join(TASKS), help=f"some of {', '.join(TASKS)}, in this order")
    given = parser.parse_args()
    names = given.tasks.split(",")
    if unknown := [name for name in names if name not in TASKS]:
        parser.error(f"unknown task {unknown[0]!r}; known: {', '.join(TASKS)}")
    size = {**(QUICK if given.quick else LARGE), **({"rows": given.rows} if given.rows else {})}
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"  {'rows':>9} {'task':14} {'wall, s':>8} {'CPU, s':>8} {'own, MB':>8} {'mapped':>8}")
        small = measure(folder, size["rows"] // SMALLER, size["columns"], size["frames"], names)
        large = measure(folder, **size, names=names)
    print(f"\nratios, {size['rows']:,} to {size['rows'] // SMALLER:,} rows of {size['columns']}")
    for name in names:
        wall, cpu, own, _ = (more / less for more, less in zip(large[name], small[name], strict=True))
        bytes_a_row = 1e6 * (large[name].own - small[name].own) / (size["rows"] - size["rows"] // SMALLER)
        print(f"{name} ratio: wall {wall:.1f}, CPU {cpu:.1f}, own memory {own:.2f} ({bytes_a_row:,.0f} bytes a row)")


if __name__ == "__main__":
    main()
