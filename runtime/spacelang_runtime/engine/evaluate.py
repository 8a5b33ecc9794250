"""How many images of a set a network tells right."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from attrs import frozen
from torch import Tensor, nn

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision


@frozen
class Accuracy:
    """images: seen. first, five: of them, those whose class came first, and among the first five."""

    images: int
    first: int
    five: int

    @property
    def top1(self) -> float:
        """The share that is right, from 0 to 1."""
        return self.first / self.images if self.images else 0.0

    @property
    def top5(self) -> float:
        """The share whose class is among the five most likely."""
        return self.five / self.images if self.images else 0.0


def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
    architecture: Architecture | None = None,
) -> Accuracy:
    """The accuracy of a standalone network, or of one architecture with the weights of its supernet.

    batches: of uint8 images [b, 3, S, S] and int64 labels [b], on any device; `normalise` makes images float.
    The same images give the same answer; bf16 autocast on a GPU that has it. The model is left in the mode,
    training or evaluation, in which it came.
    """
    training = model.training
    model.eval()
    images = 0
    counts = torch.zeros(2, dtype=torch.int64, device=device)
    try:
        with torch.inference_mode(), precision(device):
            for pictures, labels in batches:
                pictures = normalise(pictures.to(device, non_blocking=True))
                labels = labels.to(device, non_blocking=True)
                logits = model(pictures) if architecture is None else model(pictures, architecture)
                five = logits.float().topk(min(5, logits.shape[1]), dim=1).indices
                right = five == labels[:, None]
                counts += torch.stack([right[:, 0].sum(), right.sum()])
                images += len(labels)
    finally:
        model.train(training)
    first, among = counts.tolist()
    return Accuracy(images, first, among)
