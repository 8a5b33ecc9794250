"""Files of weights from outside: what is in them, read safely, and which network their shapes describe.

They may come from timm, from Swin's own code, or from AutoFormerV2 (`SSS.py`), which differ in names alone.
"""

from __future__ import annotations

import pickle
import re
import shlex
import struct
from argparse import Namespace
from collections.abc import Mapping
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spacelang.architecture import Architecture, Frame, Layer, NotAnArchitecture, Stage, verify
from spacelang.expression import exact
from spacelang_runtime.failure import Failure


def tensors(path: Path) -> dict[str, Any]:
    """The tensors of a file under the names of timm today, read without running anything in it.

    Swin's own files and AutoFormerV2's keep them under "model", with buffers that are computed now, call the
    classifier `head`, and have each merging at the end of a stage, where timm has it at the beginning of the
    next. Raises `Failure` where the file cannot be read safely.
    """
    state_dict = _read(path)
    for nest in ("model", "state_dict"):
        if isinstance(state_dict.get(nest), dict):
            state_dict = state_dict[nest]
    state_dict = {str(k): v for k, v in state_dict.items() if not str(k).endswith(_BUFFERS)}
    if "layers.0.downsample.reduction.weight" not in state_dict:
        return state_dict
    late = re.compile(r"layers\.(\d+)\.downsample")
    moved = {late.sub(lambda at: f"layers.{int(at[1]) + 1}.downsample", name): t for name, t in state_dict.items()}
    return {re.sub(r"^head\.(?=weight|bias)", "head.fc.", name): tensor for name, tensor in moved.items()}


def architecture_of(state_dict: Mapping[str, Any], image: int, where: str) -> Architecture:
    """The architecture whose weights these are, by their shapes. image: the side that it was trained on, which
    no shape tells. Raises `Failure` for what is missing or fits no architecture."""

    def shape(name: str, dimensions: int) -> tuple[int, ...]:
        tensor = state_dict.get(name)
        if not isinstance(tensor, Tensor):
            raise Failure(f"{where} has no tensor {name}: it is no Swin transformer", KNOWN)
        if tensor.dim() != dimensions:
            raise Failure(f"{where}: tensor {name} has {tensor.dim()} dimensions, not {dimensions}", KNOWN)
        return tuple(tensor.shape)

    _, channels, patch, _ = shape("patch_embed.proj.weight", 4)
    classes, _ = shape("head.fc.weight", 2)
    shape("patch_embed.norm.weight", 1)
    stages = []
    while f"layers.{len(stages)}.blocks.0.norm1.weight" in state_dict or not stages:
        layers: list[Layer] = []
        stage = f"layers.{len(stages)}"
        while f"{stage}.blocks.{len(layers)}.norm1.weight" in state_dict or not layers:
            block = f"{stage}.blocks.{len(layers)}"
            (embed,) = shape(f"{block}.norm1.weight", 1)
            offsets, heads = shape(f"{block}.attn.relative_position_bias_table", 2)
            width, _ = shape(f"{block}.attn.qkv.weight", 2)
            hidden, _ = shape(f"{block}.mlp.fc1.weight", 2)
            layers.append(Layer(heads, width // 3, exact(Fraction(hidden, embed)), (isqrt(offsets) + 1) // 2))
        stages.append(Stage(embed, tuple(layers)))
    frame = Frame(image, patch, channels, classes, ("bias",), "none", "mean", True)
    architecture = Architecture(frame, tuple(stages))
    try:
        verify(architecture)
    except NotAnArchitecture as error:
        raise Failure(f"{where} is no network for images of {image} pixels: {error}", "say --image") from None
    return architecture


_BUFFERS = ("relative_position_index", "attn_mask")
KNOWN = "give a file of timm's Swin or Swin-S3, of Swin, or of AutoFormerV2"
_STRANGE = re.compile(r"GLOBAL ([\w.]+)")  # what torch says of a class that it does not make
# What is raised for a damaged file; the last three by torch's reader, where it meets another kind of value than it
# expects.
_UNREADABLE = (
    *(SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError, LookupError, ValueError),
    *(struct.error, AttributeError, TypeError),
)
_FILES = "give a .safetensors file, or one that torch.save made of a state_dict"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # Training scripts keep their command line beside the weights: a record of plain values.
        with torch.serialization.safe_globals([Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror or error}", "name the file of the weights") from None
    except _UNREADABLE as error:
        if (strange := _STRANGE.search(str(error))) is not None:
            raise Failure(
                f"{path} cannot be read safely: it holds a {strange[1]}, and to make one runs what it names",
                f"where you trust the file, write its tensors anew, and import those: {anew(path)}",
            ) from None
        reason = str(error).splitlines()[0].partition(". ")[0] if str(error) else "it is empty"
        raise Failure(f"{path} holds no tensors that can be read safely: {reason}", _FILES) from None
    if not isinstance(content, dict):
        raise Failure(f"{path} holds a {type(content).__name__}, and no tensors by name", _FILES)
    return content


def anew(path: Path) -> str:
    """The command that writes the tensors of a file alone into another beside it. It runs what the file names."""
    code = (
        "import sys, torch; found = torch.load(sys.argv[1], map_location='cpu', weights_only=False); "
        "torch.save(found.get('model', found.get('state_dict', found)), sys.argv[2])"
    )
    other = path.with_name(f"{path.stem}-tensors.pth")
    return f'python -c "{code}" {shlex.quote(str(path))} {shlex.quote(str(other))}'
