"""Whether an architecture is part of a supernet."""

from __future__ import annotations

import attrs
from attrs import frozen

from spacelang.architecture import Architecture, Frame
from spacelang.lower.plan import Merge, Plan, Stem, TransformerBlock


@frozen
class StageLimits:
    """The largest shapes that a supernet has in one stage."""

    embed: int
    layers: tuple[TransformerBlock, ...]


def limits(plan: Plan) -> tuple[StageLimits, ...]:
    """The limits of each stage of a plan."""
    stages: list[StageLimits] = []
    for blueprint in plan:
        match blueprint:
            case Stem(embed=embed) | Merge(out=embed):
                stages.append(StageLimits(embed, ()))
            case TransformerBlock():
                stages[-1] = attrs.evolve(stages[-1], layers=(*stages[-1].layers, blueprint))
    return tuple(stages)


def require_subnet(frame: Frame, stages: tuple[StageLimits, ...], architecture: Architecture) -> None:
    """Make sure that a supernet holds an architecture; raises ValueError with the place and the dimension."""
    if architecture.frame != frame:
        for name in attrs.fields_dict(Frame):
            mine, other = getattr(frame, name), getattr(architecture.frame, name)
            if mine != other:
                raise ValueError(f"{name} of the architecture is {other}, and the supernet's is {mine}")
    if len(architecture.stages) != len(stages):
        raise ValueError(f"the architecture has {len(architecture.stages)} stages, and the supernet {len(stages)}")
    for number, (stage, limit) in enumerate(zip(architecture.stages, stages, strict=True), 1):
        if stage.embed > limit.embed:
            raise _larger(f"stage {number}", "embed", stage.embed, limit.embed)
        if len(stage.layers) > len(limit.layers):
            raise _larger(f"stage {number}", "depth", len(stage.layers), len(limit.layers))
        for index, (layer, block) in enumerate(zip(stage.layers, limit.layers, strict=False), 1):
            place = f"stage {number}, layer {index}"
            if layer.heads > block.heads:
                raise _larger(place, "heads", layer.heads, block.heads)
            if layer.qkv > block.qkv:
                raise _larger(place, "qkv", layer.qkv, block.qkv)
            if layer.head_width > block.head_width:
                raise _larger(place, "qkv / heads", layer.head_width, block.head_width)
            if stage.hidden(layer) > block.hidden:
                raise _larger(place, "mlp · embed", stage.hidden(layer), block.hidden)
            if layer.window == "global":
                if block.window != "global":
                    raise _larger(place, "window", "global", block.window)
            elif layer.window > block.span:
                raise _larger(place, "window", layer.window, block.span)


def _larger(place: str, dimension: str, value: object, limit: object) -> ValueError:
    return ValueError(f"{place}: {dimension} is {value} in the architecture, and at most {limit} in the supernet")
