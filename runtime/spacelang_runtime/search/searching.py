"""A search going on: its generations, its finalists, and what it tells of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import pstdev

import numpy as np
from attrs import define, field, frozen

from spacelang import notation
from spacelang_runtime.search.answers import UNKNOWN, Answers, Real
from spacelang_runtime.search.evolution import Candidate, Evolution, Result
from spacelang_runtime.search.finalists import Estimate, Final, estimated, placed, race
from spacelang_runtime.search.halving import going_on, rungs
from spacelang_runtime.search.images import batch_of, cuts
from spacelang_runtime.search.journal import Entry, Finalist, Generation, Journal, Judged, Proposed, Search
from spacelang_runtime.search.method import Method
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.racing import Race
from spacelang_runtime.search.scoring import Stretch, Task, judged


@frozen
class Scored:
    """A candidate that has been looked at. accuracy: on the images it was judged on so far; left: they are not all
    that it could come to. known: it was not computed now.

    best: the share right of the best so far. done, asked: networks looked at so far and to be asked for in all.
    fresh: of those looked at, the ones that had to be computed. seconds: since the search began.
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

    generation: Generation
    leaders: tuple[tuple[Candidate, float], ...]
    doubt: tuple[float, float] | None = None


Observe = Callable[[Scored | Ended], None]


@frozen
class Outcome:
    """What a search found.

    accuracy, loss, correct: of the best network, on the `images` that the search may read. estimate: of the best,
    on the others. finalists: the best first. networks: how many different ones were judged; scored: of these, how
    many were computed here. spent: images that the networks were judged on; saved: those that were left unseen.
    front: what nothing else beats in all goals, from the least accurate on, each with its images right; volume: its
    hypervolume. doubts: generations after which the predictor was not believed, and doubt: tau of the predictor and
    of the costs, the last time.
    """

    best: Candidate
    accuracy: float
    loss: float
    correct: int
    images: int
    estimate: Estimate | None
    finalists: tuple[Final, ...]
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


@define
class Searching:
    """A search going on. known: answers on the first images, by digest. settled: after how many of them this search
    has judged each. rung: what counts against each network that was seen so far, by rung. usual: what each image
    counts against the first good networks, on average; variance: of the difference to that. fresh: networks that
    had to be computed."""

    journal: Journal
    search: Search
    evolution: Evolution
    method: Method
    waves: Dispatcher
    observe: Observe
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

    @property
    def images(self) -> int:
        """How many the search may read."""
        return self.method.readable(self.search.total)

    @property
    def stops(self) -> tuple[int, ...]:
        """After how many images a generation is parted, the last being all that it is seen on."""
        return rungs(self.images) if self.method.spending == "halving" else (self.images,)

    def run(self) -> Outcome:
        self.known = self.journal.known(self.search)
        evolution = self.evolution
        while not evolution.finished:
            candidates = evolution.ask()
            self.journal.propose(self.search, evolution.generation, [_proposed(c) for c in candidates])
            self._generation(candidates)
            if self.usual is None:
                self._compare(candidates)
            evolution.tell(candidates, {c.digest: self._result(c.digest) for c in candidates})
            self._end(candidates)
        several = len(self.method.goals) > 1
        finalists = () if several else self._final()
        best = evolution.ranked()[0] if several else finalists[0].candidate
        if self.images < self.search.total:
            self._look([best], Stretch(self.search.total))
        answers = self.known[best.digest]
        read = answers.first(self.images)
        self.journal.close_search(self.search, best.digest, [_kept(one) for one in finalists])
        return Outcome(
            best=best,
            accuracy=read.correct / len(read),
            loss=read.loss,
            correct=read.correct,
            images=self.images,
            estimate=estimated(answers.first(self.search.total), self.images),
            finalists=finalists,
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
        for candidate in candidates:
            if candidate.digest in self.settled:
                self.done += 1
                self._tell(candidate, known=True)
        race = self._race() if self.method.spending == "races" else None
        names = list(new)
        for stop in self.stops:
            times = [sum(c.digest == name for c in candidates) for name in names] if stop == self.stops[0] else ()
            self._look([new[name] for name in names], Stretch(stop, race), dict(zip(names, times, strict=False)))
            seen = self.rung.setdefault(stop, {})
            seen |= {name: self._mean(name, stop) for name in names if self.settled[name] == stop}
            if stop < self.stops[-1]:
                names = going_on(names, seen)

    def _look(self, several: Sequence[Candidate], stretch: Stretch, counted: dict[str, int] | None = None) -> None:
        """Look at candidates as far as they are to be looked at. counted: how many of those asked for each of them
        is, where it is looked at for the first time."""
        by_digest = {candidate.digest: candidate for candidate in several}
        tasks = []
        for name, candidate in by_digest.items():
            answers = self.known.get(name, UNKNOWN)
            if (used := judged(answers, stretch)) is None:
                tasks.append(Task(candidate.architecture, name, answers))
            else:
                self._settle(candidate, used, counted, known=True)
        # The dearest first: those who share the work then end at about the same time.
        tasks.sort(key=lambda task: (-by_digest[task.digest].flops, task.digest))
        for verdict in self.waves(tasks, stretch):
            self.journal.record(self.search, verdict.digest, verdict.answers, verdict.seconds, verdict.device)
            self.known[verdict.digest] = verdict.answers
            self.fresh.add(verdict.digest)
            self._settle(by_digest[verdict.digest], verdict.used, counted, known=False)

    def _settle(self, candidate: Candidate, used: int, counted: dict[str, int] | None, known: bool) -> None:
        self.settled[candidate.digest] = max(used, self.settled.get(candidate.digest, 0))
        if counted is not None:
            self.done += counted.get(candidate.digest, 0)
            self._tell(candidate, known)

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
        racing = evolution.asked - recipe.population
        weakest = self.known[ranked[recipe.parents - 1].digest].first(self.images)
        return Race(weakest.errors(self.method.score), self.method.score, self._looks, self.method.risk / racing)

    @property
    def _looks(self) -> tuple[int, ...]:
        """After how many images a race is looked at: wherever a batch ends."""
        return cuts(self.images, batch_of(self.evolution.lowered.space.frame, self.search.total))

    def _final(self) -> tuple[Final, ...]:
        """The finalists: the first on all images, the others beside it."""
        method = self.method
        first, *others = several = self.evolution.ranked()[: method.finalists]
        self._look([first], Stretch(self.images))
        rival = self.known[first.digest].first(self.images)
        racing = None if method.spending == "full" else race(rival, method.score, self._looks, len(several))
        self._look(others, Stretch(self.images, racing))
        return placed(several, self.known, self.settled, method.score, self.images)

    def _tell(self, candidate: Candidate, known: bool) -> None:
        used = self.settled[candidate.digest]
        correct = self.known[candidate.digest].first(used).correct
        leader = self.evolution.ranked()[:1]
        best = self.evolution.result(leader[0]) if leader else Result(0.0, used, correct)
        self.observe(
            Scored(
                candidate=candidate,
                generation=self.evolution.generation,
                accuracy=correct / used,
                left=used < self.stops[-1],
                known=known,
                best=best.correct / best.images,
                done=self.done,
                asked=self.evolution.asked,
                fresh=len(self.fresh),
                seconds=time.monotonic() - self.began,
            )
        )

    def _end(self, candidates: Sequence[Candidate]) -> None:
        evolution = self.evolution
        answers = {c.digest: self.known[c.digest].first(self.settled[c.digest]) for c in candidates}
        ranked = evolution.ranked()[: evolution.recipe.parents]
        best = evolution.result(ranked[0])
        generation = Generation(
            number=evolution.generation - 1,
            best=best.correct,
            spread=pstdev(one.correct / len(one) for one in answers.values()),
            spent=self._spent,
            saved=self._saved,
            volume=evolution.volume(self.images) if len(self.method.goals) > 1 else None,
            parents=tuple(standing.name for standing in evolution.kept),
            images=best.images,
            loss=_number(self.known[ranked[0].digest].first(best.images).loss),
        )
        judged_ = {name: Judged(len(one), one.correct, _number(one.loss)) for name, one in answers.items()}
        self.journal.close_generation(self.search, generation, judged_)
        predictor = evolution.predictor
        doubt = None if predictor is None or predictor.believed else (predictor.tau, predictor.rival)
        self.doubts, self.doubt = self.doubts + (doubt is not None), doubt or self.doubt
        results = [(candidate, evolution.result(candidate)) for candidate in ranked]
        leaders = tuple((candidate, result.correct / result.images) for candidate, result in results)
        self.observe(Ended(generation, leaders, doubt))


def _number(loss: float) -> float | None:
    return None if np.isnan(loss) else loss


def _proposed(candidate: Candidate) -> Proposed:
    entry = Entry(candidate.digest, notation.write(candidate.architecture), candidate.flops, candidate.params)
    return Proposed(entry, candidate.operator, candidate.parents, candidate.costs)


def _kept(one: Final) -> Finalist:
    return Finalist(one.candidate.digest, one.images, *(one.apart or (None, None)))
