"""Muon over the matrices of a model (Jordan et al., 2024): a step along a momentum that is made orthogonal.

    M ← μ·M + (1 − μ)·G,   W ← (1 − η·λ)·W − η · 0.2·√(max(rows, columns)) · orthogonal((1 − μ)·G + μ·M)

with Nesterov's momentum, the decay beside the gradient, and the scale that gives an update the size of one of
AdamW's, so that one learning rate and one decay serve both (Liu et al., 2025, arXiv 2502.16982).
`torch.optim.Muon` is the same, matrix after matrix; here all that are of like sides, or of these turned round, are
one product, the smaller ones padded with zeros (`padding`).

**q, k and v** are three matrices, each made orthogonal by itself: they are three maps of the same tokens, which no
product ever uses as one. As one matrix of three times the rows, the one with the largest gradient would have most
of the update.

**A supernet's matrices** are made orthogonal whole, though networks use the first rows and columns of them alone.
The entries of an update have the same size on average wherever they are, so what is used of it has the size that
the formula gives to a matrix so small: no part needs a scale of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from attrs import Factory, field, frozen
from torch import Tensor

from spacelang_runtime.engine.distributed import training_dtype
from spacelang_runtime.engine.gradient import ALIGNMENT, Gradient, rounded
from spacelang_runtime.engine.newton_schulz import orthogonalise_
from spacelang_runtime.engine.padding import Sides, padded
from spacelang_runtime.ops.recorder import Repeated

MOMENTUM = 0.95
SCALE = 0.2  # the root mean square of AdamW's updates


@frozen
class Matrices:
    """What parameters of the same shape have in common that are updated alike, as so many matrices each. rate,
    decay: as a `ParameterGroup` of AdamW has them."""

    rate: float
    decay: float
    count: int
    rows: int
    columns: int

    @property
    def sides(self) -> Sides:
        """The shorter and the longer one."""
        return min(self.rows, self.columns), max(self.rows, self.columns)


@frozen(eq=False)
class ParameterSpan:
    """Parameters that lie one after the other. first: number in the gradient; many: how many there are."""

    matrices: Matrices
    first: int
    many: int


@frozen(eq=False)
class Batches:
    """Where matrices are made orthogonal, and how they come there.

    batches: those that are padded to the same sides [matrices, shorter side, longer side]. inside: a stretch's
    part of its batch, without the padding [parameters, matrices, shorter side, longer side]; outside: the same
    matrices as they lie in the gradient. flat: a stretch of the gradient; scales: what it is multiplied by.
    """

    batches: Sequence[Tensor]
    inside: Sequence[Tensor]
    outside: Sequence[Tensor]
    flat: Sequence[Tensor]
    scales: Sequence[float]


@frozen(eq=False)
class Muon:
    """What updates matrices by their gradient. gradient: theirs alone; weights, momentum: as it lies. dtype: of the
    products."""

    gradient: Gradient
    weights: Tensor
    momentum: Tensor
    stretches: Sequence[ParameterSpan]
    dtype: torch.dtype
    _batches: Batches = field(init=False, default=Factory(lambda self: self._batched(), takes_self=True))
    _repeated: Repeated = field(
        init=False, default=Factory(lambda self: Repeated(self.weights.device), takes_self=True)
    )

    def step(self, rate: float) -> None:
        """One update at a learning rate. It uses the gradient up, in whose place it is made."""
        self._repeated(self._orthogonalise)
        for (own, decay), alike in groupby(self.stretches, lambda one: (one.matrices.rate, one.matrices.decay)):
            stretches = list(alike)
            part = slice(self._span(stretches[0]).start, self._span(stretches[-1]).stop)
            weights = self.weights[part]
            weights.mul_(1 - own * rate * decay)
            weights.add_(self.gradient.values[part], alpha=-own * rate)

    def _orthogonalise(self) -> None:
        """Put in the gradient's place what an update at a rate of 1 takes off the weights. The rate is left out, so
        that it is the same in every step."""
        values, places = self.gradient.values, self._batches
        self.momentum.lerp_(values, 1 - MOMENTUM)
        values.lerp_(self.momentum, MOMENTUM)
        torch._foreach_copy_(places.inside, places.outside)
        for batch in places.batches:
            orthogonalise_(batch)
        torch._foreach_copy_(places.outside, places.inside)
        torch._foreach_mul_(places.flat, places.scales)

    def state(self) -> dict[int, dict[str, Tensor]]:
        """The momentum of each parameter, under torch's name of it."""
        return {index: {"momentum_buffer": piece} for index, piece in enumerate(self._pieces())}

    def load(self, kept: Mapping[int, Mapping[str, Any]]) -> None:
        """Take over a state that `state` gave. Raises KeyError and RuntimeError where it is of other parameters."""
        for index, piece in enumerate(self._pieces()):
            piece.copy_(kept[index]["momentum_buffer"])

    def _batched(self) -> Batches:
        counts: Counter[Sides] = Counter()
        for stretch in self.stretches:
            counts[stretch.matrices.sides] += stretch.many * stretch.matrices.count
        batch_of = padded(counts)
        inside: dict[ParameterSpan, Tensor] = {}
        batches = []
        for sides in sorted(set(batch_of.values())):
            alike = [stretch for stretch in self.stretches if batch_of[stretch.matrices.sides] == sides]
            many = [stretch.many * stretch.matrices.count for stretch in alike]
            batches.append(self.weights.new_zeros((sum(many), *sides), dtype=self.dtype))
            for stretch, part in zip(alike, batches[-1].split(many), strict=True):
                shorter, longer = stretch.matrices.sides
                whole = part.view(stretch.many, stretch.matrices.count, *sides)
                inside[stretch] = whole[..., :shorter, :longer]
        values = self.gradient.values
        return Batches(
            batches,
            [inside[stretch] for stretch in self.stretches],
            [self._upright(stretch, values) for stretch in self.stretches],
            [values[self._span(stretch)] for stretch in self.stretches],
            [SCALE * math.sqrt(stretch.matrices.sides[1]) for stretch in self.stretches],
        )

    def _span(self, stretch: ParameterSpan) -> slice:
        """Where a stretch lies, with the space after each of its parameters."""
        begin, alike = self.gradient.starts[stretch.first], stretch.matrices
        return slice(begin, begin + stretch.many * rounded(alike.count * alike.rows * alike.columns, ALIGNMENT))

    def _upright(self, stretch: ParameterSpan, vector: Tensor) -> Tensor:
        """A stretch of a vector as matrices [parameters, matrices, shorter side, longer side]."""
        count, rows, columns = stretch.matrices.count, stretch.matrices.rows, stretch.matrices.columns
        span = self._span(stretch)
        view = vector.as_strided(
            (stretch.many, count, rows, columns),
            ((span.stop - span.start) // stretch.many, rows * columns, columns, 1),
            vector.storage_offset() + span.start,
        )
        return view if rows <= columns else view.mT

    def _pieces(self) -> Iterator[Tensor]:
        for parameter, start in zip(self.gradient.parameters, self.gradient.starts, strict=True):
            yield self.momentum[start : start + parameter.numel()].view_as(parameter)


def muon(gradient: Gradient, weights: Tensor, stretches: Sequence[tuple[Matrices, int]]) -> Muon:
    """Muon over parameters that lie stretch after stretch; of each, how many there are."""
    made, first = [], 0
    for matrices, many in stretches:
        made.append(ParameterSpan(matrices, first, many))
        first += many
    on_gpu = training_dtype(weights.device) == torch.bfloat16
    dtype = torch.bfloat16 if on_gpu else torch.float32
    return Muon(gradient, weights, torch.zeros_like(weights), made, dtype)
