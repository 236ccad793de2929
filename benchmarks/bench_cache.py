"""Reading a cache: whole, a tenth of its videos, in float32, and its sample table; as ratios to `np.fromfile`.

    python benchmarks/bench_cache.py
    python benchmarks/bench_cache.py --rows 2000000 --columns 768 --cache /tmp/large.h5 --rounds 3
    python benchmarks/bench_cache.py --quick

Contenders take turns; a ratio is that of their shortest times, of CPU (which other work touches less) and of wall time.
The file lies in the system's cache of pages ("warm"): what is measured is memory, not the disk. torch, where it is
installed, is the yardstick of the conversion to float32, with one thread and with all of them.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from synthetic import make_cache

from cache.reader import Cache, open_cache
from cache.widen import widen

Work = Callable[[], object]
ROWS = 256  # converted at a time where a candidate is given no other number
VALUES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
NEEDED = ("dataset", "compression", "manipulation", "video_id", "scene", "identities", "group", "split", "label")


class Seconds(NamedTuple):
    """The shortest of some rounds."""

    cpu: float
    wall: float


def shortest(contenders: dict[str, Work], rounds: int) -> dict[str, Seconds]:
    """Let all contenders take turns."""
    found = dict.fromkeys(contenders, Seconds(float("inf"), float("inf")))
    for _ in range(rounds):
        for name, work in contenders.items():
            cpu, wall = time.process_time(), time.perf_counter()
            result = work()
            spent = Seconds(time.process_time() - cpu, time.perf_counter() - wall)
            del result  # before the next one takes memory
            found[name] = Seconds(*map(min, found[name], spent))
    return found


def readers(cache: Cache, rows: np.ndarray) -> dict[str, Work]:
    """The baseline, and what the library offers."""
    mapped = cache.array("embedding")
    assert isinstance(mapped, np.memmap) and mapped.filename is not None
    path, offset = str(mapped.filename), mapped.offset
    return {
        "np.fromfile": lambda: np.fromfile(path, mapped.dtype, mapped.size, offset=offset),
        "whole": lambda: cache.read("embedding"),
        "10 % of the videos": lambda: cache.read("embedding", rows),
        "whole, float32": lambda: cache.read("embedding", dtype=np.float32),
        "10 %, float32": lambda: cache.read("embedding", rows, dtype=np.float32),
    }


def converters(values: np.ndarray) -> dict[str, Work]:
    """Ways from a memory map of float16 to float32 in memory."""
    table = VALUES.astype(np.float32)

    def looked_up(block: np.ndarray, out: np.ndarray) -> None:
        np.take(table, block.view(np.uint16), out=out, mode="clip")

    return {
        "astype, whole": lambda: values.astype(np.float32),
        "copyto, blocks": lambda: by_blocks(values, np.copyto, swapped=True),
        "copyto, blocks, 2 threads": lambda: by_blocks(values, np.copyto, swapped=True, threads=2),
        "table of 65,536": lambda: by_blocks(values, looked_up),
        "cache.widen": lambda: by_blocks(values, widen),
        "cache.widen, 2 threads": lambda: by_blocks(values, widen, threads=2),
        **torch_converters(values),
    }


def torch_converters(values: np.ndarray) -> dict[str, Work]:
    """Those of torch, where it is installed."""
    try:
        import torch
    except ImportError:
        return {}
    most = torch.get_num_threads()

    def copied(block: np.ndarray, out: np.ndarray) -> None:
        torch.from_numpy(out).copy_(torch.from_numpy(block))

    def whole(threads: int) -> object:
        torch.set_num_threads(threads)
        return torch.from_numpy(values).float()

    def blocks() -> object:
        torch.set_num_threads(1)
        return by_blocks(values, copied)

    return {
        "torch, blocks": blocks,
        "torch, whole": lambda: whole(1),
        f"torch, whole, {most} threads": lambda: whole(most),
    }


def by_blocks(
    values: np.ndarray, convert: Callable[[np.ndarray, np.ndarray], object], swapped: bool = False, threads: int = 1
) -> np.ndarray:
    """Convert block after block into one array; ``swapped`` where the function takes the target first."""
    values = np.asarray(values)
    out = np.empty(values.shape, np.float32)

    def one(start: int) -> None:
        block, target = values[start : start + ROWS], out[start : start + ROWS]
        convert(target, block) if swapped else convert(block, target)

    starts = range(0, len(values), ROWS)
    if threads == 1:
        for start in starts:
            one(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, starts))
    return out


def tenth_of_videos(cache: Cache) -> np.ndarray:
    """Rows of every tenth video."""
    videos = cache.column("video_id")
    number = np.cumsum(np.concatenate([[True], videos[1:] != videos[:-1]])) - 1
    return np.flatnonzero(np.random.default_rng(0).permutation(number[-1] + 1)[number] % 10 == 0)


def printed(found: dict[str, Seconds], baseline: str) -> None:
    """A line for each contender."""
    print(f"  {'':<28}{'CPU, s':>9}{'wall, s':>9}{'ratio of CPU':>14}{'of wall':>9}")
    for name, spent in found.items():
        ratios = [mine / theirs for mine, theirs in zip(spent, found[baseline], strict=True)]
        print(f"  {name:<28}{spent.cpu:>9.3f}{spent.wall:>9.3f}{ratios[0]:>14.2f}{ratios[1]:>9.2f}", flush=True)


def table_seconds(path: Path) -> None:
    """Seconds of CPU for the sample table, and for the columns that a split needs."""
    for name, columns in {"whole sample table": None, "columns of a split": NEEDED}.items():
        start = time.process_time()
        cache = open_cache(path)
        table = cache.samples if columns is None else cache.table(columns)
        seconds, held = time.process_time() - start, table.memory_usage().sum() / len(table)
        of_row = f"{1e6 * seconds / len(table):.2f} us and {held:.0f} bytes a row"
        print(f"{name}: {seconds:.2f} s of CPU, {of_row}")


def main() -> None:
    """Print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="a synthetic cache that is there, or is to stay there")
    parser.add_argument("--quick", action="store_true", help="2,000 x 64: does it run at all?")
    given = parser.parse_args()
    rows, columns, rounds = (2_000, 64, 1) if given.quick else (given.rows, given.columns, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = given.cache or Path(folder) / "synthetic.h5"
        if not path.exists():
            make_cache(path, rows, columns)
        cache = open_cache(path)
        rows, columns = cache.array("embedding").shape
        print(f"{platform.platform()}, {os.cpu_count()} cores, numpy {np.__version__}; {rows:,} x {columns}, warm")
        printed(shortest(readers(cache, tenth_of_videos(cache)), rounds), "np.fromfile")
        print("to float32:")
        found = shortest(converters(cache.array("embedding")), rounds)
        fastest = min(found, key=lambda name: found[name].cpu)
        printed(found, fastest)
        table_seconds(path)


if __name__ == "__main__":
    main()
