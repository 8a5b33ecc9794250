"""The same network under Swin's names, as timm has them, and under ours; and how its tensors differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from spacelang.architecture import Architecture

_ENDS = {"stem.patches": "patch_embed.proj", "stem.norm": "patch_embed.norm", "head.norm": "norm"} | {
    "head.classify": "head.fc"
}
_MERGE = {"norm": "norm", "reduce": "reduction"}
_PARTS = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.out": "attn.proj",
    "norm2": "norm2",
    "expand": "mlp.fc1",
    "contract": "mlp.fc2",
}


def ours(theirs: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Tensors of a Swin under our names and in our shapes; those that it lacks are left out."""
    names = {
        f"{mine}.{kind}": theirs[f"{other}.{kind}"].clone()
        for mine, other in _modules(architecture)
        for kind in ("weight", "bias")
        if f"{other}.{kind}" in theirs
    }
    for mine, other, side in _tables(architecture):
        # Theirs is [offset, head] by query minus key, ours [head, row, column] by key minus query.
        if other in theirs and theirs[other].shape[0] == side * side:
            names[mine] = theirs[other].t().reshape(-1, side, side).flip(1, 2)
    return names


def theirs(ours: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Tensors of a network under timm's names for a Swin, and in its shapes."""
    names = {
        f"{other}.{kind}": ours[f"{mine}.{kind}"].clone()
        for mine, other in _modules(architecture)
        for kind in ("weight", "bias")
        if f"{mine}.{kind}" in ours
    }
    for mine, other, _ in _tables(architecture):
        names[other] = ours[mine].flip(1, 2).flatten(1).t().contiguous()
    return names


def _modules(architecture: Architecture) -> Iterator[tuple[str, str]]:
    """The modules with a weight or a bias, under both names."""
    yield from _ENDS.items()
    for number, stage in enumerate(architecture.stages):
        if number:
            for mine, other in _MERGE.items():
                yield f"stages.{number}.merge.{mine}", f"layers.{number}.downsample.{other}"
        for index in range(len(stage.layers)):
            for mine, other in _PARTS.items():
                yield f"stages.{number}.layers.{index}.{mine}", f"layers.{number}.blocks.{index}.{other}"


def _tables(architecture: Architecture) -> Iterator[tuple[str, str, int]]:
    """The bias tables under both names, with the side of ours."""
    for number, stage in enumerate(architecture.stages):
        for index, layer in enumerate(stage.layers):
            place = f"layers.{number}.blocks.{index}.attn.relative_position_bias_table"
            yield f"stages.{number}.layers.{index}.attention.bias", place, 2 * int(layer.window) - 1
