"""Who carries out the shards of an extraction: a process for each device of this machine, or the tasks of Ray.

An engine is entered, asked how many shards suit it (``shards``) and how large a batch (``batch_size``), and then runs
them; it knows nothing of what a shard is.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from cache.errors import InputError, InterruptedWork
from extract.encoder import CPU_BATCH

CUDA_BATCH = 256  # where nobody says: all shards must agree before the first one loads its model
TICK = 0.25  # seconds between two looks at what has ended
RETRIES = 5  # of a shard whose Ray worker or machine died; each goes on from the parts that are sealed

Make = Callable[[str, str, int], list[str]]  # (shard, device, workers) -> notes


class Ended(NamedTuple):
    """A shard that ended: with an error, or without one and perhaps with notes."""

    shard: str
    notes: Sequence[str] = ()
    error: BaseException | None = None


class Engine(AbstractContextManager["Engine"], Protocol):
    """What carries out shards; its numbers hold once it is entered."""

    shards: int
    batch_size: int

    def run(self, make: Make, shards: Sequence[str]) -> Generator[list[Ended], None, None]:
        """Carry out ``make`` for each shard; what ended since is yielded, several times a second."""


class Devices(AbstractContextManager["Devices"]):
    """A process for each device of this machine.

    Parameters
    ----------
    devices : sequence of str
        As `extract.encoder.load_encoder` takes them; a device may stand twice.
    workers : int, optional
        Decoding processes of each; by default the cores are shared out.
    """

    def __init__(self, devices: Sequence[str], workers: int | None = None) -> None:
        self._devices = devices
        self._workers = max((os.cpu_count() or 1) // len(devices), 1) if workers is None else workers
        self.shards = len(devices)
        self.batch_size = CPU_BATCH if "cpu" in devices else CUDA_BATCH

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is held between runs."""

    def __str__(self) -> str:
        return ", ".join(self._devices)

    def run(self, make: Make, shards: Sequence[str]) -> Generator[list[Ended], None, None]:
        """As `Engine.run`; a process that dies is `InterruptedWork`."""
        waiting, running = deque(shards), dict[Future[list[str]], tuple[str, int]]()
        spawn = multiprocessing.get_context("spawn")  # children of our own, so that we hear how they end
        with ExitStack() as stack:
            # One executor each: where one process dies, the others go on.
            pools = {
                number: stack.enter_context(ProcessPoolExecutor(1, spawn, _leave_signals_to_parent))
                for number in range(min(len(self._devices), len(shards)))
            }
            try:
                while running or (waiting and pools):
                    for number in pools.keys() - {number for _, number in running.values()}:
                        if waiting:
                            shard = waiting.popleft()
                            future = pools[number].submit(make, shard, self._devices[number], self._workers)
                            running[future] = shard, number
                    ended, _ = wait(running, TICK, FIRST_COMPLETED)
                    for future in ended:
                        if isinstance(future.exception(), BrokenProcessPool):
                            pools.pop(running[future][1])
                    yield [_outcome(future, running.pop(future)[0]) for future in ended]
            except BaseException:  # a second signal: nobody waits for the end any more
                for process in multiprocessing.active_children():
                    process.kill()
                raise


class RayTasks(AbstractContextManager["RayTasks"]):
    """The tasks of a Ray cluster, whose machines share the file system; tried again where a worker or machine dies.

    Parameters
    ----------
    address : str
        "local" starts Ray on this machine alone; "auto", "HOST:PORT" or "ray://HOST:PORT" is a cluster that runs.
    device : {"auto", "cpu", "cuda"}
        "auto": CUDA where the cluster has GPUs.
    workers : int, optional
        Cores of each shard, for its decoding processes; by default the machine's cores shared out among its GPUs, or
        one each.
    """

    def __init__(self, address: str, device: str = "auto", workers: int | None = None) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(f"with --ray the device is auto, cpu or cuda, not {device!r}: Ray says which GPU is free")
        self._address = address
        self._asked = device
        self._workers = workers

    def __enter__(self) -> "RayTasks":
        ray = _import_ray()
        options: dict[str, Any] = {"address": self._address, "logging_level": "error", "log_to_driver": False}
        if self._address == "local":
            options["include_dashboard"] = False
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"no Ray cluster at {self._address!r}: {error}") from error
        try:
            self._share_out([node["Resources"] for node in ray.nodes() if node["Alive"]])
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _import_ray().shutdown()

    def __str__(self) -> str:
        return f"Ray at {self._address}, {self._device}"

    def run(self, make: Make, shards: Sequence[str]) -> Generator[list[Ended], None, None]:
        """As `Engine.run`; a shard whose worker died too often is `InterruptedWork`."""
        ray = _import_ray()
        task = ray.remote(
            num_cpus=self._cores,
            num_gpus=int(self._device == "cuda"),
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )(_in_folder)
        workers = self._cores if self._workers is None else self._workers
        running = {task.remote(os.getcwd(), make, shard, self._device, workers): shard for shard in shards}
        while running:
            ended, _ = ray.wait(list(running), num_returns=len(running), timeout=TICK)
            yield [_ray_outcome(reference, running.pop(reference)) for reference in ended]

    def _share_out(self, machines: Sequence[dict[str, float]]) -> None:
        """Decide on device, cores of a shard, and the number of shards, by what the cluster's machines have."""
        with_gpu = [machine for machine in machines if machine.get("GPU", 0) >= 1]
        if self._asked == "cuda" and not with_gpu:
            raise InputError(f"the Ray cluster at {self._address!r} has no GPU; --device cpu goes without")
        self._device = "cuda" if with_gpu and self._asked != "cpu" else "cpu"
        places = with_gpu if self._device == "cuda" else machines
        self.batch_size = CUDA_BATCH if self._device == "cuda" else CPU_BATCH
        fewest = min((int(machine.get("CPU", 0) // machine["GPU"]) for machine in with_gpu), default=1)
        self._cores = max((fewest if self._device == "cuda" else 1) if self._workers is None else self._workers, 1)
        at_once = sum(
            int(min(machine.get("CPU", 0) // self._cores, machine["GPU"] if self._device == "cuda" else float("inf")))
            for machine in places
        )
        if not at_once:
            raise InputError(f"no machine of the Ray cluster has {self._cores} cores for --workers {self._workers}")
        self.shards = 2 * at_once  # so that machines of different speed end at about the same time


def _outcome(future: Future[list[str]], shard: str) -> Ended:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        error = InterruptedWork(
            f"the process of shard {shard} died (out of memory?); the same command goes on from there"
        )
    return Ended(shard, error=error) if error else Ended(shard, future.result())


def _ray_outcome(reference: Any, shard: str) -> Ended:
    ray = _import_ray()
    try:
        return Ended(shard, ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        return Ended(shard, error=error.cause)
    except ray.exceptions.RayError as error:
        reason = str(error).partition("\n")[0]
        told = f"shard {shard} died again and again ({reason}); the same command goes on from there"
        return Ended(shard, error=InterruptedWork(told))


def _in_folder(folder: str, make: Make, shard: str, device: str, workers: int) -> list[str]:
    """Make a shard where relative paths mean what they mean to whoever asked for it."""
    os.chdir(folder)
    return make(shard, device, workers)


def _leave_signals_to_parent() -> None:
    """Set up a process: its parent says when to stop, and it never outlives it."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group by a terminal or a scheduler
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is loaded; it would report over the network
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray will do anyway, and warns of
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--ray needs Ray, but {error}; install it with: pip install -e .[extract,cluster]") from error
    return ray
