"""Batches prepared in worker processes, in order, a few ahead of the encoder."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from cache.errors import InterruptedWork
from extract.prepare import Item, Prepared, Preprocessing, prepare
from extract.video import Sampling


def prepared_batches(
    batches: Iterable[Sequence[Item]],
    preprocessing: Preprocessing,
    sampling: Sampling,
    batch_size: int,
    workers: int,
) -> Generator[Prepared, None, None]:
    """Prepare batches in ``workers`` processes (0: in this one), yielding them in order.

    Raises
    ------
    InterruptedWork
        A worker process died, for example for want of memory.
    """
    work = partial(prepare, preprocessing=preprocessing, sampling=sampling, batch_size=batch_size)
    if workers == 0:
        yield from map(work, batches)
        return
    # "spawn", because a fork of a process that runs torch's threads can deadlock
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent) as pool:
        try:
            yield from _in_order(pool, work, batches, ahead=2 * workers)
        except BrokenProcessPool as error:
            raise InterruptedWork(
                "a worker process died (out of memory? fewer --workers need less); the same command goes on from there"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, work: partial[Prepared], batches: Iterable[Sequence[Item]], ahead: int
) -> Iterator[Prepared]:
    waiting: deque[Future[Prepared]] = deque()
    for batch in batches:
        waiting.append(pool.submit(work, batch))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _follow_parent() -> None:
    """Leave signals to the parent, which seals what is done; but never outlive it, should it be killed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group by a terminal or a scheduler
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
