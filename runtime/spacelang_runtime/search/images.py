"""The held-out images where a network reads them: on the device, or as near to it as they fit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor

from spacelang.architecture import Frame
from spacelang_runtime.data.decoded import Decoded
from spacelang_runtime.data.in_memory import room
from spacelang_runtime.search.halving import FIRST, TOP

TOKENS = 256 * 56 * 56  # of the first stage, in a batch: enough to keep a GPU at work
LEAST, MOST = 64, 1024  # images in a batch
GOLDEN = 2654435769  # 2^32 over the golden ratio
SHARE = 8  # a batch is at most such a part of all images: a race wants looks before the end

Place = Literal["device", "pinned", "host"]


@frozen(eq=False)
class ScoringImages:
    """pictures: uint8 [n, channels, side, side]. labels: int64 [n], on the device. place: where the pictures lie:
    on the device; in memory that it copies from by itself; or wherever the file they were mapped from is. begin:
    the picture that comes first; after the last one come those before it."""

    pictures: Tensor
    labels: Tensor
    device: torch.device
    place: Place
    batch: int
    begin: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, start: int = 0, end: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """The images from `start` on, to the last or before `end`, as batches on the device, in their order: the
        fixed one, turned so that `begin` comes first."""
        last = len(self) if end is None else end
        ends = [start, *(cut for cut in cuts(last, self.batch) if cut > start)]
        spans = list(pairwise(ends))
        match self.place:
            case "device":
                for first, last in spans:
                    yield self._turned(self.pictures, first, last), self._turned(self.labels, first, last)
            case _:
                yield from self._ahead(spans)

    def _turned(self, of: Tensor, first: int, last: int) -> Tensor:
        """What is at these places of the order. Of a span that goes past the last picture, two parts are joined."""
        size = len(self)
        low, high = first + self.begin, last + self.begin
        if high <= size:
            return of[low:high]
        return of[low - size : high - size] if low >= size else torch.cat([of[low:], of[: high - size]])

    def _ahead(self, spans: list[tuple[int, int]]) -> Iterator[tuple[Tensor, Tensor]]:
        """One batch is being read and copied while the one before is computed."""
        stream = torch.cuda.Stream(self.device)

        def fetch(first: int, last: int) -> tuple[Tensor, Tensor]:
            part = self._turned(self.pictures, first, last)
            part = part if part.is_pinned() else part.pin_memory()
            with torch.cuda.stream(stream):
                # `part` goes with the copy: pinned memory must not be used anew before the copy has ended.
                return part, part.to(self.device, non_blocking=True)

        with ThreadPoolExecutor(1) as reader:
            waiting = [reader.submit(fetch, *span) for span in spans[:1]]
            for number, (first, last) in enumerate(spans):
                _, on_device = waiting.pop().result()
                if number + 1 < len(spans):
                    waiting.append(reader.submit(fetch, *spans[number + 1]))
                computing = torch.cuda.current_stream(self.device)
                computing.wait_stream(stream)
                on_device.record_stream(computing)
                yield on_device, self._turned(self.labels, first, last)


def place(decoded: Decoded, frame: Frame, device: torch.device, begin: int = 0) -> ScoringImages:
    """Decoded images brought as near to a device as they fit: into half of its free memory, into the memory of the
    host, or left in the file. begin: the one that comes first."""
    size = decoded.pictures.nbytes
    labels = torch.from_numpy(decoded.labels).to(device)
    pictures = torch.from_numpy(decoded.pictures)
    batch = batch_of(frame, len(decoded))
    if device.type != "cuda" or size <= torch.cuda.mem_get_info(device)[0] // 2:
        return ScoringImages(pictures.to(device), labels, device, "device", batch, begin)
    if size <= room():
        return ScoringImages(pictures.pin_memory(), labels, device, "pinned", batch, begin)
    return ScoringImages(pictures, labels, device, "host", batch, begin)


def beginning(seed: int, images: int) -> int:
    """Which of so many images comes first in a run of this seed: what a search reads, and what it leaves for the
    estimate, then follow from the seed. Those of consecutive seeds lie far apart (multiples of the golden ratio,
    modulo 1); seed 0 begins at 0."""
    return (seed * GOLDEN % 2**32) * images >> 32


def cuts(images: int, batch: int) -> tuple[int, ...]:
    """After how many of so many images a batch ends: where a generation is parted, then every `batch`, then at all.

    So a network is computed in the same batches however often it was stopped on the way.
    """
    early = [FIRST * 2**k for k in range(TOP // FIRST) if FIRST * 2**k < min(images, TOP)]
    return (*early, *range(TOP, images, batch), images)


def batch_of(frame: Frame, images: int) -> int:
    """How many images are scored at a time.

    It follows from the image and their number, not from the device: the same network on the same images is then
    computed in the same batches everywhere, and a race is looked at after the same images.
    """
    fitting = TOKENS // frame.side(0) ** 2
    part = -(-images // SHARE)
    return max(LEAST, min(fitting, MOST, -(-part // LEAST) * LEAST))
