"""From what workers send to what a network reads, on its device, before it asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from itertools import islice
from queue import Full, Queue
from typing import TypeVar

import torch
from attrs import field, frozen
from torch import Tensor

from spacelang_runtime.data.batch import ImageBatch

T = TypeVar("T")
PAUSE = 0.1  # seconds between two looks at whether all is over


@frozen
class Batch:
    """images: float32 [b, channels, side, side], normalised. targets: float32 [b, classes], rows adding up to 1."""

    images: Tensor = field(eq=False)
    targets: Tensor = field(eq=False)


def whole(pieces: Iterator[ImageBatch], parts: int, device: torch.device) -> Iterator[ImageBatch]:
    """The images of each step, which come in so many pieces, as one batch of bytes on a device."""
    while step := list(islice(pieces, parts)):
        ends = torch.tensor([0, *(len(piece.labels) for piece in step)]).cumsum(0).tolist()
        images = torch.empty((ends[-1], *step[0].images.shape[1:]), dtype=step[0].images.dtype, device=device)
        labels = torch.empty(ends[-1], dtype=torch.int64, device=device)
        for piece, start, end in zip(step, ends, ends[1:], strict=False):
            images[start:end].copy_(piece.images, non_blocking=True)
            labels[start:end].copy_(piece.labels, non_blocking=True)
        yield ImageBatch(images, labels, [broken for piece in step for broken in piece.broken])


def ahead(batches: Generator[Batch, None, None], device: torch.device) -> Iterator[Batch]:
    """The same batches, made by a thread on a stream of its own while the GPU trains on those before.

    The batches must draw from no generator that the trainer draws from.
    """
    stream = torch.cuda.Stream(device, priority=-1)  # its short kernels go between the long ones of training

    def make() -> tuple[Batch | None, torch.cuda.Event]:
        with torch.cuda.device(device), torch.cuda.stream(stream):
            return next(batches, None), stream.record_event()

    with closing(batches), closing(_by_thread(make)) as made:  # the thread ends before what it asks
        for batch, ready in made:
            if batch is None:
                return
            now = torch.cuda.current_stream(device)
            now.wait_event(ready)
            batch.images.record_stream(now)
            batch.targets.record_stream(now)
            yield batch


def _by_thread(make: Callable[[], T]) -> Generator[T, None, None]:
    """What `make` gives, again and again, called by a thread; but the first time here, since it may start
    processes, which a process with several threads should not."""
    yield make()
    made: Queue[T | BaseException] = Queue(maxsize=1)
    over = threading.Event()

    def put(result: T | BaseException) -> None:
        while not over.is_set():
            with suppress(Full):
                made.put(result, timeout=PAUSE)
                return

    def work() -> None:
        while not over.is_set():
            try:
                put(make())
            except BaseException as error:  # to be raised where it is waited for
                put(error)
                return

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            result = made.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        over.set()
        thread.join()
