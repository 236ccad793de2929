"""An extraction in shards without torch, for tests that stop it or kill one of its processes.

python tests/extract/tiny_shards.py DATA OUT SECONDS_PER_BATCH ENGINE SHARDS [MARKER]

ENGINE is devices with commas, or ray: two tasks at a time on this machine. Where MARKER names a file that is not there,
the process of the second shard makes it and kills itself in the midst of its work.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from tiny import TinyEncoder

from extract.embed import Progress
from extract.engines import Devices, Engine, RayTasks
from extract.layouts import LAYOUTS
from extract.plan import plan_inputs
from extract.prompts import load_prompts
from extract.run import Summary, extract
from extract.shards import extract_in_shards
from extract.video import Sampling


def work(
    inputs: pd.DataFrame,
    out: Path,
    *,
    data: Path,
    seconds: float,
    marker: Path | None,
    shard: str | None,
    batch_size: int,
    device: str,
    workers: int,
    progress: Progress,
) -> Summary:
    def report(done: int, total: int) -> None:
        progress(done, total)
        if marker is not None and shard and shard.startswith("2/") and done >= total // 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    if device == "broken":
        raise ValueError("no such device")
    return extract(
        inputs,
        out,
        TinyEncoder(seconds),
        [load_prompts("seed_000")],
        Sampling(),
        shard=shard,
        batch_size=batch_size,
        part_rows=4,
        workers=0,
        progress=report,
    )


def run_in_shards(
    data: Path, out: Path, engine: Engine, *, seconds: float = 0.0, marker: Path | None = None, **options: object
) -> Summary:
    """Extract a data set of class folders, in batches of 4 and parts of 4."""
    inputs = plan_inputs({data: LAYOUTS["folders"](data, None).sources}, Sampling())
    making = partial(work, data=data, seconds=seconds, marker=marker)
    arguments = {"work": making, "settings": {"root": str(data)}, "batch_size": 4, **options}
    return extract_in_shards(inputs, out, engine=engine, **arguments)


if __name__ == "__main__":
    data, out, seconds, name, shards, *markers = sys.argv[1:]
    engine = (
        RayTasks("local", "cpu", max((os.cpu_count() or 1) // 2, 1)) if name == "ray" else Devices(name.split(","), 0)
    )
    marker = Path(markers[0]) if markers else None
    run_in_shards(Path(data), Path(out), engine, seconds=float(seconds), shards=int(shards), marker=marker)
