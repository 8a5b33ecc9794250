"""A trained model on disk: a folder that needs nothing else."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from safetensors import SafetensorError
from safetensors.torch import load as tensors_in
from safetensors.torch import save as tensors_out
from torch import nn

from spacelang.architecture import NotAnArchitecture, from_json, to_json
from spacelang.outside import parse, read
from spacelang_runtime.atomic import replace, replace_json
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import DIGEST, require_stated
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.recipe_text import structured, unstructured
from spacelang_runtime.tasks.registry import task
from spacelang_runtime.tasks.task import Labels

FORMAT = "spacelang.transfer.model/1"


@frozen(eq=False)
class TransferModel:
    """A model with what is needed to ask it: in evaluation mode, on its device."""

    model: Any
    recipe: TransferRecipe
    labels: Labels


def save(run: RunFolder, recipe: TransferRecipe, labels: Labels, model: nn.Module, notes: dict[str, Any]) -> None:
    """Write the model of a run into its folder `model/`: `config.json` and `model.safetensors`."""
    record = run.record
    run.model.mkdir(exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = tensors_out(weights)
    replace(run.model / "model.safetensors", lambda file: file.write(content))
    own = {"run": run.name, "data": record.data.where, "model": record.initial and record.initial.model}
    replace_json(
        run.model / "config.json",
        {
            "format": FORMAT,
            "architecture": to_json(model.backbone.network.architecture),
            "recipe_name": recipe.name,
            "recipe": unstructured(recipe),
            "labels": labels,
            "notes": own | notes | {DIGEST: sha256(content).hexdigest()},
        },
    )


def load(folder: Path, device: torch.device) -> TransferModel:
    """The model that `save` wrote. Raises `Failure` for a missing or damaged file."""
    config = folder / "config.json"
    try:
        kept = parse(read(config))
        if kept.get("format") != FORMAT:
            raise Failure(
                f"{folder} is no model of transfer", "to train on a plain network, give --data; else name a run"
            )
        recipe = structured(kept["recipe"], kept["recipe_name"], str(config))
        network = Network(from_json(kept["architecture"]))
        model = task(recipe.task).build(network, recipe, kept["labels"], None)
        content = (folder / "model.safetensors").read_bytes()
        require_stated(content, (kept.get("notes") or {}).get(DIGEST), folder)
        model.load_state_dict(tensors_in(content))
    except FileNotFoundError as error:
        raise Failure(f"cannot read {error.filename or folder}: no such file", "name a run of transfer") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        AttributeError,
        SafetensorError,
        NotAnArchitecture,
    ) as error:
        raise Failure(f"{folder} is damaged: {str(error).splitlines()[0]}", "take the run's model again") from None
    return TransferModel(model.to(device).eval(), recipe, kept["labels"])
