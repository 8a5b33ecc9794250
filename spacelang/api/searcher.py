"""A search by one's own score, as ask and tell.

`ask` hands out networks, `tell` takes their scores, in any order, late, twice or never. Generations are those of
the search algorithms of the runtime: one ends when all its networks are handed out and more are asked for, and the
next goes on from the answers that have come by then; an answer that comes later counts from the one after. So
workers never wait, and one worker alone walks the very way of the algorithm.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from attrs import evolve

from spacelang import interchange
from spacelang.api.architecture import Architecture, ArchitectureLike, known
from spacelang.api.error import NotAnOption
from spacelang.api.exactly import exactly
from spacelang.api.feasible import feasible
from spacelang.api.found import Found, Scored
from spacelang.api.goals import Direction, GoalValues, Score, directions, values
from spacelang.api.journal import DAMAGED, SearcherJournal, open_journal
from spacelang.api.journal_rows import AnswerRow, CandidateRow, GenerationRow
from spacelang.api.load import spaced
from spacelang.api.measures import Amount, Further
from spacelang.api.ranges import whole
from spacelang.api.recipe import Settings, evolve_recipe
from spacelang.api.search_state import SearchCandidate, SearchState
from spacelang.api.space import Space
from spacelang.api.worded import worded
from spacelang.language.domain import SEED
from spacelang.lower.bounds import windows
from spacelang.lower.chain import digest, inside
from spacelang.lower.cost import MEASURES
from spacelang.recipe import Bound
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.search.algorithms import Algorithm


# Those of the runtime's that need nothing but a number for each network.
ALGORITHMS: tuple[Algorithm, ...] = ("paper", "random", "regularized", "nsga2", "predictor")
_OF_ONE: tuple[Algorithm, ...] = ("paper", "regularized", "predictor")  # those that are after one number


class Searcher:
    """A search in progress, closed under its bounds. It may be used from several threads."""

    @worded
    @exactly()
    def __init__(
        self,
        space: Space | Path | str,
        *,
        flops: Amount | None = None,
        params: Amount | None = None,
        latency: Amount | None = None,
        bounds: Further | None = None,
        candidates: int | None = None,
        algorithm: Algorithm | None = None,
        direction: Direction | Sequence[Direction] = "maximize",
        settings: Settings | None = None,
        journal: str | os.PathLike[str] | None = None,
        seed: int | None = None,
    ) -> None:
        """Begin a search, or go on with the one of the same words that a journal holds. All are as for `sl.search`;
        candidates: how many different networks to hand out.

        Raises `Failure` for bounds that no network meets, for words that are none, and for a journal that cannot be
        used.
        """
        whole("candidates", candidates, 1)
        whole("seed", seed, 0, int(SEED.high))
        self.space = space = spaced(space)
        given = space.measured.bounds(
            space.lowered.chain, {"flops": flops, "params": params, "latency": latency}, bounds
        )
        recipe = evolve_recipe(space.lowered, space.measured, given, settings, partial(_untabled, space))
        self.recipe = recipe if seed is None else evolve(recipe, seed=seed)
        self.candidates = candidates
        self._state = SearchState(
            lowered=space.lowered,
            recipe=self.recipe,
            windows=windows(self.recipe.bounds, space.lowered.chain),
            directions=(ways := directions(direction)),
            algorithm=_algorithm(algorithm, ways),
            endless=candidates is not None,
        )
        feasible(space.lowered, self.recipe.bounds, space.measured)
        self._lock = threading.RLock()
        self._waiting: deque[SearchCandidate] = deque()
        self._out: dict[str, SearchCandidate] = {}
        self._handed = 0  # networks that were handed out, here or by whoever held the journal before
        self._over = False
        self._fresh: list[SearchCandidate] | None = None  # of a generation that the journal has not taken yet
        self._journal: SearcherJournal | None = None
        if journal is not None:
            self._journal = open_journal(Path(journal), self._account())
            with ExitStack() as unread:
                unread.callback(self.close)
                self._resume(self._journal)
                unread.pop_all()

    @exactly()
    def ask(self, number: int = 1) -> tuple[Architecture, ...]:
        """Up to `number` networks to score, none of which was asked before; none at all when the search has handed
        out all it will.

        After a journal was opened, what was handed out before and never answered comes first. Raises `Failure` for
        a journal that takes no more; what it did not take is handed out once it does.
        """
        whole("number", number, 0)
        with self._lock:
            batch: list[SearchCandidate] = []
            while len(batch) < number and not self._spent:
                if self._waiting:
                    candidate = self._waiting.popleft()
                    if candidate.name not in self._state.scores:
                        self._out[candidate.name] = candidate
                        self._handed += 1
                        batch.append(candidate)
                elif not self._propose():
                    break
            return tuple(candidate.architecture for candidate in batch)

    def tell(self, architecture: ArchitectureLike, score: Score | None) -> bool:
        """The score of a network: a number, or one for each goal; None, or what is not finite, where it failed.

        What has a score keeps it: a second answer changes nothing, and False comes back; a score replaces a
        failure. A network that was never asked for counts too, if it is inside the bounds. Raises `Failure` for one
        that is not, and TypeError or ValueError for what is no score of this search.
        """
        numbers = values(score)
        with self._lock:
            self._agree(numbers)
            candidate = self._candidate(known(architecture))
            scores = self._state.scores
            if scores.get(candidate.name) is not None or (candidate.name in scores and numbers is None):
                return False
            if self._journal is not None:
                self._journal.answer(len(self._state.told), AnswerRow(candidate.architecture.line, numbers))
            self._take(candidate, numbers)
            return True

    @property
    def pending(self) -> tuple[Architecture, ...]:
        """The networks handed out that have no answer yet."""
        with self._lock:
            return tuple(candidate.architecture for candidate in self._out.values())

    @property
    def finished(self) -> bool:
        """Whether everything was handed out and answered."""
        with self._lock:
            return not self._out and (self._spent or (self._over and not self._waiting))

    def found(self) -> Found:
        """What was found so far."""
        with self._lock:
            last = {name: at for at, name in enumerate(self._state.told)}
            final = [name for at, name in enumerate(self._state.told) if last[name] == at]
            scored = tuple(self._scored(self._state.known[name]) for name in final)
            return Found(self.space.name, self._state.directions, scored)

    def scored(self, architecture: ArchitectureLike) -> Scored:
        """A network of the search with its answer."""
        with self._lock:
            return self._scored(self._candidate(known(architecture)))

    def close(self) -> None:
        """Let the journal go. What was told is in it already."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()

    def __enter__(self) -> Searcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _spent(self) -> bool:
        return self.candidates is not None and self._handed >= self.candidates

    def _propose(self) -> bool:
        """The next generation; whether there is one."""
        state = self._state
        fresh = state.step() if self._fresh is None else self._fresh
        if fresh is None:
            self._over = True
            return False
        self._fresh = fresh
        if self._journal is not None:
            kept = tuple(state.known[individual.name].architecture.line for individual in state.kept)
            rows = [
                CandidateRow(state.generation, one.architecture.line, one.operator, one.parents)
                for one in state.members
            ]
            self._journal.propose(GenerationRow(state.generation, state.came, len(fresh), kept), rows)
        self._fresh = None
        self._waiting.extend(fresh)
        return True

    def _agree(self, numbers: GoalValues | None) -> None:
        """Refuse a score that has another number of goals than the search."""
        if numbers is None:
            return
        state, given = self._state, len(numbers)
        settled = len(state.directions) > 1 or any(state.scores.values())
        if settled and given != state.goals:
            raise ValueError(f"a score of this search has {state.goals} numbers, not {given}")
        if given > 1 and state.algorithm in _OF_ONE:
            raise Failure(f"{state.algorithm} is after one number, and a score has {given}", "algorithm='nsga2'")

    def _candidate(self, architecture: Architecture) -> SearchCandidate:
        """The network as the search knows it; one that was never proposed is looked up in the space."""
        found = self._state.known.get(architecture.digest)
        if found is not None:
            return found
        genotype = self.space.genotype(architecture)
        if not inside(self.space.lowered.chain, genotype, self._state.windows):
            raise Failure(
                f"{architecture.line} is outside the bounds", "tell of networks that this search asks for"
            )
        return self._state.made(genotype, None, "told")

    def _take(self, candidate: SearchCandidate, numbers: GoalValues | None) -> None:
        """An answer that is on the disk, if it is to be."""
        held = candidate.name in self._out or candidate.name in self._state.scores
        if candidate.generation is not None and not held:
            self._handed += 1
        self._out.pop(candidate.name, None)
        self._state.take(candidate, numbers)

    def _scored(self, candidate: SearchCandidate) -> Scored:
        return Scored(
            architecture=candidate.architecture,
            score=self._state.scores.get(candidate.name),
            generation=candidate.generation,
            operator=candidate.operator,
            parents=candidate.parents,
            costs=self.space.costs_of(candidate.genotype),
        )

    def _account(self) -> str:
        """The space, the recipe and the algorithm as text: what makes two searches the same."""
        chain = self.space.lowered.chain
        record: dict[str, object] = {
            "space": self.space.digest,
            **interchange.settings(self.recipe),
            "algorithm": self._state.algorithm,
            "direction": self._state.directions,
        }
        if chain.measures != MEASURES:
            record["costs"] = digest(chain)
        return json.dumps(record, default=str, sort_keys=True)

    def _resume(self, journal: SearcherJournal) -> None:
        """Take up what a journal holds, in the order in which it came: the answers, the generations, and what was
        never answered."""
        state, held, taken = self._state, journal.held(), 0
        rows: dict[int, list[CandidateRow]] = {}
        for row in held.candidates:
            rows.setdefault(row.generation, []).append(row)
        try:
            for generation in held.generations:
                self._retake(held.answers[taken : generation.answers])
                taken, state.members = max(taken, generation.answers), []
                for row in rows.get(generation.number, ()):
                    genotype = self.space.genotype(row.line)
                    candidate = state.made(genotype, row.generation, row.operator, row.parents)
                    state.add(candidate)
                    state.members.append(candidate)
            self._retake(held.answers[taken:])
            self._waiting.extend(one for name, one in state.known.items() if name not in state.scores)
            if held.generations:
                last = held.generations[-1]
                state.generation, state.came = last.number, last.answers
                state.kept = tuple(state.individual(self._candidate(known(line))) for line in last.kept)
                fresh = [one.fresh > 0 for one in reversed(held.generations)]
                state.idle = fresh.index(True) if True in fresh else len(fresh)
        except (Failure, ValueError) as reason:
            raise Failure(f"{journal.path} is damaged: {reason}", DAMAGED) from None

    def _retake(self, answers: Sequence[AnswerRow]) -> None:
        """Answers that a journal holds."""
        for answer in answers:
            self._agree(answer.score)
            self._take(self._candidate(known(answer.line)), answer.score)


def _algorithm(given: Algorithm | None, ways: Sequence[Direction]) -> Algorithm | None:
    if given is not None and given not in ALGORITHMS:
        raise NotAnOption("algorithm", f"{given!r} is no algorithm: one of {', '.join(ALGORITHMS)}")
    if given in _OF_ONE and len(ways) > 1:
        raise NotAnOption("algorithm", f"{given} is after one number, and here are {len(ways)} directions", "nsga2")
    return given


def _untabled(space: Space, bound: Bound) -> Failure:
    missing, remedy = space.measured.wanting(bound)
    return Failure(
        f"the recipe of {space.name} wants {missing}", f"{remedy}, then space.with_costs('{bound.measure}.json')"
    )
