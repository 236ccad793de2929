"""Batches prepared in worker processes, in order, a few ahead of the encoder; pixels pass through shared memory."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from math import ceil
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import numpy as np

from cache.errors import InterruptedWork
from extract.images import FrameInfo
from extract.prepare import VIDEO_FRAMES, Failure, Item, Preparation, prepare

PICTURES = 32  # in a task
LOOKED_AT = -1  # position of a picture without a place: it only tells where its video's face has been
FORKSERVER = "forkserver"
STOPPING = (signal.SIGINT, signal.SIGTERM)

Frames = list[FrameInfo | Failure | None]


class Batch(NamedTuple):
    """Prepared frames of the slots ``start`` to ``stop``.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (B, V, h, w, 3)
        RGB in each view; zeros where there is no frame, and behind the last slot.
    frames : list of FrameInfo, Failure or None, length B
        None: the video has fewer frames than slots, or the row is padding.
    """

    start: int
    stop: int
    pixels: np.ndarray
    frames: Frames


class Task(NamedTuple):
    """What one process prepares at a time: some pictures, or a video; and where the squares go."""

    positions: list[int]  # batch * batch size + row, or LOOKED_AT
    items: list[Item]

    def first(self) -> int:
        """The first position."""
        return next(position for position in self.positions if position != LOOKED_AT)


def prepared_batches(
    ranges: Sequence[tuple[int, int]],
    items: Callable[[int, int], list[Item]],
    preparation: Preparation,
    batch_size: int,
    workers: int,
    *,
    longest: int = 1,
    held: int = 1,
) -> Generator[Batch, None, None]:
    """Prepare batches in ``workers`` processes (0: in this one), yielding them in order.

    Parameters
    ----------
    ranges : sequence of (start, stop)
        The slots of each batch, at most ``batch_size``.
    items : callable
        The items of the slots from start to stop.
    longest : int
        The most slots that one video has: it is decoded by one process, into as many batches as it fills. A folder of
        pictures is a video where faces are followed.
    held : int
        So many of the batches already taken may still be read when the next one is asked for; older ones are
        overwritten.

    Raises
    ------
    InterruptedWork
        A worker process died, for example for want of memory.
    """
    together = min(longest, VIDEO_FRAMES) + (PICTURES if preparation.faces else 0)  # rows of a task
    ahead = max(max(2 * workers, 1) * PICTURES, (workers + 1) * together)  # rows
    slabs = ceil(ahead / batch_size) + held + 1
    other_end, lifeline = multiprocessing.Pipe(duplex=False)  # worker processes end when it is closed, or gone with us
    ring, executor, work = _executor(preparation, slabs * batch_size, workers, other_end)

    def submit(task: Task) -> Future[Frames]:
        with _deaf_children():  # a pool starts its processes as tasks come
            return executor.submit(work, task)

    with other_end, lifeline, executor:
        try:
            tasks = _tasks(ranges, items, batch_size, follows_faces=preparation.faces is not None)
            yield from _in_order(ranges, tasks, submit, ring, batch_size, held)
        except BrokenProcessPool as error:
            raise InterruptedWork(
                "a worker process died (out of memory? fewer --workers need less); the same command goes on from there"
            ) from error
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            lifeline.close()  # or a broken pool would wait for ever for the processes that are left


def _in_order(
    ranges: Sequence[tuple[int, int]],
    tasks: Iterator[Task],
    submit: Callable[[Task], Future[Frames]],
    ring: np.ndarray,
    batch_size: int,
    held: int,
) -> Iterator[Batch]:
    waiting: deque[tuple[Task, Future[Frames]]] = deque()
    frames: dict[int, Frames] = defaultdict(lambda: [None] * batch_size)
    task = next(tasks, None)
    for number, (start, stop) in enumerate(ranges):
        room = (number - held) * batch_size + len(ring)  # positions before it fall on rows that nobody reads any more
        while task and task.positions[-1] < room:
            waiting.append((task, submit(task)))
            task = next(tasks, None)
        while waiting and waiting[0][0].first() < (number + 1) * batch_size:
            done, future = waiting.popleft()
            for position, frame in zip(done.positions, future.result(), strict=True):
                if position != LOOKED_AT:
                    frames[position // batch_size][position % batch_size] = frame
        first = number * batch_size % len(ring)
        pixels = ring[first : first + batch_size]
        pixels[stop - start :] = 0
        yield Batch(start, stop, pixels, frames.pop(number))


def _tasks(
    ranges: Sequence[tuple[int, int]],
    items: Callable[[int, int], list[Item]],
    batch_size: int,
    follows_faces: bool = False,
) -> Iterator[Task]:
    """Neighbours in the plan, cut into what one process does at a time, whatever batches they fall into.

    Where faces are followed, pictures of a video stay together as the frames of a video file do, and those between
    two ranges, or before the first, are looked at: so the choice of a face depends on the plan alone.
    """
    task, stretch, seen = Task([], []), -1, 0  # first slot of the frames followed together; the one behind the last
    for number, (start, stop) in enumerate(ranges):
        for slot, item in enumerate(items(start, stop), start):
            follows = follows_faces and not item.is_video
            begin = slot - item.slot % VIDEO_FRAMES if follows else slot
            if task.items and begin != stretch and not _joins(item, task.items):
                yield task
                task, seen = Task([], []), 0
            if follows:
                before = items(max(begin, seen), slot) if max(begin, seen) < slot else []
                task.positions.extend([LOOKED_AT] * len(before))
                task.items.extend(before)
            task.positions.append(number * batch_size + slot - start)
            task.items.append(item)
            stretch, seen = begin, slot + 1
    if task.items:
        yield task


def _joins(item: Item, others: Sequence[Item]) -> bool:
    if item.is_video or others[-1].is_video:
        return item.path == others[-1].path and item.slot // VIDEO_FRAMES == others[-1].slot // VIDEO_FRAMES
    return len(others) < PICTURES


def _executor(
    preparation: Preparation, rows: int, workers: int, lifeline: Connection
) -> tuple[np.ndarray, Executor, Callable[[Task], Frames]]:
    """The ring of squares, shape (rows, V, h, w, 3), who fills it, and how."""
    shape = preparation.shape(rows)
    if workers == 0:
        ring = np.zeros(shape, np.uint8)
        return ring, _Here(), partial(_prepare_into, ring, preparation)
    # Anonymous shared memory: handed to the processes when they start, gone with the last of them, however they end.
    context = _context(preparation.preprocessing.resizer)
    memory = context.RawArray(ctypes.c_uint8, int(np.prod(shape)))
    pool = ProcessPoolExecutor(workers, context, _begin, (memory, shape, preparation, lifeline))
    return _as_ring(memory, shape), pool, _work


def _prepare_into(ring: np.ndarray, preparation: Preparation, task: Task) -> Frames:
    rows = [None if position == LOOKED_AT else ring[position % len(ring)] for position in task.positions]
    return prepare(task.items, preparation, rows)


def _as_ring(memory: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(memory, np.uint8).reshape(shape)


def start_early(workers: int) -> None:
    """Let the libraries of the worker processes be loaded while something else, such as a model, is loaded here."""
    if workers and FORKSERVER in multiprocessing.get_all_start_methods():
        _context("torch")
        with _deaf_children():
            forkserver.ensure_running()


def _context(resizer: str) -> Any:
    """Processes that are forked from a server which has loaded the libraries once; started anew where there is none.

    Never forked from this process: where torch's threads run, a fork can deadlock.
    """
    if FORKSERVER not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context: BaseContext = multiprocessing.get_context(FORKSERVER)
    context.set_forkserver_preload(["extract.prepare", *(["torch"] if resizer == "torch" else [])])
    return context


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started meanwhile leave signals to this one, which seals what is done.

    A terminal or a scheduler sends them to the whole group; the server of processes would die of one, and so would
    a process that is not set up yet.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # where it is started later, it lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # children inherit it; here they wait meanwhile
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Here(Executor):
    """Work done in this process, at once."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **options))
        return future


_work_here: Callable[[Task], Frames]  # of a worker process, set as it begins


def _work(task: Task) -> Frames:
    return _work_here(task)


def _begin(memory: Any, shape: tuple[int, ...], preparation: Preparation, lifeline: Connection) -> None:
    """Set up a worker process: it leaves signals to its parent, which seals what is done, but never outlives it."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if preparation.preprocessing.resizer == "torch":
        import torch

        torch.set_num_threads(1)
    global _work_here
    _work_here = partial(_prepare_into, _as_ring(memory, shape), preparation)


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it is closed
    os._exit(1)
