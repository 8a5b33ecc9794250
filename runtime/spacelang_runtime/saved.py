"""A network on disk: what it is beside its weights, in a folder that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_in
from safetensors.torch import save as tensors_out
from torch import Tensor

from spacelang.architecture import NotAnArchitecture, from_json, to_json
from spacelang_runtime.atomic import replace, replace_json
from spacelang_runtime.failure import Failure
from spacelang_runtime.network import Network

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save(network: Network, folder: Path | str, notes: Mapping[str, Any]) -> None:
    """Write a network as `config.json`, its architecture and the notes, and `model.safetensors`.

    notes: JSON values about where the network comes from; `load` does not need them. Raises `Failure` where
    the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {folder}: {error.strerror}", "name another") from None
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    replace(folder / WEIGHTS, lambda file: file.write(tensors_out(weights)))
    replace_json(folder / CONFIG, {"architecture": to_json(network.architecture), "notes": dict(notes)})


def load(folder: Path | str) -> Network:
    """The network that `save` wrote, in evaluation mode, bit for bit and in the type it had.

    Raises `Failure` for a missing or damaged file, and where the weights are not those of the architecture:
    with the tensor and both shapes.
    """
    folder = Path(folder)
    config = folder / CONFIG
    try:
        record = json.loads(_bytes(config))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{config} is not JSON: {error}", _AGAIN) from None
    if not isinstance(record, dict) or "architecture" not in record:
        raise Failure(f'{config} has no "architecture"', _AGAIN)
    try:
        architecture = from_json(record["architecture"])
    except NotAnArchitecture as error:
        raise Failure(f"the architecture in {config} is none: {error}", _AGAIN) from None
    try:
        weights = tensors_in(_bytes(folder / WEIGHTS))
    except SafetensorError as error:
        raise Failure(f"{folder / WEIGHTS} is damaged or no safetensors file: {error}", _AGAIN) from None
    try:
        with torch.device("meta"):
            network = Network(architecture)
    except (RuntimeError, OverflowError, TypeError) as error:  # tensors beyond what torch can index
        raise Failure(f"the architecture in {config} cannot be built: {error}", _AGAIN) from None
    require_same(weights, network.state_dict(), str(folder / WEIGHTS), f"the architecture in {config}", _AGAIN)
    network.load_state_dict(weights, assign=True)
    return network.eval()


def require_same(
    found: Mapping[str, object], wanted: Mapping[str, Tensor], where: str, whose: str, remedy: str
) -> None:
    """Make sure that tensors have the names and shapes that they should; raises `Failure` that names one."""
    for name, tensor in wanted.items():
        if name not in found:
            raise Failure(f"{where} has no tensor {name}, and {whose} needs it", remedy)
        given = found[name]
        if not isinstance(given, Tensor) or not given.is_floating_point():
            raise Failure(f"{where}: {name} is no tensor of weights", remedy)
        if given.shape != tensor.shape:
            raise Failure(f"{where}: tensor {name} is {_shape(given)}, and {whose} needs {_shape(tensor)}", remedy)
    for name in found:
        if name not in wanted:
            raise Failure(f"{where} has a tensor {name}, and {whose} has no place for it", remedy)


_AGAIN = "the folder is not as it was written: export the network again"
_OTHER = "name a folder that spacelang export wrote"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", _OTHER) from None


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"
