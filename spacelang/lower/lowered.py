"""A space with all that is lowered from it."""

from __future__ import annotations

from attrs import frozen

from spacelang.architecture import Architecture, Frame, Stage
from spacelang.lower.cells import Legal
from spacelang.lower.chain import Chain, Genotype, Window, cost
from spacelang.lower.count import count
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.legal import legal
from spacelang.lower.plan import Plan, of_space
from spacelang.lower.price import price
from spacelang.space import Space


@frozen
class Lowered:
    """A space, its legal options, the plan of its supernet, and its chain of costs."""

    space: Space
    legal: Legal
    plan: Plan
    chain: Chain

    @property
    def smallest(self) -> Architecture:
        """The network with the fewest MACs; of several, the one with the fewest parameters."""
        return self.architecture(existing(smallest(self.chain)))

    @property
    def largest(self) -> Architecture:
        """The network with the most MACs; of several, the one with the most parameters."""
        return self.architecture(existing(largest(self.chain)))

    @property
    def count(self) -> int:
        """How many networks the space holds, exactly."""
        return count(self.chain)

    def range(self, measure: str) -> Window:
        """The least and the most that a network of the space costs."""
        at = self.chain.measures.index(measure)
        ends = (smallest(self.chain, (measure,)), largest(self.chain, (measure,)))
        low, high = (cost(self.chain, existing(end))[at] for end in ends)
        return Window(low, high)

    def architecture(self, genotype: Genotype) -> Architecture:
        """The network that a genotype of the chain is."""
        return network(self.space.frame, self.legal, genotype)

    def genotype(self, architecture: Architecture) -> Genotype:
        """Where an architecture lies in the space. Raises ValueError, which says what keeps it out."""
        if architecture.frame != self.space.frame:
            raise ValueError(f"it has {self.space.frame.unlike(architecture.frame)}")
        if len(architecture.stages) != len(self.legal.stages):
            raise ValueError(f"it has {len(architecture.stages)} stages, the space {len(self.legal.stages)}")
        from spacelang.lower.encode import encode

        return encode(self.legal, architecture.stages)


def network(frame: Frame, left: Legal, genotype: Genotype) -> Architecture:
    """The network that a genotype of the chain is, among what a space leaves legal."""
    stages = []
    for cells, index, layers in zip(left.stages, genotype.cells, genotype.layers, strict=True):
        cell = cells[index]
        stages.append(Stage(cell.embed, tuple(cell.options[option] for option in layers)))
    return Architecture(frame, tuple(stages))


def existing(genotype: Genotype | None) -> Genotype:
    """The genotype, which is there: a checked space holds at least one network."""
    assert genotype is not None
    return genotype


def lower(space: Space) -> Lowered:
    """All that follows from a checked space."""
    options = legal(space)
    assert isinstance(options, Legal), "a checked space can be built"
    return Lowered(space, options, of_space(space.frame, options), price(space, options))
