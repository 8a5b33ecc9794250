"""Networks on labelled images: how often they are right, how well they know that, and how fast they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import torch
from attrs import define, field, frozen
from torch import Tensor, nn

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.failure import Failure

BINS = 15
AMONG = 5  # the classes that top-5 looks at

Normalise = Callable[[Tensor], Tensor]
LabelledBatches = Iterable[tuple[Tensor, Tensor]]


@frozen(eq=False)
class Evaluation:
    """What a network answers on labelled images.

    labels, predicted: int64 [n], the class of each image and the one that came first. five: images whose class is
    among the five most likely. loss: mean cross-entropy, in nats. calibration_error: the expected calibration error
    (`calibration_error`). images_a_second: through the network alone, one batch at a time.
    """

    labels: Tensor
    predicted: Tensor
    five: int
    loss: float
    calibration_error: float
    images_a_second: float

    @property
    def images(self) -> int:
        return len(self.labels)

    @property
    def first(self) -> int:
        """Images whose class came first."""
        return int((self.labels == self.predicted).sum())

    @property
    def top1(self) -> float:
        """The share that is right, from 0 to 1."""
        return self.first / self.images if self.images else 0.0

    @property
    def top5(self) -> float:
        """The share whose class is among the five most likely."""
        return self.five / self.images if self.images else 0.0

    def confusion(self, classes: int) -> Tensor:
        """int64 [classes, classes]: how many images of each class (rows) were taken for each (columns)."""
        pairs = classes * self.labels + self.predicted
        return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def evaluate(
    model: nn.Module,
    batches: LabelledBatches,
    normalise: Normalise,
    device: torch.device,
    architecture: Architecture | None = None,
) -> Evaluation:
    """One standalone network, or one architecture with the weights of its supernet: see `evaluate_all`."""
    return evaluate_all(model, batches, normalise, device, (architecture,))[0]


def evaluate_all(
    model: nn.Module,
    batches: LabelledBatches,
    normalise: Normalise,
    device: torch.device,
    architectures: Sequence[Architecture | None],
) -> tuple[Evaluation, ...]:
    """Several architectures with the weights of their supernet, each batch by all of them before the next is read.

    batches: of uint8 images [b, channels, S, S] and int64 labels [b], on any device, read once; `normalise` makes
    images float. architectures: None for a standalone network. The same batches give the same answers; bf16
    autocast on a GPU that has it. The model is left in the mode, training or evaluation, in which it came. Raises
    `Failure` where a network answers with NaN.
    """
    training = model.training
    model.eval()
    answers = [_Answers(architecture) for architecture in architectures]
    labels: list[Tensor] = []
    kept: Tensor | None = None  # the first batch, to take the time of when nothing is read beside it
    try:
        with torch.inference_mode(), precision(device):
            for pictures, classes in batches:
                if not len(classes):  # all its images are broken
                    continue
                labels.append(classes.to(device))
                _ask(model, normalise(pictures.to(device)), labels[-1], answers)
                kept = pictures if kept is None else kept
            for one in answers if kept is not None else ():
                assert kept is not None
                one.images_a_second = _pace(model, normalise(kept.to(device)), one.architecture)
    finally:
        model.train(training)
    return tuple(one.evaluation(torch.cat(labels).cpu()) if labels else EMPTY for one in answers)


def _ask(model: nn.Module, images: Tensor, labels: Tensor, answers: list[_Answers]) -> None:
    """Have each network answer a batch, which goes before the next one comes."""
    for one in answers:
        one.add(_logits(model, images, one.architecture), labels)


@define(eq=False)
class _Answers:
    """The answers of a network so far: of every batch a tensor, on the device, so that nothing waits for it."""

    architecture: Architecture | None
    predicted: list[Tensor] = field(factory=list)
    confidences: list[Tensor] = field(factory=list)
    losses: list[Tensor] = field(factory=list)
    fives: list[Tensor] = field(factory=list)
    images_a_second: float = 0.0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        logs = logits.float().log_softmax(-1)
        five = logs.topk(min(AMONG, logs.shape[1]), dim=1)
        self.predicted.append(five.indices[:, 0])
        self.confidences.append(five.values[:, 0].exp())
        self.losses.append(-logs.gather(1, labels[:, None])[:, 0])
        self.fives.append((five.indices == labels[:, None]).any(1))

    def evaluation(self, labels: Tensor) -> Evaluation:
        whole = (self.predicted, self.confidences, self.losses)
        predicted, confidences, losses = (torch.cat(parts).cpu() for parts in whole)
        if undefined := int(confidences.isnan().sum()):
            name = "the network" if self.architecture is None else self.architecture.name
            raise Failure(
                f"{name} answers {undefined} of {len(labels)} images with NaN, which is no number",
                "its weights are damaged, or its training went astray: train it anew, at a lower learning_rate",
            )
        return Evaluation(
            labels=labels,
            predicted=predicted,
            five=int(torch.cat(self.fives).sum()),
            loss=float(losses.mean()),
            calibration_error=calibration_error(confidences, predicted == labels),
            images_a_second=self.images_a_second,
        )


_NONE = torch.zeros(0, dtype=torch.int64)
EMPTY = Evaluation(_NONE, _NONE, 0, 0.0, 0.0, 0.0)  # of no images


def calibration_error(confidence: Tensor, right: Tensor, bins: int = BINS) -> float:
    """How far a network's confidence is from its accuracy: Σ over bins of equal width of |share right − mean
    confidence|, weighted by the bin's share of the images (Guo et al., 2017, equation 3).

    confidence: [N], the probability given to the class chosen. right: [N], whether it was the right one.
    """
    place = (confidence.double() * bins).ceil().clamp(1, bins).long() - 1
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right.double() - confidence.double())
    return float(gaps.abs().sum() / len(confidence))


def _logits(model: nn.Module, images: Tensor, architecture: Architecture | None) -> Tensor:
    logits: Tensor = model(images) if architecture is None else model(images, architecture)
    return logits


def _pace(model: nn.Module, images: Tensor, architecture: Architecture | None) -> float:
    """How many images a second go through a network that has seen such a batch before."""
    _wait(images.device)
    began = time.perf_counter()
    _logits(model, images, architecture)
    _wait(images.device)
    return len(images) / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
