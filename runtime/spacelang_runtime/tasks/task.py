"""What a task is to the trainer: a value of functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from attrs import frozen
from PIL import Image
from torch import Tensor, nn

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.nn.network import Network
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.replaced import Taken
from spacelang_runtime.tasks.unread import Skip

Labels = dict[str, Any]
Figures = dict[str, float | None]  # None: there is nothing that it could be measured on
Show = Callable[[float, str], None]


def silent(share: float, said: str) -> None:
    """Shows nothing."""


class TaskBatch(Protocol):
    """What a model learns from at once: some NamedTuple of tensors and of lists of them. size: how many images (of
    vqa: texts) it counts for in a mean over parts."""

    @property
    def size(self) -> int: ...


class TaskData(Protocol):
    """The data of a task.

    labels: what the answers are called, as JSON; a model is made from it and it is kept with the model.
    fingerprint: the same for the same data. per_epoch: updates. multiple: the size of a part is a multiple of it.
    images: all that it reads, those to train on first; marks: what tells each from another of its name. look: at
    an image and what goes with it, by its place; gives what the task counts. without: the data without some images,
    after a look at the others (none where there was none). Both raise `Failure` with what is wrong.
    summary: what there is, in lines. parts: the batches that a rank learns from in a step (`Taken`), in parts of at
    most `micro` that are accumulated (0: all in one; None: as the recipe says); picklable, run by worker processes.
    """

    @property
    def labels(self) -> Labels: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def per_epoch(self) -> int: ...
    @property
    def multiple(self) -> int: ...
    def images(self) -> Sequence[Path]: ...
    def marks(self) -> Sequence[str]: ...
    def look(self, number: int) -> Any: ...
    def without(self, broken: Collection[int], facts: Mapping[int, Any]) -> TaskData: ...
    def summary(self) -> list[str]: ...
    def parts(self, rank: int, world: int, micro: int | None = None) -> Callable[[int], Taken]: ...


@frozen
class Task:
    """What differs between the three tasks.

    losses: their names, as the model gives them. open: the data of a folder, with the labels of an earlier run and
    BERT's folder where there are. build: the model over a network, its weights random but for the network's and
    those from BERT's folder; it has a `backbone`, and in training gives the losses of a batch by name, whose sum is
    minimised. measure: figures on the test images, the main one first, each between 0 and 1 or None; all
    processes take part and have them; at several scales, where asked for; what cannot be read is left out, and
    told. predict: the picture of an answer (to a
    question), and its words. rehearse: what a forward pass keeps of so many images at a time, for the estimate of
    memory; it may leave out what is small.
    """

    name: str
    losses: tuple[str, ...]
    open: Callable[[Path, TransferRecipe, Labels | None, Path | None], Any]
    build: Callable[[Network, TransferRecipe, Labels, Path | None], Any]
    measure: Callable[[Any, Any, TransferRecipe, World, int, Show, bool, Skip], Figures]
    predict: Callable[[Any, TransferRecipe, Labels, Image.Image, str, torch.device], tuple[Image.Image, str]]
    rehearse: Callable[[Any, TransferRecipe, int, torch.device], None]


def moved(value: Any, device: torch.device) -> Any:
    """A batch on a device: tensors in tuples, lists and NamedTuples, whatever else is in them."""
    match value:
        case Tensor():
            return value.to(device, non_blocking=True)
        case tuple() if hasattr(value, "_fields"):
            return type(value)(*(moved(part, device) for part in value))
        case tuple() | list():
            return type(value)(moved(part, device) for part in value)
        case _:
            return value


def undecayed(model: nn.Module) -> set[str]:
    """The names of the parameters that weight decay leaves alone: the backbone's by its own word, and everywhere
    what is no factor of a product (biases, norms)."""
    free = {f"backbone.{name}" for name in model.backbone.no_weight_decay()}
    return free | {name for name, parameter in model.named_parameters() if parameter.ndim < 2}
