"""Muon over the matrices of a model (Jordan et al., 2024): a step along a momentum that is made orthogonal.

    M ← μ·M + (1 − μ)·G,   W ← (1 − η·λ)·W − η · 0.2·√(max(rows, columns)) · orthogonal((1 − μ)·G + μ·M)

with Nesterov's momentum, the decay beside the gradient, and the scale that gives an update the size of one of
AdamW's, so that one learning rate and one decay serve both (Liu et al., 2025, arXiv 2502.16982).
`torch.optim.Muon` is the same, matrix after matrix; here all that are of the same sides, or of these turned round,
are one product.

**q, k and v** are three matrices, each made orthogonal by itself: they are three maps of the same tokens, which no
product ever uses as one. As one matrix of three times the rows, the one with the largest gradient would have most
of the update.

**A supernet's matrices** are made orthogonal whole, though networks use the first rows and columns of them alone.
The entries of an update have the same size on average wherever they are, so what is used of it has the size that
the formula gives to a matrix so small: no part needs a scale of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from spacelang_runtime.engine.distributed import training_dtype
from spacelang_runtime.engine.gradient import ALIGNMENT, Gradient, rounded
from spacelang_runtime.engine.newton_schulz import orthogonalised

MOMENTUM = 0.95
SCALE = 0.2  # the root mean square of AdamW's updates


@frozen
class Matrices:
    """What parameters of the same shape have in common that are updated alike, as so many matrices each. rate,
    decay: as a `Group` of AdamW has them."""

    rate: float
    decay: float
    count: int
    rows: int
    columns: int

    @property
    def sides(self) -> tuple[int, int]:
        """The shorter and the longer one."""
        return min(self.rows, self.columns), max(self.rows, self.columns)


@frozen(eq=False)
class Stretch:
    """Parameters that lie one after the other. first: number in the gradient; many: how many there are."""

    matrices: Matrices
    first: int
    many: int


@frozen(eq=False)
class Muon:
    """What updates matrices by their gradient. gradient: theirs alone; weights, momentum: as it lies. dtype: of the
    products."""

    gradient: Gradient
    weights: Tensor
    momentum: Tensor
    stretches: Sequence[Stretch]
    dtype: torch.dtype

    def step(self, rate: float) -> None:
        """One update at a learning rate."""
        self.momentum.lerp_(self.gradient.values, 1 - MOMENTUM)
        ahead = self.gradient.values.lerp(self.momentum, MOMENTUM)
        for sides, alike in self._by_sides().items():
            counts = [stretch.many * stretch.matrices.count for stretch in alike]
            batch = self.weights.new_empty((sum(counts), *sides), dtype=self.dtype)
            for stretch, part in zip(alike, batch.split(counts), strict=True):
                view = self._upright(stretch, ahead)
                part.view(view.shape).copy_(view)
            for stretch, part in zip(alike, orthogonalised(batch).split(counts), strict=True):
                view, own = self._upright(stretch, self.weights), stretch.matrices.rate * rate
                view.mul_(1 - own * stretch.matrices.decay)
                view.add_(part.view(view.shape), alpha=-own * SCALE * math.sqrt(sides[1]))

    def state(self) -> dict[int, dict[str, Tensor]]:
        """The momentum of each parameter, under torch's name of it."""
        return {index: {"momentum_buffer": piece} for index, piece in enumerate(self._pieces())}

    def load(self, kept: Mapping[int, Mapping[str, Any]]) -> None:
        """Take over a state that `state` gave. Raises KeyError and RuntimeError where it is of other parameters."""
        for index, piece in enumerate(self._pieces()):
            piece.copy_(kept[index]["momentum_buffer"])

    def _by_sides(self) -> dict[tuple[int, int], list[Stretch]]:
        alike: dict[tuple[int, int], list[Stretch]] = {}
        for stretch in self.stretches:
            alike.setdefault(stretch.matrices.sides, []).append(stretch)
        return alike

    def _upright(self, stretch: Stretch, vector: Tensor) -> Tensor:
        """A stretch of a vector as matrices [parameters, matrices, shorter side, longer side]."""
        count, rows, columns = stretch.matrices.count, stretch.matrices.rows, stretch.matrices.columns
        apart = rounded(count * rows * columns, ALIGNMENT)
        view = vector.as_strided(
            (stretch.many, count, rows, columns),
            (apart, rows * columns, columns, 1),
            vector.storage_offset() + self.gradient.starts[stretch.first],
        )
        return view if rows <= columns else view.mT

    def _pieces(self) -> Iterator[Tensor]:
        for parameter, start in zip(self.gradient.parameters, self.gradient.starts, strict=True):
            yield self.momentum[start : start + parameter.numel()].view_as(parameter)


def muon(gradient: Gradient, weights: Tensor, stretches: Sequence[tuple[Matrices, int]]) -> Muon:
    """Muon over parameters that lie stretch after stretch; of each, how many there are."""
    made, first = [], 0
    for matrices, many in stretches:
        made.append(Stretch(matrices, first, many))
        first += many
    on_gpu = training_dtype(weights.device) == torch.bfloat16
    dtype = torch.bfloat16 if on_gpu else torch.float32
    return Muon(gradient, weights, torch.zeros_like(weights), made, dtype)
