"""A function mapped over numbers by worker processes, in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import torch
from attrs import frozen
from torch.utils.data import DataLoader, Dataset

from spacelang_runtime.failure import Failure

Result = TypeVar("Result")


def worked(
    job: Callable[[int], Result], numbers: Sequence[int], workers: int, pin: bool = False
) -> Iterator[Result]:
    """`job` of each number, in their order; `workers` processes are ahead of the reader (0: none, all here).

    job: must be picklable where processes are spawned, not forked. pin: put tensors of the results in page-locked
    memory. A `Failure` in a worker is raised here as itself; so is the death of a worker.
    """
    if workers == 0 or not numbers:
        yield from map(job, numbers)
        return
    loader = DataLoader(
        _Jobs(job),
        batch_size=None,
        sampler=numbers,
        num_workers=min(workers, len(numbers)),
        pin_memory=pin,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_signals_to_the_parent,
        generator=torch.Generator(),  # the loader draws a seed of its own, and not from the trainer's generator
    )
    results = iter(loader)
    try:
        while True:
            result = next(results, None)
            if result is None:
                return
            if isinstance(result, Failure):
                raise result
            yield result
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise Failure(
            "a process that prepares images was killed, as happens when memory runs out",
            "use fewer workers (0 uses none), or give the machine or container more memory, "
            "shared memory (/dev/shm) included",
        ) from None
    finally:
        del results  # ends the workers now; in the traceback of a failure they would live on


@frozen
class _Jobs(Dataset, Generic[Result]):
    job: Callable[[int], Result]

    def __getitem__(self, number: int) -> Result | Failure:
        try:
            return self.job(number)
        except Failure as failure:  # as a value: torch would wrap it in a traceback
            return failure


def _as_it_is(result: Result) -> Result:
    return result


def _leave_signals_to_the_parent(worker: int) -> None:
    # Ctrl-C reaches the whole group; the parent ends the workers when it has saved what there is to save. What the
    # parent does when it is terminated is not for its workers to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
