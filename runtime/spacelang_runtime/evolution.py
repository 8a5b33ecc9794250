"""Evolution under constraints (Alg. 2 of Chen et al., 2021, supplement), as ask and tell.

`ask` gives the networks of the next generation, `tell` takes their scores; only `tell` knows what a good
network is. Everything drawn follows from the seed and the generation's number, so a search that starts again
with the scores it already has walks the same way and ends with the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen

from spacelang.architecture import Architecture
from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype, cost
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.lower.operators import Child, Rates, cross, mutate
from spacelang.recipe import Evolve


@frozen
class Candidate:
    """A network to score. operator: what made it, `draw`, `crossover` or `mutation`. parents: their digests."""

    architecture: Architecture
    genotype: Genotype
    flops: int
    params: int
    operator: str
    parents: tuple[str, ...] = ()


@define
class Evolution:
    """A search in progress. scores: by digest, of everything told; higher is better."""

    lowered: Lowered
    recipe: Evolve
    scores: dict[str, float] = field(factory=dict)
    seen: dict[str, Candidate] = field(factory=dict)
    generation: int = 0

    @property
    def finished(self) -> bool:
        """Whether the last generation has been told: the first population and `generations` after it."""
        return self.generation > self.recipe.generations

    def ask(self) -> tuple[Candidate, ...]:
        """The networks of this generation. Some may be known: what was scored keeps its score."""
        random = stream(_seed(self.recipe.seed, self.generation))
        chain, bounds = self.lowered.chain, windows(self.recipe.bounds)
        if self.generation == 0:
            drawn = draw(chain, self.recipe.population, random, bounds=bounds)
            return tuple(self._candidate(genotype, "draw", ()) for genotype in drawn)
        parents = self.ranked()[: self.recipe.parents]
        rates = self.recipe.mutate
        picks = iter(random.uniform(2 * self.recipe.crossover + self.recipe.mutation).tolist())

        def pick(among: list[Candidate]) -> Candidate:
            return among[int(next(picks) * len(among))]

        pairs = []
        for _ in range(self.recipe.crossover):
            one = pick(parents)
            other = pick([parent for parent in parents if parent is not one] or parents)
            pairs.append((one.genotype, other.genotype))
        singles = [pick(parents).genotype for _ in range(self.recipe.mutation)]
        children = [
            *cross(chain, pairs, random, bounds),
            *mutate(
                chain, singles, Rates(float(rates.depth), float(rates.embed), float(rates.layer)), random, bounds
            ),
        ]
        names = {parent.genotype: parent.architecture.digest for parent in parents}
        return tuple(self._child(child, names) for child in children)

    def tell(self, candidates: tuple[Candidate, ...], scores: Mapping[str, float]) -> None:
        """The scores of a generation, by digest: the next one can be asked for."""
        for candidate in candidates:
            digest = candidate.architecture.digest
            self.scores.setdefault(digest, scores[digest])
            self.seen.setdefault(digest, candidate)
        self.generation += 1

    def ranked(self) -> list[Candidate]:
        """Everything scored so far, the best first: by score, then by fewer MACs, then by digest."""
        return sorted(
            self.seen.values(),
            key=lambda c: (-self.scores[c.architecture.digest], c.flops, c.architecture.digest),
        )

    def _child(self, child: Child, names: Mapping[Genotype, str]) -> Candidate:
        return self._candidate(child.genotype, child.origin, tuple(names[parent] for parent in child.parents))

    def _candidate(self, genotype: Genotype, operator: str, parents: tuple[str, ...]) -> Candidate:
        spent = dict(zip(self.lowered.chain.measures, cost(self.lowered.chain, genotype), strict=True))
        architecture = self.lowered.architecture(genotype)
        return Candidate(architecture, genotype, spent["flops"], spent["params"], operator, parents)


def _seed(seed: int, generation: int) -> int:
    """A seed of its own for each generation: no two pairs below 2^32 share one."""
    return (seed << 32) | generation
