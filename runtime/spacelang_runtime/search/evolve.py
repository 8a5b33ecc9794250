"""The search: score what evolution asks for, keep every score as it comes, end with the best network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import pstdev

from attrs import asdict, define, field, frozen

from spacelang import interchange, notation
from spacelang.architecture import to_json
from spacelang.lower.chain import digest
from spacelang.lower.cost import MEASURES
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve, to_record
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.run import Run, write_best
from spacelang_runtime.search.algorithms import BY_RANK, Algorithm
from spacelang_runtime.search.evolution import ACCURACY, Candidate, Evolution, Goals
from spacelang_runtime.search.images import batch_of
from spacelang_runtime.search.journal import Entry, Generation, Journal, Proposed, Search
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.racing import RISK, Race, Right, looks
from spacelang_runtime.search.scalars import searching
from spacelang_runtime.search.scoring import UNKNOWN, Task, judged


@frozen
class Method:
    """How to search.

    goals: `accuracy`, then measures of which less is better. risk: that races change the outcome; None: every
    network is scored in full. budget: how many different networks to score; None: as the recipe says.
    """

    algorithm: Algorithm = "paper"
    goals: tuple[str, ...] = (ACCURACY,)
    risk: float | None = RISK
    budget: int | None = None

    @property
    def races(self) -> bool:
        """Whether candidates race: where only the best of everything scored matter."""
        return self.risk is not None and self.algorithm in BY_RANK and len(self.goals) == 1


@frozen
class Scored:
    """A candidate that has been judged. accuracy: on the images it was judged on; left: they were not all, since it
    lost its race. known: it had its score before, from this search or another of the run.

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
    """A generation that has been judged, with the best networks so far and their accuracies, the best first."""

    generation: Generation
    leaders: tuple[tuple[Candidate, float], ...]


Observe = Callable[[Scored | Ended], None]


@frozen
class Outcome:
    """What a search found.

    images: in a full score. networks: how many different ones were judged; scored: of these, how many were computed
    here. spent: images that the networks were judged on; saved: those that races left unseen. front: what nothing
    else beats in all goals, from the least accurate on, each with its images right; volume: its hypervolume.
    """

    best: Candidate
    accuracy: float
    correct: int
    images: int
    networks: int
    scored: int
    spent: int
    saved: int
    front: tuple[tuple[Candidate, int], ...]
    volume: float | None
    seconds: float


def evolve(
    run: Run, lowered: Lowered, recipe: Evolve, method: Method, waves: Dispatcher, step: int, observe: Observe
) -> Outcome:
    """Search a space on the supernet of a run.

    waves: score the candidates, here or on several processes. step: of training, that the weights are of. A search
    with the same recipe, method, weights and images goes on where it was stopped, and ends with the same answer as
    one that was not.
    """
    evolution = Evolution(lowered, recipe, method.algorithm, Goals(method.goals), method.budget)
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        search = journal.search(account(lowered, recipe, method), step, waves.images)
        with searching(run, search.number) as curves:

            def watch(seen: Scored | Ended) -> None:
                if isinstance(seen, Ended):
                    curves(seen.generation, search.total)
                observe(seen)

            outcome = _Searching(journal, search, evolution, method, waves, watch).run()
        write_best(run, _record(outcome, recipe, method, step))
    return outcome


@define
class _Searching:
    """A search going on. known: what networks got right of the first images, by digest. settled: what this search
    has judged: after how many images, and how many of them were right. fresh: networks that had to be computed."""

    journal: Journal
    search: Search
    evolution: Evolution
    method: Method
    waves: Dispatcher
    observe: Observe
    known: dict[str, Right] = field(factory=dict)
    settled: dict[str, tuple[int, int]] = field(factory=dict)
    fresh: int = 0
    best: int = 0
    spent: int = 0
    saved: int = 0
    began: float = field(factory=time.monotonic)

    def run(self) -> Outcome:
        self.known = self.journal.known(self.search)
        done = 0
        while not self.evolution.finished:
            candidates = self.evolution.ask()
            self.journal.propose(self.search, self.evolution.generation, [_proposed(c) for c in candidates])
            done = self._score(candidates, done)
            full = {c.digest: self._full(c.digest) for c in candidates}
            self.evolution.tell(candidates, full)
            self._end(candidates)
        winner = self.evolution.ranked()[0]
        self.journal.close_search(self.search, winner.digest)
        _, correct = self.settled[winner.digest]
        several = len(self.method.goals) > 1
        return Outcome(
            best=winner,
            accuracy=correct / self.search.total,
            correct=correct,
            images=self.search.total,
            networks=len(self.evolution.seen),
            scored=self.fresh,
            spent=self.spent,
            saved=self.saved,
            front=tuple((c, self.settled[c.digest][1]) for c in self.evolution.front()) if several else (),
            volume=self.evolution.volume(self.search.total) if several else None,
            seconds=time.monotonic() - self.began,
        )

    def _score(self, candidates: Sequence[Candidate], done: int) -> int:
        """Judge what this search has not judged yet, and tell the observer of each candidate."""
        by_digest = {candidate.digest: candidate for candidate in candidates}
        race = self._race()
        tasks = []
        for name, candidate in by_digest.items():
            if name in self.settled:
                continue
            right = self.known.get(name, UNKNOWN)
            if (used := judged(right, race, self.search.total)) is None:
                tasks.append(Task(candidate.architecture, name, right))
            else:
                self._settle(name, right, used)
        new = {task.digest for task in tasks}
        for candidate in candidates:
            if candidate.digest not in new:
                done += 1
                self._tell(candidate, done, known=True)
        # The dearest first: those who share the work then end at about the same time.
        tasks.sort(key=lambda task: (-by_digest[task.digest].flops, task.digest))
        for verdict in self.waves(tasks, race):
            self.journal.record(self.search, verdict.digest, verdict.right, verdict.seconds, verdict.device)
            self.known[verdict.digest] = verdict.right
            self._settle(verdict.digest, verdict.right, verdict.used)
            self.fresh += 1
            done += sum(candidate.digest == verdict.digest for candidate in candidates)
            self._tell(by_digest[verdict.digest], done, known=False)
        return done

    def _settle(self, name: str, right: Right, used: int) -> None:
        correct = int(right[:used].sum())
        self.settled[name] = (used, correct)
        self.spent += used
        self.saved += self.search.total - used
        if used == self.search.total:
            self.best = max(self.best, correct)

    def _full(self, name: str) -> int | None:
        used, correct = self.settled[name]
        return correct if used == self.search.total else None

    def _race(self) -> Race | None:
        """What the candidates of this generation must reach: the weakest of the parents' set."""
        evolution, recipe = self.evolution, self.evolution.recipe
        ranked = evolution.ranked()
        if not self.method.races or evolution.generation == 0 or len(ranked) < recipe.parents:
            return None
        assert self.method.risk is not None
        found = looks(self.search.total, batch_of(evolution.lowered.space.frame, self.search.total))
        racing = evolution.asked - recipe.population
        weakest = self.known[ranked[recipe.parents - 1].digest]
        return Race(weakest, found, self.method.risk / (racing * max(len(found), 1)))

    def _tell(self, candidate: Candidate, done: int, known: bool) -> None:
        used, correct = self.settled[candidate.digest]
        self.observe(
            Scored(
                candidate=candidate,
                generation=self.evolution.generation,
                accuracy=correct / used,
                left=used < self.search.total,
                known=known,
                best=self.best / self.search.total,
                done=done,
                asked=self.evolution.asked,
                fresh=self.fresh,
                seconds=time.monotonic() - self.began,
            )
        )

    def _end(self, candidates: Sequence[Candidate]) -> None:
        evolution, total = self.evolution, self.search.total
        judged_ = {candidate.digest: self.settled[candidate.digest] for candidate in candidates}
        ranked = evolution.ranked()[: evolution.recipe.parents]
        generation = Generation(
            number=evolution.generation - 1,
            best=self.best,
            spread=pstdev(correct / used for used, correct in judged_.values()),
            spent=self.spent,
            saved=self.saved,
            volume=evolution.volume(total) if len(self.method.goals) > 1 else None,
            parents=tuple(standing.name for standing in evolution.kept),
        )
        self.journal.close_generation(self.search, generation, judged_)
        leaders = tuple((candidate, self.settled[candidate.digest][1] / total) for candidate in ranked)
        self.observe(Ended(generation, leaders))


def account(lowered: Lowered, recipe: Evolve, method: Method) -> str:
    """The space, the recipe, the method and the further costs as text: what makes two searches the same."""
    record = {"space": interchange.digest(lowered.space), **interchange.settings(recipe), **asdict(method)}
    if lowered.chain.measures != MEASURES:
        record["costs"] = digest(lowered.chain)
    return json.dumps(record, default=str, sort_keys=True)


def _proposed(candidate: Candidate) -> Proposed:
    entry = Entry(candidate.digest, notation.write(candidate.architecture), candidate.flops, candidate.params)
    return Proposed(entry, candidate.operator, candidate.parents, candidate.costs)


def _record(outcome: Outcome, recipe: Evolve, method: Method, step: int) -> Mapping[str, object]:
    best = outcome.best
    return {
        "name": best.architecture.name,
        "line": notation.write(best.architecture),
        "flops": best.flops,
        "params": best.params,
        "accuracy": outcome.accuracy,
        "correct": outcome.correct,
        "images": outcome.images,
        "step": step,
        "bounds": [to_record(bound) for bound in recipe.bounds],
        "method": asdict(method),
        "volume": outcome.volume,
        "front": [
            {
                "name": candidate.architecture.name,
                "line": notation.write(candidate.architecture),
                "correct": correct,
                **candidate.costs,
            }
            for candidate, correct in outcome.front
        ],
        "architecture": to_json(best.architecture),
    }
