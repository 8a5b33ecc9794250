"""What a network does on the images: on as many as are asked for, or as it takes to see that it cannot keep up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from attrs import field, frozen
from torch import Tensor
from torch.nn.functional import cross_entropy

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.search.answers import UNKNOWN, Answers
from spacelang_runtime.search.images import ScoringImages
from spacelang_runtime.search.racing import Race

GREATEST = 65504.0  # of float16: a loss beyond it, or none at all, counts as much


@frozen(eq=False)
class Subnet:
    """A network to score. known: its answers on the first images, from an earlier time."""

    architecture: Architecture
    digest: str
    known: Answers = field(default=UNKNOWN)


@frozen(eq=False)
class Fidelity:
    """How far networks are scored: to so many images, all that is known counting; or until a race is lost."""

    images: int
    race: Race | None = None

    @property
    def stops(self) -> tuple[int, ...]:
        """After how many images a network is looked at, the end last."""
        early = self.race.looks if self.race else ()
        return (*(look for look in early if look < self.images), self.images)


@frozen(eq=False)
class Verdict:
    """What a network did. answers: on the images known by now. used: after how many of them it was judged: all that
    were asked for, or fewer where it lost its race. seconds: that scoring took, on `device`."""

    digest: str
    answers: Answers
    used: int
    seconds: float = 0.0
    device: str = ""


def judged(answers: Answers, fidelity: Fidelity) -> int | None:
    """After how many images a network with these answers is judged; None where more must be seen. Images beyond do
    not matter, so that what is known from elsewhere decides nothing."""
    race = fidelity.race
    for stop in fidelity.stops:
        if len(answers) < stop:
            return None
        if stop == fidelity.images:
            return stop
        if race is not None and race.lost(answers.first(stop).errors(race.score)):
            return stop
    raise AssertionError("the last stop decides")


@frozen(eq=False)
class Scorer:
    """Scores networks with the weights of a supernet in evaluation mode, on images that are in place."""

    model: Supernet
    images: ScoringImages
    normalise: Callable[[Tensor], Tensor]

    @property
    def device(self) -> torch.device:
        return self.images.device

    def judge(self, subnet: Subnet, fidelity: Fidelity) -> Verdict:
        """Score a network from where it is known on, until it is judged."""
        began = time.monotonic()
        answers = subnet.known
        told = self._told(subnet.architecture, len(answers), fidelity.images)
        while (used := judged(answers, fidelity)) is None:
            stop = next(stop for stop in fidelity.stops if stop > len(answers))
            answers = answers.then(_gather(told, stop - len(answers)))
        return Verdict(subnet.digest, answers, used, time.monotonic() - began, str(self.device))

    def answers(self, architecture: Architecture) -> Answers:
        """What a network does on all images."""
        return self.judge(Subnet(architecture, architecture.digest), Fidelity(len(self.images))).answers

    def _told(self, architecture: Architecture, start: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each batch, which images the network tells right and what they lose. Nothing waits for the device."""
        for pictures, labels in self.images.batches(start, end):
            with torch.inference_mode(), precision(self.device):
                logits = self.model(self.normalise(pictures), architecture).float()
                losses = cross_entropy(logits, labels, reduction="none").nan_to_num(GREATEST)
                told = logits.argmax(1) == labels, losses.clamp(0, GREATEST).half()
            yield told


def _gather(told: Iterator[tuple[Tensor, Tensor]], count: int) -> Answers:
    """The next so many answers, of whole batches."""
    parts: list[tuple[Tensor, Tensor]] = []
    while count > 0:
        parts.append(next(told))
        count -= len(parts[-1][0])
    right, losses = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    return Answers(right, losses)
