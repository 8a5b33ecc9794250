"""What a network does on the images: on as many as are asked for, or as it takes to see that it cannot keep up."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator

import torch
from attrs import field, frozen
from torch import Tensor
from torch.nn.functional import cross_entropy

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.search.answers import UNKNOWN, Answers
from spacelang_runtime.search.images import ScoringImages
from spacelang_runtime.search.overlapped import overlapped
from spacelang_runtime.search.racing import Race

GREATEST = 65504.0  # of float16: a loss beyond it, or none at all, counts as much
AHEAD = 1  # on a GPU; a CPU computes nothing by itself


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


def judged(answers: Answers, fidelity: Fidelity, seen: int = 0) -> int | None:
    """After how many images a network with these answers is judged; None where more must be seen. Images beyond do
    not matter, so that what is known from elsewhere decides nothing. seen: the first so many are known not to judge
    it."""
    race = fidelity.race
    for stop in fidelity.stops:
        if stop <= seen:
            continue
        if len(answers) < stop:
            return None
        if stop == fidelity.images:
            return stop
        if race is not None and race.lost(answers.first(stop).errors(race.score)):
            return stop
    raise AssertionError("the last stop decides")


@frozen(eq=False)
class Scorer:
    """Scores networks with the weights of a supernet in evaluation mode, on images that are in place. ahead:
    networks that the device has to compute while one is looked at."""

    model: Supernet
    images: ScoringImages
    normalise: Callable[[Tensor], Tensor]
    ahead: int = field()

    @ahead.default
    def _ahead(self) -> int:
        return AHEAD if self.device.type == "cuda" else 0

    @property
    def device(self) -> torch.device:
        return self.images.device

    def judge(self, subnets: Iterable[Subnet], fidelity: Fidelity) -> Iterator[Verdict]:
        """Score networks from where each is known on, until it is judged; the verdicts as they come."""
        yield from overlapped((self.judging(subnet, fidelity) for subnet in subnets), self.ahead)

    def judging(self, subnet: Subnet, fidelity: Fidelity) -> Generator[None, None, Verdict]:
        """Score one network; it stops wherever it is about to wait for the device."""
        spent = -time.monotonic()
        answers = subnet.known
        told, seen = self._told(subnet.architecture, len(answers), fidelity.images), 0
        while (used := judged(answers, fidelity, seen)) is None:
            stop = next(stop for stop in fidelity.stops if stop > len(answers))
            coming = _gather(told, stop - len(answers))
            spent += time.monotonic()
            yield
            spent -= time.monotonic()
            seen, answers = len(answers), answers.then(coming())
        return Verdict(subnet.digest, answers, used, spent + time.monotonic(), str(self.device))

    def answers(self, architecture: Architecture) -> Answers:
        """What a network does on all images."""
        (verdict,) = self.judge([Subnet(architecture, architecture.digest)], Fidelity(len(self.images)))
        return verdict.answers

    def _told(self, architecture: Architecture, start: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each batch, which images the network tells right and what they lose. Nothing waits for the device."""
        for pictures, labels in self.images.batches(start, end):
            with torch.inference_mode(), precision(self.device):
                logits = self.model(self.normalise(pictures), architecture).float()
                losses = cross_entropy(logits, labels, reduction="none").nan_to_num(GREATEST)
                told = logits.argmax(1) == labels, losses.clamp(0, GREATEST).half()
            yield told


def _gather(told: Iterator[tuple[Tensor, Tensor]], count: int) -> Callable[[], Answers]:
    """The next so many answers, of whole batches, on their way to the host: what is given waits for them."""
    parts: list[tuple[Tensor, Tensor]] = []
    while count > 0:
        parts.append(next(told))
        count -= len(parts[-1][0])
    right, losses = (_to_host(torch.cat(part)) for part in zip(*parts, strict=True))
    came = torch.cuda.current_stream(parts[0][0].device).record_event() if parts[0][0].is_cuda else None

    def wait() -> Answers:
        if came is not None:
            came.synchronize()
        return Answers(right.numpy(), losses.numpy())

    return wait


def _to_host(of: Tensor) -> Tensor:
    """A tensor on the host, once all that its device has been given by now is done."""
    if not of.is_cuda:
        return of
    return torch.empty(of.shape, dtype=of.dtype, pin_memory=True).copy_(of, non_blocking=True)
