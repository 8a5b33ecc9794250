"""Evolution under constraints (Alg. 2 of Chen et al., 2021, supplement, and others), as ask and tell.

`ask` gives the networks of the next generation, `tell` takes their scores; only `tell` knows what a good
network is. Everything drawn follows from the seed and the generation's number, so a search that starts again
with the scores it already has walks the same way and ends with the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np
from attrs import define, field

from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype, cost
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.lower.operators import Child
from spacelang.recipe import Evolve
from spacelang_runtime.search import pareto
from spacelang_runtime.search.algorithms import Algorithm, Individual, Variation, children, survivors
from spacelang_runtime.search.candidate import Candidate, Goals, Result
from spacelang_runtime.search.genes import Genes, genes, points
from spacelang_runtime.search.predictor import Observed, Predictor, learned


@define
class Evolution:
    """A search in progress.

    budget: how many different networks it may ask for in all, None: as many as the recipe says. scores: by digest,
    of everything told; None: left in a race, below the parents of its time. predictor: what was learned from them,
    where the algorithm learns and there is enough.
    """

    lowered: Lowered
    recipe: Evolve
    algorithm: Algorithm = "paper"
    goals: Goals = Goals()
    budget: int | None = None
    scores: dict[str, Result | None] = field(factory=dict)
    seen: dict[str, Candidate] = field(factory=dict)
    kept: tuple[Individual, ...] = ()
    generation: int = 0
    predictor: Predictor | None = None
    _genes: Genes | None = None
    _told: Observed | None = None  # to the predictor
    _order: list[Candidate] | None = None  # `ranked`, until more is told

    @property
    def finished(self) -> bool:
        """Whether the last generation has been told: the first population and `generations` after it."""
        spent = self.budget is not None and len(self.seen) >= self.budget
        return spent or self.generation > self.recipe.generations

    @property
    def asked(self) -> int:
        """How many networks the recipe asks for in the end, those asked for twice counted twice; no more than the
        budget, which stops it before."""
        recipe = self.recipe
        whole = recipe.population + self.children
        return whole if self.budget is None else min(whole, self.budget)

    @property
    def children(self) -> int:
        """How many of them the recipe asks for after the first population."""
        return self.recipe.generations * (self.recipe.crossover + self.recipe.mutation)

    def ask(self) -> tuple[Candidate, ...]:
        """The networks of this generation. Some may be known: what was scored keeps its score."""
        random = stream(_seed(self.recipe.seed, self.generation))
        chain, bounds = self.lowered.chain, windows(self.recipe.bounds, self.lowered.chain)
        if self.generation == 0:
            drawn = draw(chain, self.recipe.population, random, bounds=bounds)
            return self._affordable([self._candidate(genotype, "draw", ()) for genotype in drawn])
        names = {individual.genotype: individual.name for individual in self.kept}
        known = Variation(chain, bounds, self.recipe, random, self.predictor)
        made = children(self.algorithm, self.kept, known)
        return self._affordable([self._made(one, names) for one in made])

    def tell(self, candidates: tuple[Candidate, ...], scores: Mapping[str, Result | None]) -> None:
        """The scores of a generation, by digest: the next one can be asked for."""
        for candidate in candidates:
            self.scores.setdefault(candidate.digest, scores[candidate.digest])
            self.seen.setdefault(candidate.digest, candidate)
        self._order = None
        if self.algorithm == "predictor":
            self.predictor = self._learned()
        told = [self._individual(c) for c in candidates if self.scores[c.digest] is not None]
        self.kept = survivors(
            self.algorithm,
            self.recipe,
            self.kept,
            told,
            lambda count: [self._individual(candidate) for candidate in self.ranked()[:count]],
        )
        self.generation += 1

    def ranked(self) -> list[Candidate]:
        """Everything scored so far, the best first: those judged on more images before others, then by the score,
        then by fewer MACs, then by digest. Where a predictor is believed, by what it expects, whatever they saw."""
        if self._order is None:
            scored = self._scored()
            expected = [0.0] * len(scored)
            seen = [-result.images for _, result in scored]
            if self.predictor is not None and self.predictor.believed:
                expected, seen = self.predictor.expected.tolist(), [0] * len(scored)
            order = sorted(
                range(len(scored)),
                key=lambda i: (seen[i], expected[i], *self._key(*scored[i])),
            )
            self._order = [scored[i][0] for i in order]
        return self._order

    def front(self) -> list[Candidate]:
        """Of everything scored in full, what no other beats in all goals, from the least accurate on."""
        ranked = self.ranked()
        members = pareto.front([self.goals.point(c, self.result(c)) for c in ranked])
        return sorted((ranked[i] for i in members), key=lambda c: (self.result(c).correct, c.digest))

    def volume(self, images: int) -> float:
        """The hypervolume of everything scored in full, as a share of the whole field from 0 to 1.

        The reference point is accuracy 0 at the greatest cost that the space has inside the bounds on that cost;
        the opposite corner is accuracy 1 at the least. images: each network is scored on.
        """
        worst, best = [0], [-images]
        bounds = windows(self.recipe.bounds, self.lowered.chain)
        for name in self.goals.names[1:]:
            whole = self.lowered.range(name)
            window = bounds.get(name, whole)
            worst.append(min(whole.hi, window.hi))
            best.append(max(whole.lo, window.lo))
        field = 1
        for far, near in zip(worst, best, strict=True):
            field *= max(far - near, 1)
        members = [self.goals.point(candidate, self.result(candidate)) for candidate in self.front()]
        return pareto.hypervolume(members, tuple(worst)) / field

    def _scored(self) -> list[tuple[Candidate, Result]]:
        scored = ((candidate, self.scores[digest]) for digest, candidate in self.seen.items())
        return [(candidate, score) for candidate, score in scored if score is not None]

    def result(self, candidate: Candidate) -> Result:
        """How a candidate did that has a score."""
        result = self.scores[candidate.digest]
        assert result is not None, "asked of what was scored"
        return result

    def _key(self, candidate: Candidate, result: Result) -> tuple[float | str, ...]:
        return (*self.goals.point(candidate, result)[:1], result.value, candidate.flops, candidate.digest)

    def _individual(self, candidate: Candidate) -> Individual:
        return Individual(candidate.genotype, self.goals.point(candidate, self.result(candidate)), candidate.digest)

    def _learned(self) -> Predictor | None:
        """What the scores so far teach, in the order in which the networks were asked for."""
        if self._genes is None:
            self._genes = genes(self.lowered)
        told = 0 if self._told is None else len(self._told.values)
        new = self._scored()[told:]  # a score stands, and more come after it
        results = [result for _, result in new]
        networks = points(self.lowered.chain, [candidate.genotype for candidate, _ in new])
        more = Observed(
            networks=networks,
            columns=self._genes.columns(networks),
            values=np.array([r.value if r.relative is None else r.relative for r in results], np.float64),
            counts=np.array([max(r.images, 1) for r in results], np.float64),
            errors=np.array([np.nan if r.error is None else r.error for r in results], np.float64),
            costs=np.array([(c.flops, c.params) for c, _ in new], np.int64).reshape(-1, 2),
        )
        self._told = more if self._told is None else self._told.then(more)
        return learned(self._genes, self._told)

    def _affordable(self, candidates: list[Candidate]) -> tuple[Candidate, ...]:
        """The candidates up to the last that the budget pays for."""
        if self.budget is None:
            return tuple(candidates)
        new: set[str] = set()
        fits = []
        for candidate in candidates:
            new |= {candidate.digest} - self.seen.keys()
            fits.append(len(self.seen) + len(new) <= self.budget)
        return tuple(islice(candidates, fits.index(False) if False in fits else None))

    def _made(self, one: Child | Genotype, names: Mapping[Genotype, str]) -> Candidate:
        match one:
            case Genotype():
                return self._candidate(one, "predictor" if self.algorithm == "predictor" else "draw", ())
            case Child(genotype=genotype, origin=origin, parents=parents):
                return self._candidate(genotype, origin, tuple(names[parent] for parent in parents))

    def _candidate(self, genotype: Genotype, operator: str, parents: tuple[str, ...]) -> Candidate:
        chain = self.lowered.chain
        spent = dict(zip(chain.measures, cost(chain, genotype), strict=True))
        costs = {measure: spent[measure] for measure in chain.costs}
        return Candidate(self.lowered.architecture(genotype), genotype, costs, operator, parents)


def _seed(seed: int, generation: int) -> int:
    """A seed of its own for each generation: no two pairs below 2^32 share one."""
    return (seed << 32) | generation
