"""A network on test images: how often it is right, how well it knows that, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from attrs import frozen
from torch import Tensor, nn

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.engine.evaluate import Accuracy

BINS = 15


@frozen
class Tested:
    """accuracy: of all images. loss: mean cross-entropy, in nats. calibration_error: the expected calibration
    error (`calibration_error`). images_a_second: through the network alone, batches as they came, the first
    one left out as warm-up where there are several."""

    accuracy: Accuracy
    loss: float
    calibration_error: float
    images_a_second: float


def examine(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
    architecture: Architecture | None = None,
) -> Tested:
    """Test a standalone network, or one architecture with the weights of its supernet.

    batches: of uint8 images and labels, as `evaluate` takes them; bf16 autocast on a GPU that has it.
    """
    model.eval()
    confidences, rights, fives, losses, times = [], [], [], [], []
    with torch.inference_mode(), precision(device):
        for pictures, labels in batches:
            pictures, labels = normalise(pictures.to(device)), labels.to(device)
            _wait(device)
            began = time.perf_counter()
            logits = model(pictures) if architecture is None else model(pictures, architecture)
            _wait(device)
            times.append((len(labels), time.perf_counter() - began))
            logs = logits.float().log_softmax(-1)
            five = logs.topk(min(5, logs.shape[1]), dim=1)
            right = five.indices == labels[:, None]
            confidences.append(five.values[:, 0].exp().cpu())
            rights.append(right[:, 0].cpu())
            fives.append(right.any(1).cpu())
            losses.append(-logs.gather(1, labels[:, None])[:, 0].cpu())
    if not times:
        return Tested(Accuracy(0, 0, 0), 0.0, 0.0, 0.0)
    right, timed = torch.cat(rights), times[1:] or times
    accuracy = Accuracy(len(right), int(right.sum()), int(torch.cat(fives).sum()))
    pace = sum(count for count, _ in timed) / sum(spent for _, spent in timed)
    return Tested(accuracy, float(torch.cat(losses).mean()), calibration_error(torch.cat(confidences), right), pace)


def calibration_error(confidence: Tensor, right: Tensor, bins: int = BINS) -> float:
    """How far a network's confidence is from its accuracy: Σ over bins of equal width of |share right − mean
    confidence|, weighted by the bin's share of the images (Guo et al., 2017, equation 3).

    confidence: [N], the probability given to the class chosen. right: [N], whether it was the right one.
    """
    place = (confidence.double() * bins).ceil().clamp(1, bins).long() - 1
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right.double() - confidence.double())
    return float(gaps.abs().sum() / len(confidence))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
