"""A search going on: its generations, its finalists, and what it tells of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import pstdev

import numpy as np
from attrs import define, field

from spacelang_runtime.search import entries
from spacelang_runtime.search.answers import UNKNOWN, Answers, Real
from spacelang_runtime.search.candidate import Candidate, Result
from spacelang_runtime.search.evolution import Evolution
from spacelang_runtime.search.final_round import FinalRound
from spacelang_runtime.search.finalists import estimated
from spacelang_runtime.search.halving import going_on, rungs
from spacelang_runtime.search.images import batch_of, cuts
from spacelang_runtime.search.journal_rows import GenerationSummary, Search
from spacelang_runtime.search.journal_writer import JournalWriter
from spacelang_runtime.search.method import Method
from spacelang_runtime.search.outcome import Ended, Observe, ScoredCandidate, SearchOutcome
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.racing import Race
from spacelang_runtime.search.scoring import Fidelity, Subnet, judged
from spacelang_runtime.search.whole_run import Feasibility


@define
class Searching:
    """A search going on. writer: into its journal. feasible: see `evolve`. known: answers on the first images, by
    digest. settled: after how many of them this search has judged each. rung: what counts against each network that
    was seen so far, by rung. usual: what each image counts against the first good networks, on average; variance:
    of the difference to that. fresh: networks that had to be computed. images: how many the search may read."""

    writer: JournalWriter
    search: Search
    evolution: Evolution
    method: Method
    dispatch: Dispatcher
    observe: Observe
    feasible: Feasibility | None = None
    known: dict[str, Answers] = field(factory=dict)
    settled: dict[str, int] = field(factory=dict)
    rung: dict[int, dict[str, float]] = field(factory=dict)
    usual: Real | None = None
    variance: float = 0.0
    fresh: set[str] = field(factory=set)
    done: int = 0
    doubts: int = 0
    doubt: tuple[float, float] | None = None
    began: float = field(factory=time.monotonic)
    images: int = field(init=False)

    @images.default
    def _readable(self) -> int:
        return self.method.readable(self.search.total)

    @property
    def stops(self) -> tuple[int, ...]:
        """After how many images a generation is parted, the last being all that it is seen on."""
        return rungs(self.images) if self.method.spending == "halving" else (self.images,)

    def run(self) -> SearchOutcome:
        evolution = self.evolution
        while not evolution.finished:
            candidates = evolution.ask()
            self.writer.propose(self.search, evolution.generation, [entries.of_candidate(c) for c in candidates])
            self._generation(candidates)
            if self.usual is None:
                self._compare(candidates)
            evolution.tell(candidates, {c.digest: self._result(c.digest) for c in candidates})
            self._end(candidates)
        several = len(self.method.goals) > 1
        final = self._final()
        finalists = () if several else final.finalists()
        best = evolution.ranked()[0] if several else finalists[0].candidate
        if self.images < self.search.total:
            self._look_at_all([best], Fidelity(self.search.total))
        answers = self.known[best.digest]
        read = answers.first(self.images)
        return SearchOutcome(
            best=best,
            accuracy=read.correct / len(read),
            loss=read.loss,
            correct=read.correct,
            images=self.images,
            estimate=estimated(answers.first(self.search.total), self.images),
            finalists=finalists,
            whole=final.ran.get(best.digest),
            networks=len(evolution.seen),
            scored=len(self.fresh),
            spent=self._spent,
            saved=self._saved,
            front=tuple((c, evolution.result(c).correct) for c in evolution.front()) if several else (),
            volume=evolution.volume(self.images) if several else None,
            doubts=self.doubts,
            doubt=self.doubt,
            seconds=time.monotonic() - self.began,
        )

    @property
    def _spent(self) -> int:
        return sum(min(used, self.images) for used in self.settled.values())

    @property
    def _saved(self) -> int:
        return self.images * len(self.settled) - self._spent

    def _generation(self, candidates: Sequence[Candidate]) -> None:
        """Judge what this search has not judged yet."""
        new = {c.digest: c for c in candidates if c.digest not in self.settled}
        times = Counter(candidate.digest for candidate in candidates)
        for candidate in candidates:
            if candidate.digest not in new:
                self._tell(candidate, 1)
        race = self._race() if self.method.spending == "races" else None
        names = list(new)
        for stop in self.stops:
            last = stop == self.stops[-1]
            for candidate in self._look([new[name] for name in names], Fidelity(stop, race)):
                if last:
                    self._tell(candidate, times[candidate.digest])
            seen = self.rung.setdefault(stop, {})
            seen |= {name: self._mean(name, stop) for name in names if self.settled[name] == stop}
            if not last:
                going = going_on(names, seen)
                for name in names:
                    if name not in going:
                        self._tell(new[name], times[name])
                names = going

    def _look(self, several: Sequence[Candidate], fidelity: Fidelity) -> Iterator[Candidate]:
        """Look at candidates as far as they are to be looked at; each comes back as soon as it is settled."""
        by_digest = {candidate.digest: candidate for candidate in several}
        subnets = []
        for name, candidate in by_digest.items():
            answers = self.known.get(name, UNKNOWN)
            if (used := judged(answers, fidelity)) is None:
                subnets.append(Subnet(candidate.architecture, name, answers))
            else:
                self.settled[name] = max(used, self.settled.get(name, 0))
                yield candidate
        # The dearest first: those who share the work then end at about the same time.
        subnets.sort(key=lambda subnet: (-by_digest[subnet.digest].flops, subnet.digest))
        for verdict in self.writer.recorded(self.search, self.dispatch(subnets, fidelity)):
            name = verdict.digest
            self.known[name] = verdict.answers
            self.fresh.add(name)
            self.settled[name] = max(verdict.used, self.settled.get(name, 0))
            yield by_digest[name]

    def _look_at_all(self, several: Sequence[Candidate], fidelity: Fidelity) -> None:
        for _ in self._look(several, fidelity):
            pass

    def _mean(self, name: str, images: int) -> float:
        return float(self.known[name].first(images).errors(self.method.score).mean())

    def _compare(self, candidates: Sequence[Candidate]) -> None:
        """What others are compared with: the networks of the first generation that saw most images, on average."""
        errors = [
            self.known[name].first(self.settled[name]).errors(self.method.score)
            for name in dict.fromkeys(candidate.digest for candidate in candidates)
        ]
        most = max(map(len, errors))
        usual = np.mean([one for one in errors if len(one) == most], axis=0)
        self.usual = usual
        self.variance = float(np.mean([np.var(one - usual[: len(one)]) for one in errors]))

    def _result(self, name: str) -> Result | None:
        used = self.settled[name]
        if self.method.spending == "races" and used < self.images:
            return None
        assert self.usual is not None
        answers = self.known[name].first(used)
        apart = answers.errors(self.method.score) - self.usual[:used]
        error = float(np.sqrt(self.variance / used)) or None
        return Result(self._mean(name, used), used, answers.correct, float(apart.mean()), error)

    def _race(self) -> Race | None:
        """What the candidates of this generation must reach: the weakest of the parents' set."""
        evolution, recipe = self.evolution, self.evolution.recipe
        ranked = evolution.ranked()
        if evolution.generation == 0 or len(ranked) < recipe.parents:
            return None
        assert self.method.risk is not None
        weakest = self.known[ranked[recipe.parents - 1].digest].first(self.images)
        risk = self.method.risk / evolution.children
        return Race(weakest.errors(self.method.score), self.method.score, self._looks, risk)

    @property
    def _looks(self) -> tuple[int, ...]:
        """After how many images a race is looked at: wherever a batch ends."""
        return cuts(self.images, batch_of(self.evolution.lowered.space.frame, self.search.total))

    def _final(self) -> FinalRound:
        """What ends the search with its finalists."""
        return FinalRound(
            self.evolution.ranked(),
            self.method,
            self.images,
            self._looks,
            self._look_at_all,
            self.known,
            self.settled,
            self.feasible,
        )

    def _tell(self, candidate: Candidate, times: int) -> None:
        """Tell the observer of a candidate that has been judged, and was asked for so many times."""
        self.done += times
        used = self.settled[candidate.digest]
        correct = self.known[candidate.digest].first(used).correct
        leader = self.evolution.ranked()[:1]
        best = self.evolution.result(leader[0]) if leader else Result(0.0, used, correct)
        self.observe(
            ScoredCandidate(
                candidate=candidate,
                generation=self.evolution.generation,
                accuracy=correct / used,
                left=used < self.stops[-1],
                known=candidate.digest not in self.fresh,
                best=best.correct / best.images,
                done=self.done,
                asked=max(self.done, self.evolution.asked),  # the budget counts a network asked for twice once
                fresh=len(self.fresh),
                seconds=time.monotonic() - self.began,
            )
        )

    def _end(self, candidates: Sequence[Candidate]) -> None:
        evolution = self.evolution
        answers = {c.digest: self.known[c.digest].first(self.settled[c.digest]) for c in candidates}
        ranked = evolution.ranked()[: evolution.recipe.parents]
        best = evolution.result(ranked[0])
        generation = GenerationSummary(
            number=evolution.generation - 1,
            best=best.correct,
            spread=pstdev(one.correct / len(one) for one in answers.values()),
            spent=self._spent,
            saved=self._saved,
            volume=evolution.volume(self.images) if len(self.method.goals) > 1 else None,
            parents=tuple(individual.name for individual in evolution.kept),
            images=best.images,
            loss=entries.of_loss(self.known[ranked[0].digest].first(best.images).loss),
        )
        rows = {name: entries.of_answers(one) for name, one in answers.items()}
        self.writer.close_generation(self.search, generation, rows)
        predictor = evolution.predictor
        doubt = None if predictor is None or predictor.believed else (predictor.tau, predictor.rival)
        self.doubts, self.doubt = self.doubts + (doubt is not None), doubt or self.doubt
        results = [(candidate, evolution.result(candidate)) for candidate in ranked]
        leaders = tuple((candidate, result.correct / result.images) for candidate, result in results)
        self.observe(Ended(generation, leaders, doubt))
