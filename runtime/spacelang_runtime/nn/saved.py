"""A network on disk: what it is beside its weights, in a folder that needs nothing else.

    config.json                 the architecture, where it comes from, and what timm and transformers look for
    preprocessor_config.json    how pictures become its images, for transformers
    model.safetensors           the weights, under the names of `Network`
    README.md                   the same for people: a model card

The same folder serves `load`, timm (`export.timm_model`) and transformers (`export.hf_model`); `load` reads what
transformers saves of it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_in
from safetensors.torch import save as tensors_out
from torch import Tensor

from spacelang import notation
from spacelang.architecture import Architecture, NotAnArchitecture, from_json, to_json
from spacelang.outside import NotJson, parse
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.files import CONFIG, as_json, fill, require_free, require_own
from spacelang_runtime.nn.model_card import model_card
from spacelang_runtime.nn.network import Network
from spacelang_runtime.preprocessing import PROCESSOR, Preprocessing, from_cfg, to_cfg, to_processor

PROCESSING = "preprocessor_config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
DIGEST = "weights_sha256"  # among the notes
FORMAT = "spacelang.model/1"


def save(
    network: Network,
    folder: Path | str,
    notes: Mapping[str, Any],
    force: bool = False,
    preprocessing: Preprocessing = Preprocessing(),
) -> None:
    """Write a network as `config.json`, its architecture and the notes, `preprocessor_config.json`,
    `model.safetensors` and `README.md`.

    notes: JSON values about where the network comes from; `load` does not need them. "classes", where there,
    are the names of the classes. force: whether other files of these names may be replaced. preprocessing: what the
    network is scored by. Raises `Failure` where files may not be replaced, and where the folder cannot be written.
    """
    architecture = network.architecture
    weights = tensors_out({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    record = described(architecture, {**notes, DIGEST: sha256(weights).hexdigest()}, preprocessing)
    files = {
        WEIGHTS: weights,
        CONFIG: as_json(record),
        PROCESSING: as_json(to_processor(preprocessing, architecture.frame, record["architecture"])),
        CARD: model_card(architecture, record["notes"], preprocessing).encode(),
    }
    fill(Path(folder), files, force)


def require_new(folder: Path) -> None:
    """Make sure that a folder has none of the files that `save` writes, nor anything else. Raises `Failure`."""
    for name in (CONFIG, PROCESSING, WEIGHTS, CARD):
        require_free(folder / name)
    require_own(folder)


def class_names(architecture: Architecture, notes: Mapping[str, Any]) -> list[str]:
    """The names of the classes, in their order; none where the notes do not tell those of all."""
    names = notes.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []
    return names if len(names) == architecture.frame.classes else []


def described(
    architecture: Architecture, notes: Mapping[str, Any], preprocessing: Preprocessing = Preprocessing()
) -> dict[str, Any]:
    """What `config.json` holds: ours under "format", "network" and "notes", the rest for timm and transformers."""
    frame, classes = architecture.frame, architecture.frame.classes
    known = class_names(architecture, notes)
    names = known or [f"class {number}" for number in range(classes)]
    side = frame.side(len(architecture.stages) - 1)
    return {
        "format": FORMAT,
        "network": to_json(architecture),
        "notes": dict(notes),
        "architecture": "spacelang",
        "num_classes": classes,
        "model_args": {"network": notation.write(architecture)},
        "pretrained_cfg": {
            "architecture": "spacelang",
            "num_classes": classes,
            **to_cfg(preprocessing, frame),
            "fixed_input_size": False,
            "pool_size": [side, side],
            "first_conv": "stem.patches",
            "classifier": "head.classify",
        },
        **({"label_names": known} if known else {}),
        "model_type": "spacelang",
        "image_processor_type": PROCESSOR,
        "architectures": ["SpacelangForImageClassification"],
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def load(folder: Path | str) -> Network:
    """The network that `save` wrote, or transformers under names of its own, in evaluation mode, bit for bit and in
    the type it had.

    Raises `Failure` for a missing or damaged file, where the weights have another SHA-256 than the folder states,
    and where they are not those of the architecture: with the tensor and both shapes.
    """
    folder = Path(folder)
    config = folder / CONFIG
    architecture = architecture_of(folder)
    content = _bytes(folder / WEIGHTS)
    try:
        weights = tensors_in(content)
    except SafetensorError as error:
        raise Failure(f"{folder / WEIGHTS} is damaged or no safetensors file: {error}", _AGAIN) from None
    weights = {name.removeprefix(_THEIRS): tensor for name, tensor in weights.items()}
    try:
        with torch.device("meta"):
            network = Network(architecture)
    except RuntimeError as error:  # tensors beyond what torch can index
        raise Failure(f"the architecture in {config} cannot be built: {error}", _AGAIN) from None
    require_same(weights, network.state_dict(), str(folder / WEIGHTS), f"the architecture in {config}", _AGAIN)
    require_stated(content, notes_of(folder).get(DIGEST), folder)
    network.load_state_dict(weights, assign=True)
    return network.eval()


def require_finite(network: Network, folder: Path | str) -> None:
    """Make sure that every weight of the network of a folder is a number. Raises `Failure` that names a tensor."""
    for name, tensor in network.state_dict().items():
        if wrong := int((~tensor.float().isfinite()).sum()):
            raise Failure(
                f"{Path(folder) / WEIGHTS}: {wrong} of the {tensor.numel()} weights of {name} are NaN or infinite",
                "the training that they come from went astray, or the file is damaged: export another network",
            )


def record_of(folder: Path | str) -> dict[str, Any]:
    """What the `config.json` of a model's folder holds. Raises `Failure` where there is none of ours."""
    config = Path(folder) / CONFIG
    try:
        record = parse(_bytes(config))
    except NotJson as reason:
        raise Failure(f"{config} is not JSON: {reason}", _AGAIN) from None
    if not isinstance(record, dict) or "network" not in record:
        raise Failure(f'{config} has no "network": {folder} is no model of spacelang', _OTHER)
    return record


def architecture_of(folder: Path | str) -> Architecture:
    """The architecture of the model in a folder. Raises `Failure` where there is none."""
    try:
        return from_json(record_of(folder)["network"])
    except NotAnArchitecture as error:
        raise Failure(f"the network in {Path(folder) / CONFIG} is none: {error}", _AGAIN) from None


def preprocessing_of(folder: Path | str) -> Preprocessing:
    """What the model in a folder states that it is scored by. Raises `Failure` where there is none, and where it
    states what cannot be done."""
    cfg = record_of(folder).get("pretrained_cfg") or {}
    if not isinstance(cfg, dict):
        raise Failure(f"pretrained_cfg in {Path(folder) / CONFIG} is no object", _AGAIN)
    return from_cfg(cfg, architecture_of(folder).frame, str(Path(folder) / CONFIG))


def notes_of(folder: Path | str) -> dict[str, Any]:
    """What the `config.json` of a model's folder tells of where it comes from; empty where it tells nothing."""
    notes = record_of(folder).get("notes")
    return notes if isinstance(notes, dict) else {}


def require_stated(content: bytes, stated: object, folder: Path) -> None:
    """Make sure that a file of weights is the one whose SHA-256 the folder states, where it states one. Raises
    `Failure`."""
    if stated is not None and (digest := sha256(content).hexdigest()) != stated:
        raise Failure(
            f"{folder / WEIGHTS} is not as it was written: its SHA-256 is {digest[:12]}…, and {CONFIG} states "
            f"{str(stated)[:12]}…",
            f"take the folder again; if you changed the weights yourself, take {DIGEST} out of {folder / CONFIG}",
        )


def require_same(
    named: Mapping[str, object], wanted: Mapping[str, Tensor], where: str, whose: str, remedy: str
) -> None:
    """Make sure that tensors have the names and shapes that they should; raises `Failure` that names one."""
    for name, tensor in wanted.items():
        if name not in named:
            raise Failure(f"{where} has no tensor {name}, and {whose} needs it", remedy)
        given = named[name]
        if not isinstance(given, Tensor) or not given.is_floating_point():
            raise Failure(f"{where}: {name} is no tensor of weights", remedy)
        if given.shape != tensor.shape:
            raise Failure(f"{where}: tensor {name} is {_shape(given)}, and {whose} needs {_shape(tensor)}", remedy)
    for name in named:
        if name not in wanted:
            raise Failure(f"{where} has a tensor {name}, and {whose} has no place for it", remedy)


_THEIRS = "network."  # before our names, in a model of transformers
_AGAIN = "the folder is not as it was written: export the network again"
_OTHER = "name a folder that spacelang export wrote"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", _OTHER) from None


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"
