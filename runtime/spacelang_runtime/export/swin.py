"""A network as timm's own Swin transformer, where it is one: then nothing of ours is needed to run it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from timm.models.swin_transformer import SwinTransformer

from spacelang.architecture import Architecture
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.convert import architecture_of
from spacelang_runtime.nn.files import as_json, fill
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import CONFIG, PROCESSING, WEIGHTS, class_names, described
from spacelang_runtime.nn.swin_names import theirs
from spacelang_runtime.preprocessing import Preprocessing, to_processor

_OTHERWISE = "export it as timm: import spacelang_runtime.export.timm_model lets timm run any network"


def to_swin(network: Network) -> SwinTransformer:
    """The Swin transformer of timm that a network is, with its weights, in evaluation mode. Raises `Failure`
    where timm's class cannot be it: its stages double their width and have layers of one kind each."""
    if padded := _padded(network.architecture):
        raise padded
    model = SwinTransformer(**arguments(network.architecture)).to(network.stem.patches.weight)
    if architecture_of(model) != network.architecture:
        raise Failure("timm's Swin transformer is another network than this one", _OTHERWISE)
    model.load_state_dict(theirs(network.state_dict(), network.architecture))
    return model.eval()


def _padded(architecture: Architecture) -> Failure | None:
    """The refusal of a network that shifts windows over padded maps, which timm's class does otherwise."""
    for number, stage in enumerate(architecture.stages, 1):
        side = architecture.frame.side(number - 1)
        for layer in stage.layers[1::2]:
            if layer.window != "global" and side % layer.window:
                message = f"stage {number} pads its {side}×{side} map to windows of {layer.window}"
                help_ = f"search windows that divide the map in a space for timm's Swin; or {_OTHERWISE}"
                return Failure(message, help_)
    return None


def arguments(architecture: Architecture) -> dict[str, Any]:
    """What timm's class is to be called with. Raises `Failure` as `to_swin` does."""
    frame, stages = architecture.frame, architecture.stages
    for number, stage in enumerate(stages, 1):
        if len(set(stage.layers)) > 1:
            raise Failure(f"the layers of stage {number} differ, and those of timm's Swin do not", _OTHERWISE)
        if stage.embed != stages[0].embed << (number - 1):
            raise Failure(f"stage {number} is {stage.embed} wide, and timm's Swin doubles its width", _OTHERWISE)
    if (frame.position, frame.token, frame.stem_norm) != (("bias",), "none", True):
        raise Failure("the network has other positions, tokens or stem than timm's Swin", _OTHERWISE)
    layers = [stage.layers[0] for stage in stages]
    if any(layer.window == "global" for layer in layers):
        raise Failure("the network has global windows, and timm's Swin has none", _OTHERWISE)
    return {
        "img_size": frame.image,
        "patch_size": frame.patch,
        "in_chans": frame.channels,
        "num_classes": frame.classes,
        "embed_dim": stages[0].embed,
        "depths": tuple(len(stage.layers) for stage in stages),
        "num_heads": tuple(layer.heads for layer in layers),
        "head_dim": tuple(layer.head_width for layer in layers),
        "window_size": tuple((layer.window, layer.window) for layer in layers),
        "mlp_ratio": tuple(float(layer.mlp) for layer in layers),
    }


def write(
    network: Network,
    folder: Path,
    notes: Mapping[str, Any],
    force: bool = False,
    preprocessing: Preprocessing = Preprocessing(),
) -> None:
    """Write a folder that timm reads as "local-dir:FOLDER", and transformers as a model of timm.

    notes, force, preprocessing: as `saved.save` takes them; of the notes the names of the classes are told. Raises
    `Failure` as `to_swin` does.
    """
    architecture = network.architecture
    weights = to_swin(network).state_dict()
    given, names = arguments(architecture), class_names(architecture, notes)
    cfg = described(architecture, {}, preprocessing)["pretrained_cfg"] | {
        "architecture": NAME,
        "fixed_input_size": True,
        "first_conv": "patch_embed.proj",
        "classifier": "head.fc",
    }
    kept = ("img_size", "patch_size", "embed_dim", "depths", "num_heads", "head_dim", "window_size", "mlp_ratio")
    record = {
        "architecture": NAME,
        "num_classes": given["num_classes"],
        **({"label_names": names} if names else {}),
        "model_args": {name: given[name] for name in kept},
        "pretrained_cfg": cfg,
    }
    files = {
        WEIGHTS: save({name: tensor.contiguous() for name, tensor in weights.items()}),
        CONFIG: as_json(record),
        PROCESSING: as_json(to_processor(preprocessing, architecture.frame, NAME)),
    }
    fill(folder, files, force)


NAME = "swin_tiny_patch4_window7_224"  # any Swin of timm takes all of its class's arguments
