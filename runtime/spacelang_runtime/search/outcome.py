"""What a search tells while it goes on, and what it has found in the end."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from spacelang_runtime.search.candidate import Candidate
from spacelang_runtime.search.finalists import Estimate, Final
from spacelang_runtime.search.journal_rows import GenerationSummary
from spacelang_runtime.search.whole_run import WholeRun


@frozen
class ScoredCandidate:
    """A candidate that has been judged. accuracy: on the images it was judged on; left: they are not all that it
    could come to. known: it was not computed now.

    best: the share right of the best so far. done, asked: networks judged so far and to be asked for in all.
    fresh: of those judged, the ones that had to be computed. seconds: since the search began.
    """

    candidate: Candidate
    generation: int
    accuracy: float
    left: bool
    known: bool
    best: float
    done: int
    asked: int
    fresh: int
    seconds: float


@frozen
class Ended:
    """A generation that has been judged, with the best networks so far and their accuracies, the best first.
    doubt: where there is a predictor that is not believed: its tau and that of the costs."""

    generation: GenerationSummary
    leaders: tuple[tuple[Candidate, float], ...]
    doubt: tuple[float, float] | None = None


Observe = Callable[[ScoredCandidate | Ended], None]


@frozen
class SearchOutcome:
    """What a search found.

    accuracy, loss, correct: of the best network, on the `images` that the search may read. estimate: of the best,
    on the others. finalists: the best first. whole: how the best did when it ran whole; None where it did not.
    networks: how many different ones were judged; scored: of these, how many were computed here. spent: images that
    the networks were judged on; saved: those that were left unseen. front: what nothing else beats in all goals,
    from the least accurate on, each with its images right; volume: its hypervolume. doubts: generations after which
    the predictor was not believed, and doubt: tau of the predictor and of the costs, the last time.
    """

    best: Candidate
    accuracy: float
    loss: float
    correct: int
    images: int
    estimate: Estimate | None
    finalists: tuple[Final, ...]
    whole: WholeRun | None
    networks: int
    scored: int
    spent: int
    saved: int
    front: tuple[tuple[Candidate, int], ...]
    volume: float | None
    doubts: int
    doubt: tuple[float, float] | None
    seconds: float

    @property
    def level(self) -> tuple[Final, ...]:
        """The finalists that cannot be told from the best."""
        return tuple(one for one in self.finalists if one.level)

    @property
    def cheapest(self) -> Candidate:
        """Of these and the best, the one of fewest MACs."""
        return min((self.best, *(one.candidate for one in self.level)), key=lambda one: (one.flops, one.digest))
