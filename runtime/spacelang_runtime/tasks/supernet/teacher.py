"""Distillation: a batch's targets mixed with what a teacher says of its images (Hinton et al., 2015).

The student's loss stays the cross-entropy, now to (1 − share) · target + share · teacher's distribution.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import timm
import torch
import torch.nn.functional as F
from attrs import frozen
from torch import Tensor, nn

from spacelang.diagnostics import nearest
from spacelang_runtime.data import Batch, Dataset
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.supernet.known import known


@frozen(eq=False)
class Distilled:
    """A data set whose training batches carry the teacher's opinion. It goes where a `Dataset` trains.

    share: of the teacher in a target, from 0 to 1.
    """

    dataset: Dataset
    teacher: nn.Module
    share: float

    def __getattr__(self, name: str) -> Any:
        """All but the training batches is the data set's own."""
        return getattr(self.dataset, name)

    def train_batches(
        self, first_step: int, steps: int, rank: int, world: int, device: torch.device
    ) -> Iterator[Batch]:
        teacher = self.teacher.to(device).eval()
        for batch in self.dataset.train_batches(first_step, steps, rank, world, device):
            with torch.inference_mode(), precision(device):
                said = teacher(batch.images)
            said = said.float().softmax(-1).clone()
            yield attrs.evolve(batch, targets=(1 - self.share) * batch.targets + self.share * said)


def distilled(dataset: Dataset, run: RunFolder) -> Dataset | Distilled:
    """The data that a run trains on: with the teacher that the run names, if it names one. A teacher that is a run
    lies beside it, or beside the run whose network is finished in this one."""
    record = run.record.distillation
    if record is None:
        return dataset
    weights = None if record.weights is None else Path(record.weights)
    classes, beside = len(dataset.classes), (run.folder.parents[1] if run.record.finish else run.folder).parent
    teacher = teacher_of(record.teacher, weights, classes, beside, dataset.preprocessing)
    return Distilled(dataset, teacher, record.share)


Moments = tuple[tuple[float, ...], tuple[float, ...]]  # mean and standard deviation, a number for each channel


class Teacher(nn.Module):
    """A teacher that is shown images as the student reads them: it has its own mean and deviation, and maybe size.

    shown, learned: the moments that the images are normalised by, and those that the teacher was trained with.
    size: (height, width) that it takes alone; None: any.
    """

    def __init__(
        self, model: nn.Module, shown: Moments, learned: Moments, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.model, self.size = model, size
        ours, theirs = ([torch.tensor(values).view(-1, 1, 1) for values in moments] for moments in (shown, learned))
        self.register_buffer("scale", ours[1] / theirs[1])
        self.register_buffer("offset", (ours[0] - theirs[0]) / theirs[1])

    def forward(self, images: Tensor) -> Tensor:
        if self.size is not None and images.shape[-2:] != self.size:
            images = F.interpolate(images, self.size, mode="bicubic", align_corners=False)
        return self.model(images * self.scale + self.offset)


def teacher_of(
    text: str, weights: Path | None, classes: int, runs: Path, shown: Preprocessing = Preprocessing()
) -> nn.Module:
    """The teacher that a text names: timm:NAME, a model's folder, or a run, whose largest network it is.

    weights: of a model of timm; without them timm fetches its own. shown: what the images that it will read are
    normalised by. Raises `Failure` where there is none, and
    where it tells another number of classes apart.
    """
    kind, _, name = text.partition(":")
    if kind == "timm" and name:
        model = _of_timm(name, weights, classes)
        own_classes = model.num_classes
        teacher: nn.Module = of_timm(model, shown)
    else:
        one = known(text, runs)
        frame = one.network.architecture.frame
        own_classes = frame.classes
        moments = shown.moments(frame.channels), one.preprocessing.moments(frame.channels)
        teacher = Teacher(one.network, *moments)
    if own_classes != classes:
        raise Failure(
            f"the teacher {text} tells {own_classes} classes apart, and the data has {classes}",
            "take a teacher that was trained on these classes",
        )
    return teacher.requires_grad_(False)


def of_timm(model: nn.Module, shown: Preprocessing) -> Teacher:
    """A model of timm, with the mean, deviation and size that its config tells."""
    cfg = model.pretrained_cfg
    learned = tuple(cfg["mean"]), tuple(cfg["std"])
    size = tuple(cfg["input_size"][-2:]) if cfg.get("fixed_input_size") else None
    return Teacher(model, shown.moments(len(learned[0])), learned, size)


def _of_timm(name: str, weights: Path | None, classes: int) -> nn.Module:
    if ":" not in name and not timm.is_model(name.partition(".")[0]):
        near = nearest(name, timm.list_models())
        remedy = f"did you mean timm:{near}?" if near else "timm.list_models() in Python lists those that it has"
        raise Failure(f"timm has no model {name}", remedy)
    try:
        if weights is not None:
            return timm.create_model(name, num_classes=classes, checkpoint_path=str(weights))
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # whatever a download, a file or a name can go wrong with
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Failure(
            f"timm cannot make the teacher {name}: {reason}", "name its weights: --teacher-weights FILE"
        ) from None
