"""What updates a model's weights, which lie in one vector as its gradients do: Muon its matrices, where a recipe
says so, and AdamW the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

from spacelang_runtime.engine.adamw import AdamW, ParameterGroup, adamw
from spacelang_runtime.engine.distributed import together
from spacelang_runtime.engine.gradient import Gradient, attach
from spacelang_runtime.engine.muon import Matrices, Muon, muon
from spacelang_runtime.failure import Failure

ParameterSpans = Sequence[tuple[Matrices | ParameterGroup, Sequence[nn.Parameter]]]


@frozen(eq=False)
class Optimizer:
    """What updates the weights by a gradient. weights: all of them, as the gradient's values lie. muon: what
    updates the first of them, where they are matrices that it is to update; adamw: what updates the others."""

    gradient: Gradient
    weights: Tensor
    muon: Muon | None
    adamw: AdamW

    def step(self, rate: float) -> None:
        """One update at a learning rate, which may use the gradient up. Every process has the new weights
        afterwards."""
        if self.muon:
            self.muon.step(rate)
        self.adamw.step(rate)
        if self.gradient.sharded:
            with together():
                dist.all_gather_into_tensor(self.weights, self.gradient.own_of(self.weights))
        # The parameters are views that autograd does not know of: who keeps copies of them asks for their versions.
        torch.autograd.graph.increment_version(self.gradient.parameters)

    def state(self) -> dict[str, Any]:
        """The state of AdamW as torch has it, and beside it Muon's. Where it is sharded every process has to ask
        for it."""
        return self.adamw.state() | ({"muon": self.muon.state()} if self.muon else {})

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over a state that `state` gave, in however many processes. Raises KeyError and RuntimeError where
        it is of other parameters."""
        self.adamw.load(kept)
        if self.muon:
            self.muon.load(kept["muon"])


def optimizer_of(stretches: ParameterSpans, notes: int, shards: int = 1) -> Optimizer:
    """The optimizer of parameters by their groups, with the gradient that it updates by.

    stretches: parameters in the order in which they are to lie; matrices that Muon updates come first. notes,
    shards: see `gradient.attach`. The weights are moved into one vector: what points to where they lay before
    points to old ones. Raises `Failure` where Muon's state is to be shared out.
    """
    matrices = [(group, len(own)) for group, own in stretches if isinstance(group, Matrices)]
    others = [(group, len(own)) for group, own in stretches if isinstance(group, ParameterGroup)]
    if matrices and shards > 1:
        raise Failure(
            "--shard shares out AdamW's state alone: it would cut the matrices that Muon takes whole",
            "leave --shard out, or train with optimizer = adamw",
        )
    gradient = attach([parameter for _, own in stretches for parameter in own], notes, shards)
    weights = torch.zeros_like(gradient.values)
    for parameter, start in zip(gradient.parameters, gradient.starts, strict=True):
        place = weights[start : start + parameter.numel()].view_as(parameter)
        place.copy_(parameter.detach())
        parameter.data = place
    if not matrices:
        return Optimizer(gradient, weights, None, adamw(gradient, weights, others))
    first = sum(many for _, many in matrices)
    split = gradient.starts[first]
    of_matrices, of_others = gradient.cut(first)
    return Optimizer(
        gradient,
        weights,
        muon(of_matrices, weights[:split], matrices),
        adamw(of_others, weights[split:], others),
    )
