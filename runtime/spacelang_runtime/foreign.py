"""Networks from outside: a Swin transformer of timm as one of ours, with the same logits."""

from __future__ import annotations

import difflib
import pickle
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from spacelang.architecture import Architecture, Frame, Layer, NotAnArchitecture, Stage, verify
from spacelang.expression import exact
from spacelang_runtime.failure import Failure
from spacelang_runtime.network import Network
from spacelang_runtime.saved import require_same

_REMEDY = "name a Swin transformer of timm, such as swin_s3_tiny_224"


def from_timm(name: str, weights: Path | None = None) -> Network:
    """The timm model of this name, in evaluation mode, with the weights of a file or, without one, random ones.

    weights: .safetensors, or a file of `torch.save` that holds tensors alone, in timm's or in Swin's own names.
    Raises `Failure` for a name that timm does not know, a model that is not a Swin transformer that an
    architecture can describe, and a file that does not fit it.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models("swin_*"), n=1)
        raise Failure(f"timm has no model {name}", f"did you mean {near[0]}?" if near else _REMEDY)
    try:
        model = timm.create_model(name)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Failure(f"timm cannot make {name}: {error}", _REMEDY) from None
    if not isinstance(model, SwinTransformer):
        raise Failure(f"{name} is a {type(model).__name__}, which is no Swin transformer", _REMEDY)
    if weights is not None:
        found = _in_timm_names(_tensors(weights))
        require_same(found, model.state_dict(), str(weights), name, f"give the weights of {name}")
        model.load_state_dict(found)
    return of_swin(model).eval()


def of_swin(model: SwinTransformer) -> Network:
    """The network that a Swin transformer of timm is, with its weights.

    Raises `Failure` where no architecture describes it (see `architecture_of`).
    """
    architecture = architecture_of(model)
    with torch.device("meta"):
        network = Network(architecture)
    weights = _weights(model.state_dict(), architecture)
    require_same(weights, network.state_dict(), "the model", "its architecture", _REMEDY)
    network.load_state_dict(weights, assign=True)
    return network


def architecture_of(model: SwinTransformer) -> Architecture:
    """The architecture of a Swin transformer of timm, read from its modules. Raises `Failure` for what differs
    from ours: sides or windows that are not square, no bias in qkv, no norm after the stem, another shift or
    activation, shifted windows that do not divide the map."""
    stem = model.patch_embed
    image, patch = _square(stem.img_size, "the image"), _square(stem.patch_size, "the patch")
    stages = []
    for stage in model.layers:
        layers = []
        for index, block in enumerate(stage.blocks):
            window = _square(block.window_size, "a window")
            side = _square(block.input_resolution, "the map")
            shift = window // 2 if index % 2 and window < side else 0
            if _square(block.shift_size, "a shift") != shift:
                raise Failure(f"windows of {window} are shifted by {block.shift_size}, ours by {shift}", _REMEDY)
            if shift and side % window:
                # On such a map timm pads after the shift, and Swin, as we do, before it: other windows.
                raise Failure(f"shifted windows of {window} do not divide the {side}×{side} map", _REMEDY)
            qkv = block.attn.qkv.out_features // 3
            hidden, embed = block.mlp.fc1.out_features, block.mlp.fc1.in_features
            layers.append(Layer(block.attn.num_heads, qkv, exact(Fraction(hidden, embed)), window))
        stages.append(Stage(embed, tuple(layers)))
    blocks = [block for stage in model.layers for block in stage.blocks]
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    same = [
        ("a norm after its stem", isinstance(stem.norm, nn.LayerNorm)),
        ("norms with an epsilon of 1e-5", all(norm.eps == 1e-5 for norm in norms)),
        ("a bias in qkv", all(block.attn.qkv.bias is not None for block in blocks)),
        ("GELU in its MLPs", all(isinstance(block.mlp.act, nn.GELU) for block in blocks)),
        ("a linear classifier", isinstance(model.head.fc, nn.Linear)),
        ("the mean of all tokens before it", model.head.global_pool.pool_type == "avg"),
    ]
    for what, held in same:
        if not held:
            raise Failure(f"the model lacks {what}", _REMEDY)
    frame = Frame(image, patch, stem.proj.in_channels, model.num_classes, ("bias",), "none", "mean", True)
    architecture = Architecture(frame, tuple(stages))
    try:
        verify(architecture)
    except NotAnArchitecture as error:
        raise Failure(f"no architecture of ours: {error}", _REMEDY) from None
    return architecture


def _weights(theirs: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """timm's tensors under our names and in our shapes."""
    moved = [
        ("stem.patches", "patch_embed.proj"),
        ("stem.norm", "patch_embed.norm"),
        ("head.norm", "norm"),
        ("head.classify", "head.fc"),
    ]
    tables = {}
    for number, stage in enumerate(architecture.stages):
        if number:
            moved.append((f"stages.{number}.merge.norm", f"layers.{number}.downsample.norm"))
            moved.append((f"stages.{number}.merge.reduce", f"layers.{number}.downsample.reduction"))
        for index, layer in enumerate(stage.layers):
            ours, block = f"stages.{number}.layers.{index}", f"layers.{number}.blocks.{index}"
            for mine, other in _PARTS.items():
                moved.append((f"{ours}.{mine}", f"{block}.{other}"))
            # Theirs is [offset, head] by query minus key, ours [head, row, column] by key minus query.
            side = 2 * int(layer.window) - 1
            table = theirs[f"{block}.attn.relative_position_bias_table"]
            tables[f"{ours}.attention.bias"] = table.t().reshape(-1, side, side).flip(1, 2)
    renamed = {
        f"{ours}.{kind}": theirs[f"{other}.{kind}"].clone()
        for ours, other in moved
        for kind in ("weight", "bias")
        if f"{other}.{kind}" in theirs
    }
    return renamed | tables


_PARTS = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.out": "attn.proj",
    "norm2": "norm2",
    "expand": "mlp.fc1",
    "contract": "mlp.fc2",
}


def _in_timm_names(found: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a file under the names of timm today.

    Swin's own files keep them under "model", with buffers that are computed now, call the classifier `head`, and
    have each merging at the end of a stage, where timm has it at the beginning of the next.
    """
    for nest in ("model", "state_dict"):
        if isinstance(found.get(nest), dict):
            found = found[nest]
    found = {str(k): v for k, v in found.items() if not str(k).endswith(("relative_position_index", "attn_mask"))}
    if "layers.0.downsample.reduction.weight" not in found:
        return found
    late = re.compile(r"layers\.(\d+)\.downsample")
    moved = {late.sub(lambda at: f"layers.{int(at[1]) + 1}.downsample", name): t for name, t in found.items()}
    return {re.sub(r"^head\.(?=weight|bias)", "head.fc.", name): tensor for name, tensor in moved.items()}


def _square(sides: Any, what: str) -> int:
    """The side of what must be square."""
    high, wide = (sides, sides) if isinstance(sides, int) else sides
    if high != wide:
        raise Failure(f"{what} is {high}×{wide}, and ours are square", _REMEDY)
    return int(high)


def _tensors(path: Path) -> dict[str, Any]:
    """The tensors of a file, read without running anything in it."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror or error}", "name the file of the weights") from None
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError, LookupError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        raise Failure(f"{path} holds no tensors that can be read safely: {reason}", _FILES) from None
    if not isinstance(found, dict):
        raise Failure(f"{path} holds a {type(found).__name__}, and no tensors by name", _FILES)
    return found


_FILES = "give a .safetensors file, or one that torch.save made of a state_dict"
