"""The backend that a supernet is given: a network of it from images to logits and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spacelang.architecture import Architecture
from spacelang_runtime.fused.head import HeadPass
from spacelang_runtime.fused.layer import LayerPass
from spacelang_runtime.fused.patch_embed import PatchEmbedPass, TokensPass
from spacelang_runtime.fused.patch_merging import PatchMergingPass
from spacelang_runtime.fused.pieces import RecordedStep
from spacelang_runtime.fused.weights import Weights, weights
from spacelang_runtime.nn.drop_path import BatchSlice
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.ops import attention
from spacelang_runtime.ops.kernels.hardware import PRESENT
from spacelang_runtime.ops.memoize import memoize


def backend(model: Supernet, images: Tensor, architecture: Architecture, step: float) -> Tensor | None:
    """The logits of an architecture, as a `nn.supernet.Backend`; None where the modules have to compute them."""
    if not serves(model, images):
        return None
    # Weights that nobody learns change by torch's own hand alone, which counts it: they are cast once for a search.
    found = weights(model, torch.bfloat16, counted=not model.head.bias.requires_grad)
    return run(model, images, architecture, drop_path_factors(images, architecture.depth, step), found)


def serves(model: Supernet, images: Tensor) -> bool:
    """Whether a network runs this way: on a GPU, in bf16 by autocast, with weights in float32."""
    return (
        PRESENT
        and images.is_cuda
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and attention.fast()
        and not torch.compiler.is_compiling()
        and not images.requires_grad
        and model.head.bias.dtype == torch.float32
    )


def drop_path_factors(images: Tensor, layers: int, step: float, rows: BatchSlice | None = None) -> Tensor | None:
    """Factors for the branches of so many layers, drawn by torch's generator of the device: [2·layers, samples].

    A layer's branches are left out with `step` times the number of layers before it; what stays is scaled so that
    the expectation is 1. None where nothing is left out. rows: which of a batch the images are, where they are
    not all of it.
    """
    if step == 0.0:
        return None
    chances = _chances(layers, step, images.device)
    drawn = torch.rand(2 * layers, len(images) if rows is None else rows.whole, device=images.device)
    if rows is not None:
        drawn = drawn[:, rows.of(len(images))]
    return (drawn >= chances) / (1.0 - chances)


@memoize
def _chances(layers: int, step: float, device: torch.device) -> Tensor:
    """How likely each branch of so many layers is left out, [2·layers, 1]."""
    return step * (torch.arange(2 * layers, device=device) // 2)[:, None]


def run(
    model: Supernet,
    images: Tensor,
    architecture: Architecture,
    keep: Tensor | None = None,
    found: Weights | None = None,
    pieces: Sequence[RecordedStep | None] = (),
) -> Tensor:
    """The logits of an architecture, in bf16 products. keep, pieces: see `forward`. found: the weights, if they are
    at hand."""
    found = found or weights(model, torch.bfloat16)
    return forward(model, images, architecture, found, keep, model.checkpointing, pieces)


def forward(
    model: Supernet,
    images: Tensor,
    architecture: Architecture,
    found: Weights,
    keep: Tensor | None = None,
    checkpointing: bool = False,
    pieces: Sequence[RecordedStep | None] = (),
) -> Tensor:
    """The logits of an architecture, with products and stream in the type of the weights found. Where gradients are
    on, a backward pass from the logits adds to the `.grad` of the model's parameters in place, and to nothing else:
    neither hooks nor `torch.autograd.grad` see it.

    keep: [2·layers, samples], the factors of attention's and the MLP's branch of each layer in turn.
    checkpointing: keep of each layer what came in alone, and make the rest again on the way back. pieces:
    recordings that stand for layers and mergings, in their order, None for those that have none; for passes that
    are walked back.
    """
    with torch.autocast(images.device.type, enabled=False):
        learns = torch.is_grad_enabled()
        walk = NetworkPass(model, architecture, found, keep, checkpointing, learns, pieces)
        if learns:
            return _Logits.apply(model.head.bias, walk, images)
        return walk.forward(images)


class _Logits(torch.autograd.Function):
    """The place of a pass in torch's graph. The first argument is there for the graph to come this way."""

    @staticmethod
    def forward(ctx, anchor: Tensor, walk: NetworkPass, images: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.walk = walk
        return walk.forward(images)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d_logits: Tensor):  # type: ignore[no-untyped-def]
        walk, ctx.walk = ctx.walk, None
        with torch.autocast(d_logits.device.type, enabled=False):
            walk.backward(d_logits)
        return None, None, None


class NetworkPass:
    """One network's way through its modules. learns: whether it is walked back."""

    def __init__(
        self,
        model: Supernet,
        architecture: Architecture,
        found: Weights,
        keep: Tensor | None,
        checkpointing: bool,
        learns: bool,
        pieces: Sequence[RecordedStep | None],
    ) -> None:
        self._learns = learns
        self._stem = PatchEmbedPass(model.stem, found, architecture.stages[0].embed)
        self._head = HeadPass(model.head, found)
        self._passes: list[TokensPass | PatchMergingPass | LayerPass | RecordedStep] = []
        recorded = iter(pieces)
        if model.tokens is not None:
            self._passes.append(TokensPass(model.tokens))
        number = 0
        for modules, stage in zip(model.stages, architecture.stages, strict=True):
            if modules.merge is not None:
                self._passes.append(next(recorded, None) or PatchMergingPass(modules.merge, found, stage.embed))
            for module, layer in zip(modules.layers, stage.layers, strict=False):
                factors = None if keep is None else (keep[2 * number], keep[2 * number + 1])
                self._passes.append(
                    next(recorded, None)
                    or LayerPass(module, found, layer, stage.hidden(layer), factors, learns, checkpointing)
                )
                number += 1

    def forward(self, images: Tensor) -> Tensor:
        stream = self._stem.forward(images)
        steps, self._passes = self._passes, []
        for step in steps:
            stream = step.forward(stream)
            if self._learns:
                self._passes.append(step)
        return self._head.forward(stream)

    def backward(self, d_logits: Tensor) -> None:
        change = self._head.backward(d_logits)
        while self._passes:
            change = self._passes.pop().backward(change)
        self._stem.backward(change)
