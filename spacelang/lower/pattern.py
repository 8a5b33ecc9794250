"""Which genes of a chain are settled, which are between two parents, and which are free."""

from __future__ import annotations

from attrs import field, frozen

from spacelang.lower.chain import Chain, Key


@frozen
class Either:
    """What a layer takes from one of two parents, by a fair coin."""

    one: Key
    other: Key


@frozen
class Pattern:
    """What is settled about a genotype before it is drawn.

    `cells[t]`: the cells that stage t may take; `layers[t][i]`: the key that layer i of stage t has, or between
    which two it is, None where it is free. Layers beyond the end of `layers[t]` are free; keys of layers that the
    drawn cell does not have are ignored; a key that is no option of the drawn cell leaves its layer free.
    `coins[t]`: by how many falls of the coins each cell comes about, where not by equally many.
    """

    cells: tuple[tuple[int, ...], ...] = field()
    layers: tuple[tuple[Key | Either | None, ...], ...]
    coins: tuple[tuple[int, ...], ...] | None = None

    @cells.validator
    def _some(self, _attribute: object, cells: tuple[tuple[int, ...], ...]) -> None:
        if not all(cells):
            raise ValueError("a pattern leaves every stage at least one cell")


def free(chain: Chain) -> Pattern:
    """The pattern that settles nothing."""
    return Pattern(
        cells=tuple(tuple(range(len(stage))) for stage in chain.stages),
        layers=((),) * len(chain.stages),
    )
