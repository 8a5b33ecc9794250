"""The supernet: one set of weights in which every architecture of a space finds its own.

An architecture takes prefixes: the first channels of a width, the first heads, the first hidden channels; of a
bias table the first heads and the centre. q, k and v are each a prefix of their own, and head i of width d is
rows i·d to (i + 1)·d of each. The logits are those of `network.Network` with the slices copied in (`extract`).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spacelang.architecture import Architecture, Frame
from spacelang.lower.plan import Head, Merge, Plan, Stem, Tokens, TransformerBlock
from spacelang_runtime.nn.drop_path import BatchSlice
from spacelang_runtime.nn.elastic import (
    ElasticHead,
    ElasticLayer,
    ElasticPatchEmbed,
    ElasticPatchMerging,
    ElasticStage,
    ElasticTokens,
    Slices,
)
from spacelang_runtime.nn.subnet import limits, require_subnet

# (supernet, images, architecture, by how much a layer's chance to be skipped grows) → its logits; None where the
# images are not for this backend.
Backend = Callable[["Supernet", Tensor, Architecture, float], Tensor | None]


class Supernet(nn.Module):
    """All architectures of a space as one module.

    frame: what the space's networks share. plan: the supernet's blueprints (`spacelang.lower.plan.of_space`).
    backend: a faster way to the same numbers, such as `fused.backend.backend`; None: by the modules alone.

    checkpointing: whether training computes layers anew in the backward pass instead of keeping what is inside
    them; set it to save memory (Chen et al., 2016).
    """

    def __init__(self, frame: Frame, plan: Plan, backend: Backend | None = None) -> None:
        super().__init__()
        self.frame = frame
        self.backend = backend
        self.limits = limits(plan)
        self.checkpointing = False
        self.tokens: ElasticTokens | None = None
        self.stages = nn.ModuleList([ElasticStage()])
        for blueprint in plan:
            match blueprint:
                case Stem():
                    self.stem = ElasticPatchEmbed(blueprint)
                case Tokens():
                    self.tokens = ElasticTokens(blueprint)
                case Merge():
                    self.stages.append(ElasticStage(ElasticPatchMerging(blueprint)))
                case TransformerBlock():
                    self.stages[-1].layers.append(ElasticLayer(blueprint))
                case Head():
                    self.head = ElasticHead(blueprint, frame)

    def forward(
        self, images: Tensor, architecture: Architecture, drop_path: float = 0.0, rows: BatchSlice | None = None
    ) -> Tensor:
        """The logits of an architecture: [B, channels, H, W] → [B, classes].

        H and W are multiples of the patch; windows follow the map at hand. drop_path: in training, the chance
        that a sample skips half a layer; it rises linearly from 0 in the first layer that the architecture has
        to this value in its last (stochastic depth, Huang et al., 2016). rows: which of a batch the
        images are, where they are not all of it. Raises ValueError where the
        architecture is no part of the supernet, with the stage, the layer and the dimension, and for images that
        are not whole patches.
        """
        require_subnet(self.frame, self.limits, architecture)
        step = drop_path / max(architecture.depth - 1, 1) if self.training else 0.0
        if (
            self.backend is not None
            and rows is None
            and (logits := self.backend(self, images, architecture, step)) is not None
        ):
            return logits
        before = 0
        x, grid = self.stem(images, architecture.stages[0].embed)
        if self.tokens is not None:
            x = self.tokens(x, grid)
        for modules, stage in zip(self.stages, architecture.stages, strict=True):
            if modules.merge is not None:
                x, grid = modules.merge(x, grid, stage.embed)
            # A shallower architecture leaves the last layers of a stage out.
            for module, layer in zip(modules.layers, stage.layers, strict=False):
                about = (grid, layer, stage.hidden(layer), step * before, rows)
                if self.checkpointing and self.training:
                    x = checkpoint(module, x, *about, use_reentrant=False)
                else:
                    x = module(x, *about)
                before += 1
        return self.head(x)

    def slices(self, architecture: Architecture) -> Slices:
        """The weights of an architecture by their names in `network.Network`, as views where a view serves.

        Raises ValueError as `forward` does.
        """
        require_subnet(self.frame, self.limits, architecture)
        embed = architecture.stages[0].embed
        parts = {"stem": self.stem.slices(embed)}
        if self.tokens is not None:
            parts["tokens"] = self.tokens.slices(embed)
        for number, (modules, stage) in enumerate(zip(self.stages, architecture.stages, strict=True)):
            if modules.merge is not None:
                parts[f"stages.{number}.merge"] = modules.merge.slices(embed, stage.embed)
            embed = stage.embed
            for index, (module, layer) in enumerate(zip(modules.layers, stage.layers, strict=False)):
                parts[f"stages.{number}.layers.{index}"] = module.slices(embed, layer, stage.hidden(layer))
        parts["head"] = self.head.slices(embed)
        return {f"{place}.{name}": tensor for place, part in parts.items() for name, tensor in part.items()}

    def no_weight_decay(self) -> set[str]:
        """The names of the parameters that weight decay leaves alone: all but kernels and matrices."""
        return {name for name, _ in self.named_parameters() if not name.endswith("weight") or "norm" in name}

    def matrices(self) -> dict[str, tuple[int, int, int]]:
        """What layers and mergings multiply by, by name: of how many matrices, of how many rows (outputs) and
        columns (inputs). Embeddings, tables and the classifier are none of it."""
        free = self.no_weight_decay()
        found = {}
        for name, parameter in self.stages.named_parameters(prefix="stages"):
            if name not in free:
                count = 3 if name.endswith("qkv_weight") else 1
                rows = parameter.shape[1] if count == 3 else parameter.shape[0]
                found[name] = count, rows, parameter.numel() // (count * rows)
        return found
