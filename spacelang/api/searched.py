"""What a search of a trained run has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from spacelang.api.architecture import Architecture
from spacelang.api.finish import Finished
from spacelang.api.measures import Measures
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.api.evolve import Budget
    from spacelang_runtime.search.candidate import Candidate
    from spacelang_runtime.search.finalists import Estimate
    from spacelang_runtime.search.outcome import SearchOutcome
    from spacelang_runtime.search.whole_run import WholeRun


@frozen
class ScoredNetwork:
    """A network that was scored. accuracy: the share right of the held-out images that the search reads. loss: its
    mean cross-entropy on them; None where the search was for a front. costs: by measure, in the units of the
    tables. apart: the 95 % interval by which its mean score is worse than the best one's; None of the best
    itself."""

    architecture: Architecture
    accuracy: float
    loss: float | None
    costs: Mapping[str, int | float]
    apart: tuple[float, float] | None = None

    def row(self) -> dict[str, Any]:
        """Its name, line, accuracy, loss and costs."""
        one = self.architecture
        return {"name": one.name, "line": one.line, "accuracy": self.accuracy, "loss": self.loss} | dict(self.costs)


@define(frozen=True, slots=False, repr=False)
class Winner:
    """What one search ended with.

    budget: the bound on MACs, as it was asked for. best: the winner, and level: the finalists that cannot be told
    from it. images: how many each was looked at on; estimate: what the best does on images that chose nothing, None
    where all were read. front: what nothing beats in all goals, from the least accurate on; empty where there is
    one goal. hypervolume: of the front. networks: different ones that were judged, in so many seconds. finished:
    what has become of the best, where it was to be finished. whole: how the best did when it ran whole (`came`,
    `latency`, `drift`, `margin`), where a latency is bound by a table of this machine.
    """

    budget: Budget
    best: ScoredNetwork
    level: tuple[ScoredNetwork, ...]
    front: tuple[ScoredNetwork, ...]
    images: int
    estimate: Estimate | None
    hypervolume: float | None
    networks: int
    seconds: float
    finished: Finished | None = None
    whole: WholeRun | None = None

    def records(self) -> list[dict[str, Any]]:
        """A row for each network of the front; or for the best, and those that cannot be told from it."""
        if self.front:
            return [one.row() for one in self.front]
        others = [one for one in self.level if one.architecture != self.best.architecture]
        return [one.row() for one in (self.best, *others)]


@define(frozen=True, slots=False, repr=False)
class SearchResults:
    """What the searches of a call have found, one for each budget: a sequence of `Winner`.

    run: the name of the run, of whose networks `best` is from now on that of the last search. preview: the run was
    only a look at how things work. Empty in a process of torchrun that only helped.
    """

    run: str
    winners: tuple[Winner, ...]
    preview: bool = False

    def __len__(self) -> int:
        return len(self.winners)

    def __iter__(self) -> Iterator[Winner]:
        return iter(self.winners)

    def __getitem__(self, at: int) -> Winner:
        return self.winners[at]

    @cached_property
    def _last(self) -> Winner:
        if not self.winners:
            raise Failure("this process only helped", "the leading one, of rank 0, has what was found")
        return self.winners[-1]

    @property
    def best(self) -> Architecture:
        """The best network: of several searches, that of the last."""
        return self._last.best.architecture

    @property
    def accuracy(self) -> float:
        """The share of the held-out images that the best one tells right, of those that the search reads."""
        return self._last.best.accuracy

    @property
    def loss(self) -> float | None:
        """The mean cross-entropy of the best one on these."""
        return self._last.best.loss

    @property
    def estimate(self) -> Estimate | None:
        """What the best one does on held-out images that chose nothing: `correct` of `images`, with intervals."""
        return self._last.estimate

    @property
    def front(self) -> tuple[ScoredNetwork, ...]:
        """What nothing beats in all goals, from the least accurate on; empty where there is one goal."""
        return self._last.front

    @property
    def finished(self) -> Finished | None:
        """What has become of the best one, where it was to be finished."""
        return self._last.finished

    def records(self) -> list[dict[str, Any]]:
        """A row for each budget; where there is one, a row for each network of its front, or for the best and those
        that cannot be told from it."""
        if len(self.winners) == 1:
            return self.winners[0].records()
        return [{"budget": one.budget} | one.best.row() for one in self.winners]

    def __repr__(self) -> str:
        said = ", ".join(f"{one.best.architecture.name} {one.best.accuracy:.2%}" for one in self.winners)
        preview = "PREVIEW of a " if self.preview else ""
        return f"<{preview}search of {self.run}: {said or 'helped'}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


def winner(budget: Budget, outcome: SearchOutcome, measures: Measures, finished: Finished | None) -> Winner:
    """What a search of the runtime has found, as the front door hands it out."""

    def made(
        one: Candidate, accuracy: float, loss: float | None, apart: Sequence[float] | None = None
    ) -> ScoredNetwork:
        costs = {name: measures.plain(name, value) for name, value in one.costs.items()}
        ends = None if apart is None else (apart[0], apart[1])
        return ScoredNetwork(Architecture(one.architecture), accuracy, loss, costs, ends)

    return Winner(
        budget,
        made(outcome.best, outcome.accuracy, outcome.loss),
        tuple(made(one.candidate, one.accuracy, one.loss, one.apart) for one in outcome.level),
        tuple(made(one, correct / outcome.images, None) for one, correct in outcome.front),
        outcome.images,
        outcome.estimate,
        outcome.volume,
        outcome.networks,
        outcome.seconds,
        finished,
        outcome.whole,
    )
