"""Images/s of an extraction, beside what bounds it and beside how others do the same work.

python benchmarks/bench_extract.py --encoder vitb32 --seconds 20
PEER_PYTHON=/path/to/python python benchmarks/bench_extract.py --images /data/crops --encoder all
python benchmarks/bench_extract.py --memory

(a) the bare model, (b) decode + resize alone, (c) our `extract`, (d) a plain DataLoader loop, (e) clip-retrieval where
PEER_PYTHON names an interpreter that has it.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measured import Speed
from memory import peak_megabytes
from photographs import data_set, draw_photographs, pictures_in
from rounds import NETWORKS, SLEEPERS, Setting, measure, random_weights

ALL = ("vitb32", "demo", *SLEEPERS)


def print_table(setting: Setting, distinct: int, count: int, results: Sequence[dict[str, Speed]]) -> None:
    """Median, least and most of each figure."""
    bound = "1/(1/a + 1/b)" if setting.shares_cores else "min(a, b)"
    labels = {
        "a": "a  bare model",
        "b": "b  decode + resize",
        "bound": f"bound  {bound}",
        "c": "c  extract",
        "d": "d  DataLoader loop",
        "e": "e  clip-retrieval",
        "c / bound": f"c / bound  (target {setting.target})",
        "c / d": "c / d",
        "c / e": "c / e",
    }
    print(
        f"\n{setting.encoder} on {setting.device}: {count} files ({min(distinct, count)} different), batches of "
        f"{setting.batch_size}, {setting.workers} workers; median (least to most) of {len(results)} rounds"
    )
    print(f"{'':<28}{'steady, images/s':>26}{'whole run':>26}")
    for name, label in labels.items():
        if name not in results[0]:
            continue
        digits = 3 if "/" in name else 1
        steady = _spread([speeds[name].steady for speeds in results], digits)
        whole = "" if name in ("a", "b", "bound") else _spread([speeds[name].whole for speeds in results], digits)
        print(f"{label:<28}{steady:>26}{whole:>26}")


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def print_memory(scratch: Path, workers: int) -> None:
    """Peak memory at 2,000 and at 20,000 frames, with parts that both fill and with parts of the usual size."""
    from extract.run import PART_ROWS

    counts = (2_000, 20_000)
    files = draw_photographs(scratch / "small", 50, (64, 160))
    folders = {count: data_set(scratch / f"small-{count}", files, count) for count in counts}
    print(f"\npeak memory of all processes, MB; {workers} workers, batches of 32, an infinitely fast device")
    print(f"{'rows in a part':<28}" + "".join(f"{f'{count:,} frames':>18}" for count in counts))
    for rows in (1_024, PART_ROWS):
        peaks = [peak_megabytes(folder, scratch / "memory.h5", workers, rows) for folder in folders.values()]
        print(f"{f'{rows:,}':<28}" + "".join(f"{peak:>18.0f}" for peak in peaks), flush=True)


def main() -> None:
    """Parse the command line, print a table for each encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of JPEG or PNG files instead of drawn ones")
    parser.add_argument("--encoder", choices=("all", *NETWORKS, *SLEEPERS), default="all")
    parser.add_argument("--device", default="cpu", help="cpu, cuda")
    parser.add_argument("--batch-size", type=int, help="32 on a CPU, 512 on CUDA")
    parser.add_argument("--seconds", type=float, default=10, help="that an extraction should take")
    parser.add_argument("--patience", type=float, default=30, help="seconds to wait for others to leave the cores")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    parser.add_argument("--smoke", action="store_true", help="a few seconds that only show that it works")
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as `extract` sets it for itself: the others get it, too
    workers = os.cpu_count() or 1
    print(
        f"{workers} cores of {platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}; "
        f"load average before: {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="bench_extract-") as folder:
        if options.memory:
            print_memory(Path(folder), workers)
        else:
            print_speeds(Path(folder), options, workers)


def print_speeds(scratch: Path, options: argparse.Namespace, workers: int) -> None:
    """A table for each encoder."""
    if options.smoke:
        print("a smoke test: these figures mean nothing")
    drawn = 16 if options.smoke else 300
    files = pictures_in(options.images) if options.images else draw_photographs(scratch / "drawn", drawn)
    for encoder in ALL if options.encoder == "all" else (options.encoder,):
        setting = Setting(
            encoder=encoder,
            checkpoint=random_weights(encoder, scratch),
            device=options.device,
            batch_size=options.batch_size or (512 if options.device.startswith("cuda") else 32),
            workers=workers,
            seconds=0.1 if options.smoke else options.seconds,
            least_batches=3 if options.smoke else 20,
            patience=0 if options.smoke else options.patience,
            scratch=scratch,
        )
        print_table(setting, len(files), *measure(setting, files, 1 if options.smoke else options.rounds))


if __name__ == "__main__":
    main()
