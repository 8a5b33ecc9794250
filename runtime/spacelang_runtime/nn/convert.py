"""Networks from outside: a Swin transformer of timm, or a file of one, as one of ours, with the same logits."""

from __future__ import annotations

import difflib
from fractions import Fraction
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models.swin_transformer import SwinTransformer
from torch import nn

from spacelang.architecture import Architecture, Frame, Layer, NotAnArchitecture, Stage, verify
from spacelang.expression import exact
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn import swin_file
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import require_same
from spacelang_runtime.nn.swin_file import KNOWN, tensors
from spacelang_runtime.nn.swin_names import ours, theirs
from spacelang_runtime.preprocessing import Preprocessing, from_cfg

_REMEDY = "name a Swin transformer of timm, such as swin_s3_tiny_224"


def from_timm(name: str, weights: Path | None = None) -> tuple[Network, Preprocessing]:
    """The timm model of this name, in evaluation mode, with the weights of a file or, without one, random ones;
    and what timm states that it is scored by.

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
        raise Failure(f"{name} is a {type(model).__name__}, and no SwinTransformer", _REMEDY)
    if weights is not None:
        state_dict = tensors(weights)
        require_same(state_dict, model.state_dict(), str(weights), name, f"give the weights of {name}")
        model.load_state_dict(state_dict)
    network = of_swin(model).eval()
    return network, from_cfg(model.pretrained_cfg, network.architecture.frame, f"timm's {name}")


def from_file(weights: Path, image: int = 224) -> Network:
    """The network whose weights a file holds, in evaluation mode: of timm's Swin or Swin-S3, of Swin's own code or
    of AutoFormerV2's `SSS.py`. Its shape is read from the shapes of the tensors.

    image: the side of the images that it was trained on. Raises `Failure` for a file that is none of these, and
    where a tensor does not fit the others, with its name and both shapes.
    """
    state_dict = tensors(weights)
    architecture = swin_file.architecture_of(state_dict, image, str(weights))
    with torch.device("meta"):
        network = Network(architecture)
    wanted = theirs(network.state_dict(), architecture)
    require_same(state_dict, wanted, str(weights), "the network that its other tensors describe", KNOWN)
    network.load_state_dict(ours(state_dict, architecture), assign=True)
    return network.eval()


def of_swin(model: SwinTransformer) -> Network:
    """The network that a Swin transformer of timm is, with its weights.

    Raises `Failure` where no architecture describes it (see `architecture_of`).
    """
    architecture = architecture_of(model)
    with torch.device("meta"):
        network = Network(architecture)
    weights = ours(model.state_dict(), architecture)
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


def _square(sides: Any, what: str) -> int:
    """The side of what must be square."""
    high, wide = (sides, sides) if isinstance(sides, int) else sides
    if high != wide:
        raise Failure(f"{what} is {high}×{wide}, and ours are square", _REMEDY)
    return int(high)
