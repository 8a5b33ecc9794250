"""Networks drawn evenly over MACs.

Where each choice is drawn by itself, the MACs of a network are a sum of many draws, and most networks are of
middling cost: of `mini.space` one in 600 has at most 450M MACs, where its search looks, and one in 26 000 at most
400M. The networks that a search is to tell apart are then hardly ever trained themselves. So the range of MACs is
cut into equal stretches, each network of a step comes from another of them, and inside its stretch it is drawn by
the law of *random*, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

from spacelang.lower.chain import Bounds, Chain, Genotype
from spacelang.lower.draw import Draws, Stream, sample, stream
from spacelang.lower.histogram import bins
from spacelang.lower.pattern import free
from spacelang.lower.sampling_table import new_sampling_table
from spacelang.lower.terms import Law
from spacelang_runtime.seeding import seed_of

STRETCHES = 16
DRAWN = 4096  # of each stretch: so many different networks at most, and none of the tables that drew them


class FlopsStrata:
    """The stretches of MACs inside bounds that hold a network, each with the networks that were drawn from it when
    it was first asked for: the same ones in every process, and in a run that goes on."""

    def __init__(self, chain: Chain, bounds: Bounds) -> None:
        self._chain = chain
        self._others = {name: window for name, window in bounds.items() if name != "flops"}
        self._windows = [window for window, count in bins(chain, "flops", STRETCHES, bounds) if count]
        self._drawn: dict[int, Draws] = {}

    def draw(self, count: int, numbers: Stream) -> Iterator[Genotype]:
        """`count` networks, from stretches as far apart as so many can be: each stretch as often as any other."""
        if not count or not self._windows:
            return  # no network is inside the bounds
        # The shares lie evenly around a circle that is turned at random, so each of them is uniform by itself.
        begin = float(numbers.uniform(1)[0])
        for number, place in enumerate(numbers.uniform(count)):
            share = (begin + number / count) % 1.0
            drawn = self._of(min(int(share * len(self._windows)), len(self._windows) - 1))
            yield drawn.at(int(place * len(drawn)))

    def _of(self, stretch: int) -> Draws:
        if stretch not in self._drawn:
            bounds = tuple({**self._others, "flops": self._windows[stretch]}.items())
            table = new_sampling_table(self._chain, free(self._chain), bounds, Law.RANDOM)
            assert table is not None, "it holds a network"
            self._drawn[stretch] = sample(table, DRAWN, stream(seed_of("stretch", stretch)))
        return self._drawn[stretch]
