"""A function mapped over numbers by worker processes, in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_start_method, parent_process, resource_tracker, set_forkserver_preload
from types import TracebackType
from typing import Generic, TypeVar

import torch
from attrs import frozen
from torch.utils.data import DataLoader, Dataset

from spacelang_runtime.failure import Failure

T = TypeVar("T")
ENDS = (signal.SIGINT, signal.SIGTERM)
PAUSE = 1.0  # seconds between two looks of a worker at whether its parent is there


def neighbours() -> int:
    """How many processes torchrun has started on this host."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def cores() -> int:
    """The CPU cores that this process may use, shared evenly among those that torchrun started on this host."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable // neighbours())


def worked(
    job: Callable[[int], T], numbers: Sequence[int], workers: int, pin: bool = False, ahead: int = 0
) -> Generator[T, None, None]:
    """`job` of each number, in their order; `workers` processes are ahead of the reader (0: none, all here).

    job: must be picklable where processes are spawned, not forked. pin: put tensors of the results in page-locked
    memory. ahead: by how many results the workers are, or by two each where that is more. A `Failure` in a worker
    is raised here as itself; so is the death of a worker.
    """
    workers = min(workers, len(numbers))
    if workers == 0:
        yield from map(job, numbers)
        return
    with warnings.catch_warnings(), _ends_held_back():
        # The user has said how many; torch has an opinion on that, in the words of its own interface.
        warnings.filterwarnings("ignore", "This DataLoader will create")
        results = iter(_loader(job, numbers, workers, pin, ahead))
    try:
        while True:
            result = next(results, None)
            if result is None:
                return
            if isinstance(result, Failure):
                raise result
            yield result
    except RuntimeError as error:
        if failure := death(error):
            raise failure from None
        raise
    finally:
        del results  # ends the workers now; in the traceback of a failure they would live on


@contextmanager
def _ends_held_back() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM wait, and so they do in a process that is started here until it lets them come
    (`_belong_to_the_parent`): one that comes before it has handlers of its own would kill it, and the death of a
    worker is what the parent would tell instead of that it was stopped.

    Processes that are not forked come with one that tracks what they share, and Python lets both signals come again
    once it has started that: so it is started before.
    """
    if (method := get_start_method()) != "fork":
        resource_tracker.ensure_running()
    if method == "forkserver":  # what workers are forked from has then loaded what each would load in seconds
        set_forkserver_preload(["__main__", __name__])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _loader(job: Callable[[int], T], numbers: Sequence[int], workers: int, pin: bool, ahead: int) -> DataLoader:
    return DataLoader(
        _Jobs(job),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=max(2, -(-ahead // workers)),
        pin_memory=pin,
        collate_fn=_as_it_is,
        worker_init_fn=_belong_to_the_parent,
        generator=torch.Generator(),  # the loader draws a seed of its own, and not from the trainer's generator
    )


def death(error: RuntimeError) -> Failure | None:
    """What to say of an error that tells that a worker has died; None for any other. It is raised here, or in the
    main thread wherever that happens to be."""
    if "DataLoader worker" not in str(error):
        return None
    return Failure(
        "a process that prepares images was killed, as happens when memory runs out",
        "use fewer workers (0 uses none), or give the machine or container more memory, "
        "shared memory (/dev/shm) included",
    )


@frozen
class _Jobs(Dataset, Generic[T]):
    job: Callable[[int], T]

    def __getitem__(self, number: int) -> T | Failure:
        try:
            return self.job(number)
        except Failure as failure:  # as a value: torch would wrap it in a traceback
            return failure
        except MemoryError:
            message = "a process that prepares images finds no more memory"
            return Failure(message, "use a smaller batch, or fewer workers")


def _as_it_is(result: T) -> T:
    return result


def _belong_to_the_parent(worker: int) -> None:
    # Ctrl-C and SIGTERM may reach the whole group; the parent ends the workers when it has saved what there is to
    # save. A second SIGTERM is the parent's, which has waited in vain, or that of a user who will not.
    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, first)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    sys.excepthook = _unless_nobody_listens
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this process once its parent is gone. One that was killed takes no results, and where these are large
    torch's own worker waits for that without end; so it does where the parent was gone before the worker had asked
    whose child it is. A pipe that ends with the parent tells that as well (other processes that the parent has
    forked may hold it open)."""
    first, parent = os.getppid(), parent_process()
    while os.getppid() == first and (parent is None or parent.is_alive()):
        time.sleep(PAUSE)
    os._exit(1)


def _unless_nobody_listens(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an error of a thread, but for one that says that the parent was stopped while it took a result over."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, traceback)
