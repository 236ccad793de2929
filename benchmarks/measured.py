"""Our own speed, in images/s: the bare model, decode + resize alone, and an extraction end to end."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from extract.prepare import Item, Preparation, prepare
from extract.prompts import PromptSet
from extract.square import Preprocessing
from extract.video import Sampling

if TYPE_CHECKING:  # worker processes import this module and need no torch
    from extract.models import Network

TASK = 32  # pictures that a process prepares at a time
VITB32 = Preprocessing(
    size=(224, 224),
    resize_mode="shortest",
    interpolation="bicubic",
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    fill_color=0,
    resizer="torch",
)


class Speed(NamedTuple):
    """Images/s of a run: of its middle, where it neither starts nor ends, and of the whole of it.

    Attributes
    ----------
    steady, whole : float
    start, end : float
        Seconds before the first batch was done and after the last.
    """

    steady: float
    whole: float
    start: float
    end: float


class Sleeper:
    """A device that takes a set time for a batch and no core: what is measured is the pipeline around it."""

    model_name = "sleeper"
    architecture = "none"
    weights = "0"
    precision = "float32"
    software = "time"
    device = "cpu"
    tokens = ()
    n_parameters = 0
    logit_scale = 10.0
    logit_bias = None
    lanes = 1
    preprocessing = VITB32

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def embed_images(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Ones, after a while."""
        time.sleep(self.seconds)
        return {"embedding": np.ones((len(pixels), 512), np.float32)}

    def fitting_batch_size(self) -> int:
        """As on a CPU."""
        return 32

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        """Unit vectors."""
        return np.full((len(prompts.texts), 512), 512**-0.5, np.float32)


def speed_of(started: float, progress: Sequence[tuple[float, int]], ended: float) -> Speed:
    """Speed of a run that had done so many images at such times.

    The middle three fifths: what was prepared ahead before it counts as much as what is prepared ahead behind it.
    """
    times, counts = (np.array(column, float) for column in zip(*progress, strict=True))
    first, last = np.interp([0.2 * counts[-1], 0.8 * counts[-1]], counts, times)
    steady = 0.6 * counts[-1] / max(last - first, 1e-9)
    return Speed(steady, counts[-1] / (ended - started), times[0] - started, ended - times[-1])


def bare_network(
    network: "Network", preprocessing: Preprocessing, batch_size: int, device: str, seconds: float
) -> float:
    """Images/s of the image tower alone on normalised batches that lie on the device already."""
    import torch

    module: Any = network.module
    batches = [torch.randn(batch_size, 3, *preprocessing.size, device=device) for _ in range(2)]
    autocast = torch.autocast("cuda", torch.float16, enabled=device.startswith("cuda"))
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    with torch.inference_mode(), autocast:
        return _repeat(lambda turn: module.encode_image(batches[turn % 2], normalize=False), wait, batch_size, seconds)


def bare_sleeper(sleeper: Sleeper, batch_size: int, seconds: float) -> float:
    """Images/s of the sleeper, as it really sleeps."""
    if sleeper.seconds == 0:
        return float("inf")
    pixels = np.zeros((batch_size, 1, 1, 3), np.uint8)
    return _repeat(lambda turn: sleeper.embed_images(pixels), lambda: None, batch_size, seconds)


def _repeat(work: Callable[[int], object], wait: Callable[[], None], batch_size: int, seconds: float) -> float:
    for turn in range(2):
        work(turn)
    wait()
    started, turns = time.perf_counter(), 0
    while turns < 3 or time.perf_counter() - started < seconds:
        work(turns)
        turns += 1
    wait()
    return turns * batch_size / (time.perf_counter() - started)


def decoded(root: Path, paths: Sequence[str], preprocessing: Preprocessing, workers: int) -> float:
    """Images/s of the worker processes' own function in a plain pool, its results overwritten by the next ones."""
    items = [Item(str(root), path, False, 0, 0) for path in paths]
    tasks = [items[start : start + TASK] for start in range(0, len(items), TASK)]
    preparation = Preparation(preprocessing, Sampling())
    with multiprocessing.get_context("spawn").Pool(workers, _begin, (preparation,)) as pool:
        pool.map(_prepare, tasks[: 2 * workers], chunksize=1)  # the processes have started
        started = time.perf_counter()
        done = sum(pool.imap_unordered(_prepare, tasks))
        return done / (time.perf_counter() - started)


_preparation: Preparation  # of a process of the pool, set as it begins
_squares: np.ndarray


def _begin(preparation: Preparation) -> None:
    global _preparation, _squares
    _preparation, _squares = preparation, np.zeros(preparation.shape(TASK), np.uint8)
    if preparation.preprocessing.resizer == "torch":
        import torch

        torch.set_num_threads(1)


def _prepare(items: Sequence[Item]) -> int:
    prepare(items, _preparation, _squares[: len(items)])
    return len(items)


def extracted(root: Path, out: Path, encoder: Any, batch_size: int, workers: int, **options: Any) -> Speed:
    """Speed of an extraction of class folders, from their listing to the finished file, which is removed."""
    from extract.layouts import LAYOUTS
    from extract.plan import plan_inputs
    from extract.prompts import load_prompts
    from extract.run import extract

    progress: list[tuple[float, int]] = []
    started = time.perf_counter()
    inputs = plan_inputs({root: LAYOUTS["folders"](root, None).sources}, Sampling())
    extract(
        inputs,
        out,
        encoder,
        [load_prompts("seed_000")],
        Sampling(),
        batch_size=batch_size,
        workers=workers,
        progress=lambda done, total: progress.append((time.perf_counter(), done)),
        **options,
    )
    ended = time.perf_counter()
    out.unlink()
    return speed_of(started, progress, ended)
