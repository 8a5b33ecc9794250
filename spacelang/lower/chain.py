"""A space as a chain of stages with additive costs: what the exact arithmetic works on.

Once the depth and the width of every stage are settled, the cost of an architecture is a sum: one term per
stage, one per pair of neighbouring stages, one per layer. A `Chain` holds just these terms. It knows nothing
of the language; a space is lowered to it, and genotypes of it are read back as architectures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from attrs import field, frozen

VERSION = "1"  # of the arithmetic: what is kept of one is not read by another

Key = tuple[object, ...]
CostVector = tuple[int, ...]


@frozen(cache_hash=True)
class LayerOption:
    """One choice of a layer's genes: its canonical values and what a layer with them costs.

    `cost` has one integer per measure of the chain (MACs, parameters, ...).
    """

    key: Key
    cost: CostVector


@frozen
class Cell:
    """One (depth, embed) of a stage: what it costs besides its layers, and the options of each layer.

    tied: the values that are chosen once for the stage and that all these options have. root: the number of what
    is chosen once for the network, in `Chain.roots`; neighbours with different ones never meet.
    """

    depth: int
    embed: int
    cost: CostVector
    options: tuple[LayerOption, ...] = field()
    tied: Key = ()
    root: int = 0

    @options.validator
    def _distinct(self, _attribute: object, options: tuple[LayerOption, ...]) -> None:
        if not options:
            raise ValueError("a cell has at least one option")
        if len({option.key for option in options}) != len(options):
            raise ValueError("the options of a cell have distinct keys")


@frozen
class Link:
    """The merging layer between two neighbouring stages: its cost."""

    cost: CostVector


@frozen
class Joint:
    """Which cells of two neighbouring stages may follow each other, and the link between them.

    Cells that behave alike towards their neighbour share a class, so the table stays small (classes are
    usually the embeds) however many depths there are. `left[i]` is the class of cell i of the earlier stage,
    `right[j]` of cell j of the later one; `table[left[i]][right[j]]` is their link, None where forbidden.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    table: tuple[tuple[Link | None, ...], ...]

    def link(self, i: int, j: int) -> Link | None:
        """The link between cell i of the earlier stage and cell j of the later one; None: forbidden."""
        return self.table[self.left[i]][self.right[j]]


def joint(links: Mapping[tuple[int, int], CostVector], left: int, right: int) -> Joint:
    """The joint in which exactly the pairs of `links` are allowed, between stages of `left` and `right` cells.

    Cells with equal rows (columns) of the mapping get one class.
    """
    rows = [tuple(links.get((i, j)) for j in range(right)) for i in range(left)]
    row_class = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    columns = [tuple(row[j] for row in row_class) for j in range(right)]
    column_class = {column: number for number, column in enumerate(dict.fromkeys(columns))}
    return Joint(
        left=tuple(row_class[row] for row in rows),
        right=tuple(column_class[column] for column in columns),
        table=tuple(
            tuple(None if (spent := column[a]) is None else Link(spent) for column in column_class)
            for a in range(len(row_class))
        ),
    )


@frozen
class Window:
    """The values of a measure from `lo` to `hi`, both included."""

    lo: int
    hi: int


EVERY = Window(-(2**62), 2**62)  # wider than any measure


@frozen
class Limit:
    """A total among the measures of a chain, and the window that every network of the chain keeps on it.

    It counts in units of 1 / scale. stage: the only stage (from 0) that it speaks of; None: all of them.
    """

    measure: str
    window: Window
    stage: int | None = None
    scale: int = 1


@frozen(cache_hash=True)
class Chain:
    """The stages of a space, the cells of each, and the joints between neighbours.

    `measures` names the entries of every cost. `joints[t]` lies between stage t and stage t + 1. `roots`: all that
    may be chosen once for the network, each a row of values; empty where nothing is. `limits`: the totals, which
    are measures that every network keeps within a window, and which are no costs.
    """

    measures: tuple[str, ...]
    stages: tuple[tuple[Cell, ...], ...] = field()
    joints: tuple[Joint, ...] = field()
    roots: tuple[Key, ...] = ()
    limits: tuple[Limit, ...] = ()

    @property
    def costs(self) -> tuple[str, ...]:
        """The measures that are no totals."""
        totals = {limit.measure for limit in self.limits}
        return tuple(measure for measure in self.measures if measure not in totals)

    @stages.validator
    def _cells(self, _attribute: object, stages: tuple[tuple[Cell, ...], ...]) -> None:
        if not stages or not all(stages):
            raise ValueError("a chain has at least one stage, a stage at least one cell")

    @joints.validator
    def _between(self, _attribute: object, joints: tuple[Joint, ...]) -> None:
        if len(joints) != len(self.stages) - 1:
            raise ValueError("a chain has one joint between each two neighbouring stages")
        for joint_, left, right in zip(joints, self.stages, self.stages[1:], strict=False):
            if len(joint_.left) != len(left) or len(joint_.right) != len(right):
                raise ValueError("a joint gives every cell of its two stages a class")


def digest(chain: Chain) -> str:
    """The SHA-256 of all that a chain holds: equal for equal chains, on every machine."""
    lists: dict[tuple[LayerOption, ...], int] = {}
    cells = [
        [
            (cell.depth, cell.embed, cell.cost, lists.setdefault(cell.options, len(lists)), *_shared(cell))
            for cell in stage
        ]
        for stage in chain.stages
    ]
    options = [[(tuple(map(str, option.key)), option.cost) for option in found] for found in lists]
    joints = [
        (found.left, found.right, [[link and link.cost for link in row] for row in found.table])
        for found in chain.joints
    ]
    kept = [(limit.measure, limit.window.lo, limit.window.hi, limit.stage) for limit in chain.limits]
    parts = (chain.measures, cells, options, joints, *([kept] if kept else []))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _shared(cell: Cell) -> Key:
    """What a cell ties, if anything: it says which genes stay together, which is part of the law of draws."""
    return (tuple(map(str, cell.tied)), cell.root) if cell.tied or cell.root else ()


@frozen
class Genotype:
    """One point of a chain: the index of the cell of each stage, and of the option of each layer that exists."""

    cells: tuple[int, ...]
    layers: tuple[tuple[int, ...], ...]


Bounds = Mapping[str, Window]


def cost(chain: Chain, genotype: Genotype) -> CostVector:
    """What a genotype costs: the sum over its cells, links and layers, one integer per measure.

    Raises ValueError where two of its cells may not follow each other.
    """
    return tuple(map(sum, zip(*_terms(chain, genotype), strict=True)))


def _terms(chain: Chain, genotype: Genotype) -> Iterator[CostVector]:
    for t, (index, layers) in enumerate(zip(genotype.cells, genotype.layers, strict=True)):
        cell = chain.stages[t][index]
        yield cell.cost
        for option in layers:
            yield cell.options[option].cost
        if t:
            link = chain.joints[t - 1].link(genotype.cells[t - 1], index)
            if link is None:
                raise ValueError(f"cells {genotype.cells[t - 1]} and {index} of stages {t} and {t + 1} never meet")
            yield link.cost


def inside(chain: Chain, genotype: Genotype, bounds: Bounds) -> bool:
    """Whether the genotype's cost lies in every window of `bounds` and of the chain's own limits."""
    total = dict(zip(chain.measures, cost(chain, genotype), strict=True))
    windows = [*bounds.items(), *((limit.measure, limit.window) for limit in chain.limits)]
    return all(window.lo <= total[name] <= window.hi for name, window in windows)
