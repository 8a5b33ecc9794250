"""AdamW over a supernet's weights (Loshchilov and Hutter, 2019), which lie in one vector as its gradients do.

The weights become views of that vector, so an update is one pass over it, or over this process's part of it where
the gradient is sharded. What is kept on the disk is torch's own state of AdamW over the parameters one by one: it
goes on in any number of processes, sharded or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

from spacelang.recipe import Train
from spacelang_runtime.engine.distributed import together
from spacelang_runtime.engine.gradient import Gradient, attach
from spacelang_runtime.nn.supernet import Supernet

MOMENTS = ("exp_avg", "exp_avg_sq")  # torch's names of the two running means


@frozen(eq=False)
class Optimizer:
    """What updates the weights by a gradient.

    weights: all of them, as the gradient's values lie. moments: of this process's own part, in the order of
    `MOMENTS`. decaying: how many of the parameters, which come first, decay.
    """

    gradient: Gradient
    weights: Tensor
    moments: tuple[Tensor, Tensor]
    decaying: int
    adamw: torch.optim.AdamW

    def step(self, rate: float) -> None:
        """One update at a learning rate. Every process has the new weights afterwards."""
        for group in self.adamw.param_groups:
            group["lr"] = rate
        self.adamw.step()
        if self.gradient.sharded:
            with together():
                dist.all_gather_into_tensor(self.weights, self._own(self.weights))
        # The parameters are views that autograd does not know of: who keeps copies of them asks for their versions.
        torch.autograd.graph.increment_version(self.gradient.parameters)

    def state(self) -> dict[str, Any]:
        """The state as `torch.optim.AdamW` has it over the parameters one by one: those that decay, then the
        others. Where it is sharded every process has to ask for it."""
        whole = [self._gathered(moment) for moment in self.moments]
        made = next(iter(self.adamw.state.values()))["step"]
        pieces = zip(*(self._pieces(vector) for vector in whole), strict=True)
        state = {
            index: {"step": made.clone(), **dict(zip(MOMENTS, piece, strict=True))}
            for index, piece in enumerate(pieces)
        }
        count = len(self.gradient.parameters)
        members = (list(range(self.decaying)), list(range(self.decaying, count)))
        groups = self.adamw.state_dict()["param_groups"]
        return {
            "state": state,
            "param_groups": [group | {"params": own} for group, own in zip(groups, members, strict=True)],
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over a state that `state` gave, in however many processes. Raises KeyError and RuntimeError where
        it is of other parameters."""
        if not kept["state"]:
            return  # of a run that was stopped before its first update
        for name, moment in zip(MOMENTS, self.moments, strict=True):
            whole = torch.zeros_like(self.weights)
            for index, piece in enumerate(self._pieces(whole)):
                piece.copy_(kept["state"][index][name])
            moment.copy_(self._own(whole))
        for state in self.adamw.state.values():
            state["step"].copy_(kept["state"][0]["step"])

    def _own(self, vector: Tensor) -> Tensor:
        place = self.gradient.place
        return vector[place : place + len(self.gradient.own)]

    def _pieces(self, vector: Tensor) -> Iterator[Tensor]:
        for parameter, start in zip(self.gradient.parameters, self.gradient.starts, strict=True):
            yield vector[start : start + parameter.numel()].view_as(parameter)

    def _gathered(self, part: Tensor) -> Tensor:
        if not self.gradient.sharded:
            return part
        whole = torch.empty_like(self.weights)
        with together():
            dist.all_gather_into_tensor(whole, part)
        return whole


def adamw(model: Supernet, recipe: Train, notes: int, shards: int = 1) -> Optimizer:
    """The optimizer of a recipe, with the gradient that it updates by. Norms, biases, position tables and tokens
    do not decay: they are no factors of a product.

    notes, shards: see `gradient.attach`. The model's weights are moved into one vector: what points to where they
    lay before points to old ones.
    """
    free = model.no_weight_decay()
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    decaying = [parameter for name, parameter in named if name not in free]
    others = [parameter for name, parameter in named if name in free]
    gradient = attach([*decaying, *others], notes, shards)
    weights = torch.zeros_like(gradient.values)
    for parameter, start in zip(gradient.parameters, gradient.starts, strict=True):
        place = weights[start : start + parameter.numel()].view_as(parameter)
        place.copy_(parameter.detach())
        parameter.data = place

    begin, length = gradient.place, len(gradient.own)
    border = gradient.starts[len(decaying)] if others else len(weights)
    border = min(max(border - begin, 0), length)  # in this process's own part
    moments = (torch.zeros_like(gradient.own), torch.zeros_like(gradient.own))
    groups, states = [], {}
    for part, decay in ((slice(0, border), float(recipe.weight_decay)), (slice(border, length), 0.0)):
        flat = nn.Parameter(weights[begin : begin + length][part])
        flat.grad = gradient.own[part]
        groups.append({"params": [flat], "weight_decay": decay})
        states[flat] = {
            "step": torch.zeros((), device=weights.device),
            **{name: moment[part] for name, moment in zip(MOMENTS, moments, strict=True)},
        }
    # Fused: one pass over all of it, on CPU and GPU alike.
    optimizer = torch.optim.AdamW(groups, lr=float(recipe.rate), fused=True)
    optimizer.state.update(states)
    return Optimizer(gradient, weights, moments, len(decaying), optimizer)
