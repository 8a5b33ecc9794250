"""Which networks are trained alone, by which recipe: one value, kept beside the results."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from attrs import evolve, field, frozen

from spacelang import interchange, notation
from spacelang.architecture import Architecture
from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype, Window
from spacelang.lower.cost import Cost, price
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Bound, Sandwich
from spacelang.space import Space

FORMAT = "spacelang.alone/1"
TRIES = 16  # draws of a stratum, of which the first is taken that is not there yet


@frozen
class Plan:
    """space: with the recipe of a network alone. data: as `spacelang train --data` takes it. lines: the networks,
    the cheapest first. run: the folder of the supernet's run; empty where there is none. weights: which those of
    it are. bound: on MACs, as written; empty: the whole range. overrides: what was changed in the recipe."""

    space: Space
    data: str
    lines: tuple[str, ...]
    run: str = ""
    weights: str = ""
    bound: str = ""
    overrides: dict[str, str] = field(factory=dict)

    @property
    def networks(self) -> list[Architecture]:
        return [evolve(notation.read(line), frame=self.space.frame) for line in self.lines]

    @property
    def costs(self) -> list[Cost]:
        return [price(architecture) for architecture in self.networks]

    def written(self) -> str:
        values = {
            "format": FORMAT,
            "data": self.data,
            "run": self.run,
            "weights": self.weights,
            "bound": self.bound,
            "overrides": self.overrides,
            "networks": self.lines,
            "space": json.loads(interchange.to_json(self.space)),
        }
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> Plan:
    """The plan in a file. Raises ValueError where it holds none."""
    values = json.loads(path.read_text())
    if values.get("format") != FORMAT:
        raise ValueError(f"{path} is no plan of this version ({FORMAT})")
    space = interchange.from_json(json.dumps(values["space"]))
    lines = tuple(values["networks"])
    return Plan(
        space, values["data"], lines, values["run"], values["weights"], values["bound"], values["overrides"]
    )


def lonely(space: Space) -> Space:
    """The same space with the recipe of one network alone: all that its supernet's says, but for the mix. What the
    supernet holds out stays held out, so that both learn from the same images."""
    return evolve(space, train=evolve(space.train, sandwich=Sandwich(largest=1, smallest=0, random=0)))


def drawn(lowered: Lowered, count: int, bound: Bound | None, seed: int) -> tuple[str, ...]:
    """So many different networks, the cheapest first; fewer where there are no more.

    Without a bound, one of each of `count` parts of equal width of the range of MACs, and for each part that is
    empty one of the whole range: by the law of *random* alone, hardly a network would come from the ends of the
    range. Inside a bound, by the law of *random*.
    """
    source = stream(seed)
    taken: dict[Genotype, None] = {}

    def take(window: Window, most: int) -> None:
        left = most
        for genotype in draw(lowered.chain, TRIES * most, source, bounds={"flops": window}):
            if left and genotype not in taken:
                taken[genotype] = None
                left -= 1

    if bound is not None:
        take(windows([bound], lowered.chain)["flops"], count)
    else:
        whole = lowered.range("flops")
        for part in strata(whole, count):
            take(part, 1)
        if count > len(taken):
            take(whole, count - len(taken))
    networks = [lowered.architecture(genotype) for genotype in taken]
    return tuple(map(notation.write, sorted(networks, key=_cost)))


def strata(whole: Window, count: int) -> list[Window]:
    """Windows of whole numbers that share a window out, of widths that differ by at most one."""
    span = whole.hi - whole.lo + 1
    edges = [whole.lo + span * i // count for i in range(count + 1)]
    return [Window(low, high - 1) for low, high in pairwise(edges)]


def _cost(architecture: Architecture) -> tuple[int, int]:
    cost = price(architecture)
    return cost.flops, cost.params
