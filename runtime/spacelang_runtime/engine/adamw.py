"""AdamW over parameters (Loshchilov and Hutter, 2019) whose weights lie in one vector, as their gradients do.

An update is one pass over the vector, or over this process's part of it where the gradient is sharded. What is kept
on the disk is torch's own state of AdamW over the parameters one by one: it goes on in any number of processes,
sharded or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

from spacelang_runtime.engine.distributed import together
from spacelang_runtime.engine.gradient import ALIGNMENT, Gradient, rounded

MOMENTS = ("exp_avg", "exp_avg_sq")  # torch's names of the two running means


@frozen
class ParameterGroup:
    """What parameters that are updated alike have in common. name: tells groups apart. rate: their learning rate,
    as a multiple of the one that a step is made at. decay: their weight decay."""

    name: str
    rate: float
    decay: float


@frozen(eq=False)
class AdamW:
    """What updates weights by a gradient.

    weights: all of them, as the gradient's values lie. moments: of this process's own part, in the order of
    `MOMENTS`. groups: the parameters' indices in the gradient, by group, in the order of torch's state.
    """

    gradient: Gradient
    weights: Tensor
    moments: tuple[Tensor, Tensor]
    groups: Mapping[ParameterGroup, Sequence[int]]
    torchs: torch.optim.AdamW

    def step(self, rate: float) -> None:
        """One update of this process's part at a learning rate."""
        for ours, theirs in zip(self.groups, self.torchs.param_groups, strict=True):
            theirs["lr"] = ours.rate * rate
        self.torchs.step()

    def state(self) -> dict[str, Any]:
        """The state as `torch.optim.AdamW` has it over the parameters one by one, group after group. Where it is
        sharded every process has to ask for it."""
        whole = [self._gathered(moment) for moment in self.moments]
        made = next(iter(self.torchs.state.values()))["step"]
        pieces = list(zip(*(self._pieces(vector) for vector in whole), strict=True))
        state = {
            index: {"step": made.clone(), **dict(zip(MOMENTS, pieces[place], strict=True))}
            for index, place in enumerate(self._order())
        }
        counts = iter(range(len(pieces)))
        members = [[next(counts) for _ in places] for places in self.groups.values()]
        groups = self.torchs.state_dict()["param_groups"]
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
            pieces = list(self._pieces(whole))
            for index, place in enumerate(self._order()):
                pieces[place].copy_(kept["state"][index][name])
            moment.copy_(self.gradient.own_of(whole))
        for state in self.torchs.state.values():
            state["step"].copy_(kept["state"][0]["step"])
        for group, known in zip(self.torchs.param_groups, kept["param_groups"], strict=False):
            group["lr"] = known["lr"]  # for a checkpoint without another step: a step sets its own

    def _order(self) -> Iterator[int]:
        """The parameters' indices in the gradient, as torch's state has them."""
        for places in self.groups.values():
            yield from places

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


def adamw(gradient: Gradient, weights: Tensor, stretches: Sequence[tuple[ParameterGroup, int]]) -> AdamW:
    """AdamW over parameters that lie stretch after stretch, of which each is updated as one, with the space after
    each of its parameters. stretches: the group of each, and how many parameters it is of."""
    begin, length = gradient.place, len(gradient.own)
    moments = (torch.zeros_like(gradient.own), torch.zeros_like(gradient.own))
    groups: dict[ParameterGroup, list[int]] = {group: [] for group, _ in stretches}
    flat: dict[ParameterGroup, list[nn.Parameter]] = {group: [] for group in groups}
    states, count = {}, 0
    for group, many in stretches:
        last = count + many - 1
        size = gradient.parameters[last].numel()
        ends = gradient.starts[count], gradient.starts[last] + (rounded(size, ALIGNMENT) if many > 1 else size)
        part = slice(*(min(max(end - begin, 0), length) for end in ends))  # what this process keeps of it
        piece = nn.Parameter(weights[begin : begin + length][part])
        piece.grad = gradient.own[part]
        flat[group].append(piece)
        states[piece] = {
            "step": torch.zeros((), device=weights.device),
            **{name: moment[part] for name, moment in zip(MOMENTS, moments, strict=True)},
        }
        groups[group] += range(count, last + 1)
        count = last + 1
    # Fused: one pass over all of it, on CPU and GPU alike.
    optimizer = torch.optim.AdamW(
        [{"params": flat[group], "weight_decay": group.decay} for group in groups],
        lr=max(group.rate for group in groups),
        fused=True,
    )
    optimizer.state.update(states)
    return AdamW(gradient, weights, moments, groups, optimizer)
