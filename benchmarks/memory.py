"""Peak memory of an extraction with all its processes."""

import multiprocessing
import time
from pathlib import Path

from measured import Sleeper, extracted
from watching import INTERVAL, tree


def peak_megabytes(root: Path, out: Path, workers: int, part_rows: int) -> float:
    """Greatest memory, in MB, that an extraction with an infinitely fast device held, seen from outside.

    The sum over its processes of the proportional set size: what several share is counted once.
    """
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_extract, args=(root, out, workers, part_rows))
    process.start()
    peak = 0
    while process.is_alive():
        peak = max(peak, sum(_kilobytes(pid) for pid in tree(process.pid or 0)))
        time.sleep(INTERVAL)
    if process.exitcode:
        raise SystemExit("the extraction failed")
    return peak / 1000


def _extract(root: Path, out: Path, workers: int, part_rows: int) -> None:
    extracted(root, out, Sleeper(0), 32, workers, part_rows=part_rows)


def _kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
