"""Marginal counts: how many networks inside windows have each option of a space, by one look at the points of every
stage.

A network that has an option of the stage's own dimensions is a point of one of its cells with a completion. One
that has an option of a layer is a sequence of layers that takes it somewhere: all sequences, less those without it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.cells import LegalCell
from spacelang.lower.chain import Bounds, Chain, Window
from spacelang.lower.completions import Completions, completions
from spacelang.lower.pattern import free
from spacelang.lower.predicate import Predicate
from spacelang.lower.sums import ways
from spacelang.lower.terms import terms
from spacelang.lower.too_large import TooLarge

Marginal = tuple[int, dict[str, Window]]


@frozen(eq=False)
class Marginals:
    """The completions of every stage inside windows on some measures; no stages: nothing is inside. asked: the
    measures of whose values one wants to know."""

    measures: tuple[str, ...]
    asked: frozenset[str]
    stages: tuple[Completions, ...]

    def of(self, stage: int, legal: Sequence[LegalCell], has: Predicate) -> Marginal:
        """How many networks inside have an option of a stage (a layer's: somewhere in it), and what these cost."""
        if not self.stages:
            return 0, {}
        completed = self.stages[stage]
        parts = []
        for at, (place, table) in enumerate(zip(completed.points.cells, completed.points.tables, strict=True)):
            cell = legal[place.cell]
            if has.cell is not None:
                own = ways(table) if has.cell(cell) else 0 * ways(table)
            else:
                taken = (option for option, layer in enumerate(cell.options) if has.layer(layer))
                own = ways(table) - ways(table, frozenset(taken))
            parts.append(own[completed.points.entry[completed.points.cell == at]])
        weight = np.concatenate(parts)
        having = np.nonzero((weight != 0) & (completed.count != 0))[0]
        if not len(having):
            return 0, {}
        ranges = {
            measure: Window(int(completed.least[axis, having].min()), int(completed.most[axis, having].max()))
            for axis, measure in enumerate(self.measures)
            if measure in self.asked
        }
        return int((weight[having] * completed.count[having]).sum()), ranges


def marginals(chain: Chain, bounds: Bounds) -> Marginals | None:
    """The marginal counts of the options inside windows; None where the points of the stages do not fit."""
    bounded = bounded_chain(terms(chain), free(chain), bounds, every=True)
    if bounded is None:
        return Marginals((), frozenset(), ())
    try:
        return Marginals(
            tuple(chain.measures[axis] for axis in bounded.axes), frozenset(bounds), completions(bounded)
        )
    except TooLarge:
        return None
