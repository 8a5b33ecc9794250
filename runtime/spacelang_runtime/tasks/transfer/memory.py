"""What a training takes of a GPU's memory, before there is one: a forward pass of tensors without contents."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision, training_dtype
from spacelang_runtime.nn.network import Network
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.task import Labels, Task

WEIGHT = 4  # bytes, float32
LEARNED = 4 * WEIGHT  # of a parameter that learns: weight, gradient and AdamW's two moments


@frozen
class MemoryEstimate:
    """params: of the whole model; backbone: of them. states: bytes of weights, gradients and moments. kept: bytes
    that a forward pass keeps for the backward pass."""

    params: int
    backbone: int
    states: int
    kept: int

    @property
    def total(self) -> int:
        return self.states + self.kept


def estimate(
    task: Task,
    architecture: Architecture,
    recipe: TransferRecipe,
    labels: Labels,
    images: int,
    device: torch.device,
) -> MemoryEstimate:
    """The memory that training takes with so many images (vqa: texts) at a time on a device like this one."""
    kept: dict[int, tuple[object, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = (storage, storage.nbytes())  # held, so that no other takes its place
        return tensor

    with torch.device("meta"):
        model = task.build(Network(architecture), recipe, labels, None).train()
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = model.to_empty(device=device)
        own = {p.untyped_storage()._cdata for p in model.parameters()}
        with saved_tensors_hooks(keep, lambda tensor: tensor), precision(device, training_dtype(device)):
            task.rehearse(model, recipe, images, device)
        backbone = sum(p.numel() for p in model.backbone.parameters())
        params = sum(p.numel() for p in model.parameters())
        states = sum(p.numel() * (LEARNED if p.requires_grad else WEIGHT) for p in model.parameters())
    inside = sum(size for place, (_, size) in kept.items() if place not in own)
    return MemoryEstimate(params, backbone, states, inside)
