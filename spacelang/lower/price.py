"""The priced chain of a space: its legal options with what each costs, ready for the exact arithmetic.

Costs come from the same blueprints that modules are built from. The stem and the tokens belong to the cells
of the first stage, the head to those of the last, patch merging to the pairs of neighbours; a layer's cost
depends on the width of its stage and on its own genes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

from attrs import evolve

from spacelang.architecture import Frame, Layer
from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.lower import plan
from spacelang.lower.cells import KEPT, Charge, Legal, LegalCell
from spacelang.lower.chain import Cell, Chain, CostVector, Key, LayerOption, Limit, Link, joint
from spacelang.lower.cost import MEASURES, cost
from spacelang.lower.plan import Blueprint
from spacelang.space import Searched, Space, StageSpace

if TYPE_CHECKING:
    from spacelang.lower.costs import CostTable


def price(space: Space, legal: Legal) -> Chain:
    """The chain of a space. Cells and options stand in the order of `legal`, so an index means the same in both.

    Chains are kept as legal options are.
    """
    return _priced(space.frame, space.stages, legal)


@lru_cache(maxsize=KEPT)
def _priced(frame: Frame, stages: tuple[StageSpace, ...], legal: Legal) -> Chain:
    link = cache(partial(_link, frame))  # many cells are as wide
    priced = Chain(
        MEASURES,
        tuple(_stage(frame, stage, legal, number) for number, stage in enumerate(stages)),
        tuple(
            joint(
                {(i, j): link(number, before[i].embed, after[j].embed) for i, j in legal.links[number]},
                len(before),
                len(after),
            )
            for number, (before, after) in enumerate(zip(legal.stages, legal.stages[1:], strict=False))
        ),
        tuple(tuple(value for _, value in root) for root in legal.roots),
    )
    return charged(priced, legal.totals) if legal.totals else priced


def charged(chain: Chain, totals: Sequence[Charge]) -> Chain:
    """A chain with one measure more for each total."""
    none = (0,) * len(totals)

    @cache
    def options(priced: tuple[LayerOption, ...], added: tuple[CostVector, ...]) -> tuple[LayerOption, ...]:
        pairs = zip(priced, added, strict=True)
        return tuple(evolve(option, cost=(*option.cost, *more)) for option, more in pairs)

    def cell(t: int, i: int, priced: Cell) -> Cell:
        added = tuple(zip(*(total.layers[t][i] for total in totals), strict=True))
        own = tuple(total.cells[t][i] for total in totals)
        return evolve(priced, cost=(*priced.cost, *own), options=options(priced.options, added))

    return evolve(
        chain,
        measures=(*chain.measures, *(total.name for total in totals)),
        stages=tuple(tuple(cell(t, i, one) for i, one in enumerate(cells)) for t, cells in enumerate(chain.stages)),
        joints=tuple(
            evolve(
                one,
                table=tuple(
                    tuple(None if link is None else Link((*link.cost, *none)) for link in row) for row in one.table
                ),
            )
            for one in chain.joints
        ),
        limits=tuple(Limit(total.name, total.window, total.stage, total.scale) for total in totals),
    )


def with_table(chain: Chain, legal: Legal, table: CostTable) -> Chain:
    """The chain of a space, of these legal options, with one measure more, read from a table of what each block
    costs.

    Its costs are whole units of 1 / `table.scale`. Raises `NotATable` where the table lacks entries.
    """
    from spacelang.lower.costs import NotATable, blocks, head_key, layer_key, merge_key, stem_key

    stages = legal.stages
    if table.measure in chain.measures:
        raise NotATable(f"there are two tables of {table.measure}")
    spent = table.of(blocks(legal))

    @cache
    def options(
        number: int, embed: int, layers: tuple[Layer, ...], priced: tuple[LayerOption, ...]
    ) -> tuple[LayerOption, ...]:
        return tuple(
            evolve(option, cost=(*option.cost, spent[layer_key(number, embed, layer)]))
            for layer, option in zip(layers, priced, strict=True)
        )

    def cell(number: int, legal: LegalCell, priced: Cell) -> Cell:
        own = spent[stem_key(legal.embed)] if number == 1 else 0
        own += spent[head_key(legal.embed)] if number == len(stages) else 0
        layers = options(number, legal.embed, legal.options, priced.options)
        return evolve(priced, cost=(*priced.cost, own), options=layers)

    joints = []
    for number, before in enumerate(chain.joints, 2):
        links = {}
        for i, j in legal.links[number - 2]:
            link = before.link(i, j)
            assert link is not None, "the chain links what is legal"
            merge = merge_key(number, stages[number - 2][i].embed, stages[number - 1][j].embed)
            links[i, j] = (*link.cost, spent[merge])
        joints.append(joint(links, len(before.left), len(before.right)))
    return evolve(
        chain,
        measures=(*chain.measures, table.measure),
        stages=tuple(
            tuple(cell(number, one, priced) for one, priced in zip(legal, cells, strict=True))
            for number, (legal, cells) in enumerate(zip(stages, chain.stages, strict=True), 1)
        ),
        joints=tuple(joints),
    )


def _stage(frame: Frame, stage: StageSpace, legal: Legal, number: int) -> tuple[Cell, ...]:
    @cache  # equal lists of options are one object, so that what is computed for one serves all depths
    def options(embed: int, layers: tuple[Layer, ...]) -> tuple[LayerOption, ...]:
        return tuple(LayerOption(key(stage, layer), _layer(frame, number, embed, layer)) for layer in layers)

    return tuple(
        Cell(
            cell.depth,
            cell.embed,
            _ends(frame, number, len(legal.stages), cell.embed),
            options(cell.embed, cell.options),
            tuple(value for _, value in cell.tied),
            cell.root,
        )
        for cell in legal.stages[number]
    )


def key(stage: StageSpace, layer: Layer) -> Key:
    """The genes that a layer has of its own: what stays of it when the rest is derived anew in another place."""
    return tuple(getattr(layer, n) for n in own_genes(stage))


def own_genes(stage: StageSpace) -> tuple[str, ...]:
    """The dimensions that each layer of a stage chooses for itself."""
    return tuple(
        name
        for name in LAYER_DIMENSIONS
        if isinstance(domain := getattr(stage, name), Searched) and domain.tied is None
    )


def _ends(frame: Frame, number: int, stages: int, embed: int) -> CostVector:
    blueprints: list[Blueprint] = []
    if number == 0:
        blueprints += [plan.stem(frame, embed), plan.tokens(frame, embed)]
    if number == stages - 1:
        blueprints.append(plan.head(frame, stages, embed))
    return _sum(blueprints)


def _layer(frame: Frame, number: int, embed: int, layer: Layer) -> CostVector:
    return _sum([plan.block(frame, number, 0, embed, plan.shape(embed, layer))])


def _link(frame: Frame, number: int, embed: int, out: int) -> CostVector:
    return _sum([plan.merge(frame, number + 1, embed, out)])


def _sum(blueprints: list[Blueprint]) -> CostVector:
    costs = [cost(blueprint) for blueprint in blueprints]
    return tuple(sum(getattr(c, measure) for c in costs) for measure in MEASURES)
