"""Where the stages of a network lie among what a space leaves legal."""

from __future__ import annotations

from collections.abc import Sequence

from spacelang.architecture import Stage
from spacelang.lower.cells import Legal, LegalCell
from spacelang.lower.chain import Genotype


class Outside(ValueError):
    """What keeps a network out of a space. stage: where, from 1."""

    def __init__(self, stage: int, reason: str) -> None:
        super().__init__(f"stage {stage}{reason}")
        self.stage = stage


def encode(legal: Legal, stages: Sequence[Stage]) -> Genotype:
    """The genotype of as many stages as the space has. Raises `Outside`, which says what keeps it out: of what is
    chosen once for the network, with the choices by which it gets farthest."""
    refusals: list[Outside] = []
    for root in range(max(1, len(legal.roots))):
        try:
            return _under(legal, stages, root)
        except Outside as refusal:
            refusals.append(refusal)
    raise max(refusals, key=lambda refusal: refusal.stage)


def _under(legal: Legal, stages: Sequence[Stage], root: int) -> Genotype:
    cells: list[int] = []
    layers: list[tuple[int, ...]] = []
    for number, (stage, choices) in enumerate(zip(stages, legal.stages, strict=True), 1):
        index = _cell(legal, number, stage, choices, root)
        if cells and (cells[-1], index) not in legal.links[number - 2]:
            raise Outside(number, f": the space's rules keep it from following stage {number - 1}")
        options = choices[index].options
        for place, layer in enumerate(stage.layers, 1):
            if layer not in options:
                raise Outside(number, f", layer {place}: {_why(choices[index], stage, place)}")
        cells.append(index)
        layers.append(tuple(options.index(layer) for layer in stage.layers))
    return Genotype(tuple(cells), tuple(layers))


def _cell(legal: Legal, number: int, stage: Stage, choices: Sequence[LegalCell], root: int) -> int:
    """The cell of a stage: the one of its shape whose layers are like the first."""
    depth, embed = len(stage.layers), stage.embed
    shaped = [i for i, cell in enumerate(choices) if (cell.depth, cell.embed) == (depth, embed)]
    if not shaped:
        raise Outside(number, f": no network of the space has depth {depth} with embed {embed}")
    own = [i for i in shaped if choices[i].root == root]
    if not own:
        told = " and ".join(f"{name} {value}" for name, value in legal.roots[root])
        raise Outside(number, f": no network with {told} has depth {depth} with embed {embed} there")
    return next((i for i in own if stage.layers[0] in choices[i].options), own[0])


def _why(cell: LegalCell, stage: Stage, place: int) -> str:
    first, layer = stage.layers[0], stage.layers[place - 1]
    for name, _ in cell.tied:
        if first in cell.options and getattr(layer, name) != getattr(first, name):
            values = f"its {name} is {getattr(layer, name)}, that of layer 1 {getattr(first, name)}"
            return f"{values}, and the space has one for the stage"
    return "the space has no such layer there"
