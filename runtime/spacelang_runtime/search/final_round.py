"""The end of a search: the best few on all images, and of these what keeps the bounds when it runs whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from spacelang_runtime.failure import Failure
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.candidate import Candidate
from spacelang_runtime.search.finalists import Final, placed, race
from spacelang_runtime.search.method import Method
from spacelang_runtime.search.scoring import Fidelity
from spacelang_runtime.search.whole_run import Feasibility, WholeRun, likely

FURTHER = 8  # networks after the finalists that are run whole, one by one, before a search gives up


@define
class FinalRound:
    """The finalists of a search.

    ranked: everything scored, the best first. images: that are read. cuts: after how many of them a race is looked
    at. look: has networks looked at; known: their answers, settled: on how many images, by digest. feasible: runs a
    network whole; None: nothing is bound so. ran: what did run, by digest.
    """

    ranked: Sequence[Candidate]
    method: Method
    images: int
    cuts: tuple[int, ...]
    look: Callable[[Sequence[Candidate], Fidelity], None]
    known: Mapping[str, Answers]
    settled: Mapping[str, int]
    feasible: Feasibility | None = None
    ran: dict[str, WholeRun] = field(factory=dict)

    def finalists(self) -> tuple[Final, ...]:
        """The first on all images, the others beside it. Raises `Failure` where none keeps the bounds."""
        first, *others = several = self.ranked[: self.method.finalists]
        self.look([first], Fidelity(self.images))
        rival = self.known[first.digest].first(self.images)
        racing = None
        if self.method.spending != "full":
            racing = race(rival, self.method.score, self.cuts, len(several))
        self.look(others, Fidelity(self.images, racing))
        return self._placed(several) if self.feasible is None else self._keeping(several, self.feasible)

    def _keeping(self, several: Sequence[Candidate], feasible: Feasibility) -> tuple[Final, ...]:
        """The finalists without those that leave the bounds when they run whole. Only the best and those level with
        it are run: of these comes the answer. Where none is left, the next best comes that is likely to keep
        them."""
        left, further = list(several), 0
        while left:
            finalists = self._placed(left)
            answers = (finalists[0], *(one for one in finalists if one.level))
            outside = next((one for one in answers if not self._run(one.candidate, feasible).kept), None)
            if outside is None:
                return finalists
            left.remove(outside.candidate)
            if not left and further < FURTHER and (another := self._next(feasible.measure)) is not None:
                left, further = [another], further + 1
        closest = min(self.ran.values(), key=lambda run: run.beyond)
        raise Failure(
            f"none of the {len(self.ran)} networks that ran whole keeps the bounds; the closest: {closest.said}",
            "bound it higher, ask for more --finalists, or measure the table anew on an idle machine: "
            "spacelang measure",
        )

    def _placed(self, left: Sequence[Candidate]) -> tuple[Final, ...]:
        """These, the best first, which has seen all images: one may have been left beside what is no finalist any
        more, and one that comes after the finalists has seen few."""
        while True:
            finalists = placed(left, self.known, self.settled, self.method.score, self.images)
            best = finalists[0].candidate
            if self.settled[best.digest] == self.images:
                return finalists
            self.look([best], Fidelity(self.images))

    def _run(self, one: Candidate, feasible: Feasibility) -> WholeRun:
        if one.digest not in self.ran:
            self.ran[one.digest] = feasible.run(one.architecture)
        return self.ran[one.digest]

    def _next(self, measure: str) -> Candidate | None:
        """The best that has not run whole and is likely to keep the bounds; None where there is none."""
        costs = [(one.costs[measure], self.ran[one.digest]) for one in self.ranked if one.digest in self.ran]
        rest = (one for one in self.ranked if one.digest not in self.ran)
        return next((one for one in rest if likely(one.costs[measure], costs)), None)
