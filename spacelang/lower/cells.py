"""What is legal of a space, as values: cells, their links, and what totals come to there.

`legal` makes them, `charges` counts the totals, `prune` takes away what no network within them has.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from spacelang.architecture import Layer
from spacelang.expression import Number
from spacelang.language.dimensions import STAGE_DIMENSIONS
from spacelang.lower.chain import Window
from spacelang.space import Option

KEPT = 4  # spaces whose legal options, and what follows from these, are kept

Values = tuple[tuple[str, Option], ...]  # by name


@frozen
class LegalCell:
    """One depth and one embed of a stage, and the layers that are legal there, in canonical order.

    tied: what is chosen once for the stage, which all its layers have. root: the number of what is chosen once for
    the network, in `Legal.roots`.
    """

    depth: int
    embed: int
    options: tuple[Layer, ...]
    tied: Values = ()
    root: int = 0
    names: Mapping[str, Number] = field(factory=dict, eq=False, repr=False)  # what rules about its stage may use

    def value(self, name: str) -> Option:
        """The value of a dimension that all layers of the stage have."""
        value: Option = getattr(self, name) if name in STAGE_DIMENSIONS else getattr(self.options[0], name)
        return value


@frozen
class Charge:
    """What a total comes to. stage: the only one (from 0) that it speaks of; None: all.

    cells[t][i] is what cell i of stage t adds, layers[t][i][o] what each of its layers with option o adds, in units
    of 1 / scale; together they lie in the window.
    """

    name: str
    stage: int | None
    scale: int
    window: Window
    cells: tuple[tuple[int, ...], ...]
    layers: tuple[tuple[tuple[int, ...], ...], ...]


@frozen(cache_hash=True)
class Legal:
    """The cells of each stage, in ascending order of root, depth, embed and what is tied; for each two neighbouring
    stages the pairs of cells (indexes into the two) that go together; what may be chosen once for the network,
    empty where nothing is; and the totals, which take more away: not every row of cells and options is a network
    where one of them has a window."""

    stages: tuple[tuple[LegalCell, ...], ...]
    links: tuple[frozenset[tuple[int, int]], ...]
    roots: tuple[Values, ...] = ()
    totals: tuple[Charge, ...] = ()
