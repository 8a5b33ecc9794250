"""A candidate of a search, how it did, and what the search is after."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from spacelang.architecture import Architecture
from spacelang.lower.chain import Genotype
from spacelang_runtime.search import pareto

ACCURACY = "accuracy"


@frozen
class Candidate:
    """A network to score. costs: by measure of the space. operator: what made it, `draw`, `crossover`, `mutation`
    or `predictor`. parents: their digests. digest: of the architecture."""

    architecture: Architecture
    genotype: Genotype
    costs: Mapping[str, int]
    operator: str
    parents: tuple[str, ...] = ()
    digest: str = field(init=False)

    @digest.default
    def _digest(self) -> str:
        return self.architecture.digest

    @property
    def flops(self) -> int:
        return self.costs["flops"]

    @property
    def params(self) -> int:
        return self.costs["params"]


@frozen
class Result:
    """How a candidate did. value: less is better. images: it was judged on; who was judged on more ranks before
    those who were not. correct: how many of them it told right. relative: the value less that of networks that saw
    the same images, so that candidates compare that saw different numbers of them; None: the value. error: the
    standard error of that; None: not known."""

    value: float
    images: int = 0
    correct: int = 0
    relative: float | None = None
    error: float | None = None


@frozen
class Goals:
    """What a search is after. names: `accuracy` first, then measures, of which less is better. Where accuracy is
    all, what counts is the score, whatever it is of."""

    names: tuple[str, ...] = (ACCURACY,)

    def point(self, candidate: Candidate, result: Result) -> pareto.Point:
        """A candidate as less-is-better numbers."""
        if len(self.names) == 1:
            return (result.value,)
        return (-result.correct, *(candidate.costs[name] for name in self.names[1:]))
