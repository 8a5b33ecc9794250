"""What a candidate gets right: all of the images, or as many as it takes to see that it cannot keep up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from attrs import field, frozen
from torch import Tensor

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.search.images import Images
from spacelang_runtime.search.racing import Race, Right

UNKNOWN: Right = np.zeros(0, np.bool_)


@frozen(eq=False)
class Task:
    """A network to score. known: what it got right of the first images, from an earlier time."""

    architecture: Architecture
    digest: str
    known: Right = field(default=UNKNOWN)


@frozen(eq=False)
class Verdict:
    """What a network got right. right: of the images known by now, in order. used: after how many of them it was
    judged: all, or fewer where it lost its race. seconds: that scoring took, on `device`."""

    digest: str
    right: Right
    used: int
    seconds: float = 0.0
    device: str = ""

    @property
    def correct(self) -> int:
        """Right among the images that it was judged on."""
        return int(self.right[: self.used].sum())


def judged(right: Right, race: Race | None, images: int) -> int | None:
    """After how many images a network is decided that did so on the first ones; None where more must be seen."""
    for stop in stops(race, images):
        if len(right) < stop:
            return None
        if stop == images or (race is not None and race.lost(right[:stop])):
            return stop
    raise AssertionError("the last stop decides")


def stops(race: Race | None, images: int) -> tuple[int, ...]:
    """After how many images a candidate is looked at, all of them last."""
    return (*(race.looks if race else ()), images)


@frozen(eq=False)
class Scorer:
    """Scores networks with the weights of a supernet in evaluation mode, on images that are in place."""

    model: Supernet
    images: Images
    normalise: Callable[[Tensor], Tensor]

    @property
    def device(self) -> torch.device:
        return self.images.device

    def judge(self, task: Task, race: Race | None = None) -> Verdict:
        """Score a network from where it is known on, until it is decided."""
        began = time.monotonic()
        right = task.known
        told = self._told(task.architecture, len(right))
        while (used := judged(right, race, len(self.images))) is None:
            stop = next(stop for stop in stops(race, len(self.images)) if stop > len(right))
            right = np.concatenate([right, _gather(told, stop - len(right))])
        return Verdict(task.digest, right, used, time.monotonic() - began, str(self.device))

    def right(self, architecture: Architecture) -> Right:
        """What a network gets right of all images."""
        return self.judge(Task(architecture, architecture.digest)).right

    def _told(self, architecture: Architecture, start: int) -> Iterator[Tensor]:
        """Of each batch, which images the network tells right. Nothing waits for the device here."""
        for pictures, labels in self.images.batches(start):
            with torch.inference_mode(), precision(self.device):
                logits = self.model(self.normalise(pictures), architecture)
                right = logits.argmax(1) == labels
            yield right


def _gather(told: Iterator[Tensor], count: int) -> Right:
    parts: list[Tensor] = []
    while count > 0:
        parts.append(next(told))
        count -= len(parts[-1])
    return torch.cat(parts).cpu().numpy()
