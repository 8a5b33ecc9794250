"""Small chains to check the arithmetic on, and what enumeration says about them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, product

from hypothesis import strategies as st

from spacelang.lower.chain import Cell, Chain, Genotype, Joint, LayerOption, Window, cost, joint
from spacelang.lower.pattern import Pattern

MEASURES = ("flops", "params", "latency")


@st.composite
def chains(draw: st.DrawFn, measures: int | None = None) -> Chain:
    """Chains of up to three stages with forbidden links and options that differ by embed; a few thousand
    genotypes at most."""
    measures = measures or draw(st.integers(1, 2))
    amount = st.tuples(*[st.integers(0, 12)] * measures)
    stages = []
    for _ in range(draw(st.integers(1, 3))):
        depths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True))
        cells = []
        for embed in range(1, 1 + draw(st.integers(1, 2))):
            keys = draw(st.lists(st.integers(0, 3), min_size=1, max_size=2 if max(depths) > 2 else 3, unique=True))
            options = tuple(LayerOption((Fraction(key, 2), key), draw(amount)) for key in keys)
            cells += [Cell(depth, embed, draw(amount), options) for depth in depths]
        stages.append(tuple(cells))
    joints: list[Joint] = []
    for left, right in pairwise(stages):
        pairs = list(product(range(len(left)), range(len(right))))
        kept = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
        joints.append(joint({pair: draw(amount) for pair in kept}, len(left), len(right)))
    return Chain(MEASURES[:measures], tuple(stages), tuple(joints))


def allowed(chain: Chain, cells: tuple[int, ...]) -> bool:
    """Whether these cells, one per stage, may follow each other."""
    pairs = zip(chain.joints, pairwise(cells), strict=True)
    return all(found.link(before, after) is not None for found, (before, after) in pairs)


def genotypes(chain: Chain) -> Iterator[Genotype]:
    """Every genotype of a chain, in canonical order."""
    for cells in product(*(range(len(stage)) for stage in chain.stages)):
        if allowed(chain, cells):
            found = [stage[index] for stage, index in zip(chain.stages, cells, strict=True)]
            blocks = [list(product(range(len(cell.options)), repeat=cell.depth)) for cell in found]
            for layers in product(*blocks):
                yield Genotype(cells, layers)


def everything(chain: Chain) -> dict[Genotype, tuple[int, ...]]:
    """Every genotype of a chain with its cost."""
    return {genotype: cost(chain, genotype) for genotype in genotypes(chain)}


@st.composite
def windows(draw: st.DrawFn, chain: Chain, least: int = 0) -> dict[str, Window]:
    """Windows on at least `least` of the measures of a chain, most of which it can meet."""
    bounds = {}
    names = draw(st.lists(st.sampled_from(chain.measures), min_size=least, unique=True))
    for name in names:
        low, size = draw(st.integers(0, 60)), draw(st.integers(0, 50))
        bounds[name] = Window(low, low + size)
    return bounds


def fits(chain: Chain, bounds: dict[str, Window], spent: tuple[int, ...]) -> bool:
    """Whether a cost lies inside every window."""
    return all(window.lo <= spent[chain.measures.index(name)] <= window.hi for name, window in bounds.items())


@st.composite
def patterns(draw: st.DrawFn, chain: Chain) -> Pattern:
    """Patterns over a chain: some cells, some keys settled, legal or not."""
    cells, layers = [], []
    for stage in chain.stages:
        cells.append(tuple(sorted(draw(st.sets(st.integers(0, len(stage) - 1), min_size=1)))))
        keys = st.one_of(st.none(), st.integers(0, 4).map(lambda key: (Fraction(key, 2), key)))
        layers.append(tuple(draw(st.lists(keys, max_size=3))))
    return Pattern(tuple(cells), tuple(layers))


def law_given(chain: Chain, pattern: Pattern, bounds: dict[str, Window], uniform: bool) -> dict[Genotype, Fraction]:
    """The law of a draw by enumeration: a probability for every genotype that it may give."""
    weight: dict[Genotype, Fraction] = {}
    for genotype, spent in everything(chain).items():
        if not fits(chain, bounds, spent):
            continue
        chance = Fraction(1)
        for t, (index, layers) in enumerate(zip(genotype.cells, genotype.layers, strict=True)):
            options = chain.stages[t][index].options
            if index not in pattern.cells[t]:
                chance = Fraction(0)
            for i, option in enumerate(layers):
                key = pattern.layers[t][i] if i < len(pattern.layers[t]) else None
                if key is not None and any(key == one.key for one in options):
                    chance *= options[option].key == key
                elif not uniform:
                    chance /= len(options)
        if chance:
            weight[genotype] = chance
    whole = sum(weight.values(), Fraction(0))
    return {genotype: chance / whole for genotype, chance in weight.items()}


def chi_square(expected: Mapping[Hashable, Fraction], drawn: Sequence[Hashable]) -> float:
    """The chance of draws at least as far from the expected law as these (Wilson and Hilferty, 1931).

    Rare genotypes are pooled; a genotype that the law does not give makes it 0.
    """
    from collections import Counter
    from statistics import NormalDist

    seen = Counter(drawn)
    if any(genotype not in expected for genotype in seen):
        return 0.0
    cells: list[tuple[float, int]] = []
    pooled, pooled_seen = 0.0, 0
    for genotype, chance in expected.items():
        mean = float(chance) * len(drawn)
        if mean >= 8:
            cells.append((mean, seen[genotype]))
        else:
            pooled, pooled_seen = pooled + mean, pooled_seen + seen[genotype]
    if pooled >= 8:
        cells.append((pooled, pooled_seen))
    free = len(cells) - 1
    if free < 1:
        return 1.0
    statistic = sum((count - mean) ** 2 / mean for mean, count in cells)
    z = ((statistic / free) ** (1 / 3) - (1 - 2 / (9 * free))) / (2 / (9 * free)) ** 0.5
    return 1 - NormalDist().cdf(z)
