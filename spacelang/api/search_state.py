"""The way of a search by one's own score: its networks, their scores, the generations in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from spacelang.api.architecture import Architecture
from spacelang.api.goals import Direction, GoalValues, point
from spacelang.lower.chain import Bounds, Genotype, cost
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve

if TYPE_CHECKING:
    from spacelang_runtime.search.algorithms import Algorithm, Individual
    from spacelang_runtime.search.predictor import Predictor

_FEW = 10**6  # networks of a space that a search could exhaust
_IDLE = 100  # generations in a row that bring nothing new: the search has come to its end
_DRAWN = 64  # networks that a generation after such a one draws anew


@frozen
class SearchCandidate:
    """A network of the search: where it lies in the chain, and what made it, in which generation.

    generation: None where it was told without having been asked. parents: lines.
    """

    architecture: Architecture
    genotype: Genotype
    generation: int | None
    operator: str
    parents: tuple[str, ...]
    flops: int

    @property
    def name(self) -> str:
        """The digest of its network."""
        return self.architecture.digest


@define
class SearchState:
    """A search in progress, whoever hands out its networks.

    algorithm: None: by the number of goals. endless: it does not end with the generations of the recipe. known: all
    networks of the search, by digest. scores: by digest; None for one that failed. told: digests, one an answer.
    members: of the generation at hand, those known before too. kept: whom it was made from; came: how many answers
    there were then. idle: generations in a row without anything new.
    """

    lowered: Lowered
    recipe: Evolve
    windows: Bounds
    directions: tuple[Direction, ...]
    algorithm: Algorithm | None
    endless: bool
    known: dict[str, SearchCandidate] = field(factory=dict)
    scores: dict[str, GoalValues | None] = field(factory=dict)
    told: list[str] = field(factory=list)
    members: list[SearchCandidate] = field(factory=list)
    kept: tuple[Individual, ...] = ()
    generation: int = -1
    came: int = 0
    idle: int = 0
    _places: dict[Genotype, SearchCandidate] = field(factory=dict)

    @property
    def goals(self) -> int:
        """How many numbers a score has; as many as there are directions until one has come."""
        return next((len(score) for score in self.scores.values() if score is not None), len(self.directions))

    @property
    def method(self) -> Algorithm:
        """The algorithm at work."""
        return self.algorithm or ("nsga2" if self.goals > 1 else "paper")

    def made(
        self, genotype: Genotype, generation: int | None, operator: str, parents: tuple[str, ...] = ()
    ) -> SearchCandidate:
        """The network of a genotype, as the search knows it or new; it is not the search's until it is added."""
        if genotype in self._places:
            return self._places[genotype]
        flops = cost(self.lowered.chain, genotype)[self.lowered.chain.measures.index("flops")]
        network = Architecture(self.lowered.architecture(genotype))
        return SearchCandidate(network, genotype, generation, operator, parents, flops)

    def add(self, candidate: SearchCandidate) -> bool:
        """Make a network one of the search; whether it is new."""
        new = (
            self.known.setdefault(candidate.name, candidate) is candidate and candidate.genotype not in self._places
        )
        self._places[candidate.genotype] = self.known[candidate.name]
        return new

    def take(self, candidate: SearchCandidate, numbers: GoalValues | None) -> None:
        """The answer of a network."""
        self.add(candidate)
        self.scores[candidate.name] = numbers
        self.told.append(candidate.name)

    def individual(self, candidate: SearchCandidate) -> Individual:
        """A network with its score, as the algorithms take it."""
        from spacelang_runtime.search.algorithms import Individual

        numbers = self.scores[candidate.name]
        assert numbers is not None, "asked of what has a score"
        return Individual(candidate.genotype, point(numbers, self.directions), candidate.name)

    def step(self) -> list[SearchCandidate] | None:
        """The new networks of the next generation, made from all answers so far; None where the search is over."""
        from spacelang_runtime.search.algorithms import survivors

        beyond = not self.endless and self.generation >= self.recipe.generations
        if beyond or self.idle >= _IDLE or (self.idle and self._exhausted):
            return None
        generation, kept = self.generation + 1, self.kept
        if generation:
            told = [self.individual(candidate) for candidate in self._news()]
            kept = survivors(self.method, self.recipe, kept, told, self._ranked)
        drawn = list(self._drawn(generation, kept))  # nothing has changed yet where this is interrupted
        self.generation, self.kept, self.came = generation, kept, len(self.told)
        self.members, fresh = [], []
        for genotype, operator, parents in drawn:
            candidate = self.made(genotype, self.generation, operator, parents)
            if self.add(candidate):
                fresh.append(candidate)
            self.members.append(candidate)
        self.idle = 0 if fresh else self.idle + 1
        return fresh

    def _ranked(self, count: int) -> list[Individual]:
        """The best so many of everything scored: by score, then by fewer MACs, then by digest."""
        full = [self.individual(self.known[name]) for name, score in self.scores.items() if score is not None]
        full.sort(key=lambda one: (one.point, self.known[one.name].flops, one.name))
        return full[:count]

    def _news(self) -> Iterator[SearchCandidate]:
        """The networks whose scores the next generation is the first to know: late ones, then those of the
        generation at hand in the order proposed."""
        current = {member.name for member in self.members}
        before = self.came if self.generation else 0  # what came before the first one has made nothing yet
        late = (name for name in dict.fromkeys(self.told[before:]) if name not in current)
        for candidate in (*(self.known[name] for name in late), *self.members):
            if self.scores.get(candidate.name) is not None:
                yield candidate

    def _drawn(
        self, generation: int, kept: tuple[Individual, ...]
    ) -> Iterator[tuple[Genotype, str, tuple[str, ...]]]:
        """The networks of a generation: children of those kept, or, where there are none, drawn from the space."""
        from spacelang.lower.draw import draw, stream
        from spacelang.lower.operators import Child
        from spacelang.lower.terms import Law
        from spacelang_runtime.search.algorithms import Variation, children

        recipe, chain, inside = self.recipe, self.lowered.chain, self.windows
        source = stream((recipe.seed << 32) | generation)  # one of its own for each generation
        made: Sequence[Any]
        if self.idle:
            made = tuple(draw(chain, _DRAWN, source, law=Law.UNIFORM, bounds=inside))
        elif generation == 0:
            made = tuple(draw(chain, recipe.population, source, bounds=inside))
        elif not kept and self.method != "random":
            made = tuple(draw(chain, recipe.crossover + recipe.mutation, source, bounds=inside))
        else:
            made = children(self.method, kept, Variation(chain, inside, recipe, source, self._predictor))
        for one in made:
            if isinstance(one, Child):
                parents = tuple(self._places[parent].architecture.line for parent in one.parents)
                yield one.genotype, one.origin, parents
            else:
                yield one, "draw" if generation == 0 or self.method != "predictor" else "predictor", ()

    @property
    def _predictor(self) -> Predictor | None:
        """What the answers so far teach, in the order in which the networks were asked for."""
        from spacelang_runtime.search.predictor import alike, learned

        if self.method != "predictor":
            return None
        scored = [one for one in self.known.values() if self.scores.get(one.name) is not None]
        values = [self.individual(one).point[0] for one in scored]
        return learned(*alike(self.lowered, [one.genotype for one in scored], values))

    @property
    def _exhausted(self) -> bool:
        """Whether every network inside the bounds is known."""
        from spacelang.lower.count import count

        few = self.lowered.count <= _FEW
        return few and count(self.lowered.chain, self.windows) <= len(self.known)
