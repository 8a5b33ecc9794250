"""Intersection over union on the test images, by torchmetrics; at one scale, or at several and mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.engine.distributed import World, precision
from spacelang_runtime.tasks.recipe import Segment
from spacelang_runtime.tasks.replaced import Taken
from spacelang_runtime.tasks.segment.layout import VOID, ImageMaskPair, opened
from spacelang_runtime.tasks.segment.segmenter import Segmenter, enlarged
from spacelang_runtime.tasks.task import Figures, Show
from spacelang_runtime.tasks.unread import Skip, read, told, tried

FEW = 20  # classes whose figures are given one by one


@frozen
class SegmentTests:
    """Test pairs by their place, read."""

    pairs: tuple[ImageMaskPair, ...]
    classes: int
    recipe: Segment

    def __call__(self, index: int) -> Taken:
        return tried(self.one, index)

    def one(self, index: int) -> tuple[Image.Image, NDArray[np.uint8]]:
        """An image and its labels."""
        return opened(self.pairs[index], self.classes, self.recipe)


def measure(
    model: Segmenter,
    pairs: tuple[ImageMaskPair, ...],
    names: Sequence[str],
    recipe: Segment,
    world: World,
    workers: int,
    show: Show,
    multi: bool,
    skip: Skip,
) -> Figures:
    """Mean IoU over the classes that occur, and the share of pixels told right, on the images that can be read.
    Void pixels do not count. The IoU of a class that is neither there nor told anywhere is None."""
    own, broken = range(world.rank, len(pairs), world.size), list[str]()
    ratio = MulticlassJaccardIndex(len(names), average=None, ignore_index=VOID).to(world.device)
    right = MulticlassAccuracy(len(names), average="micro", ignore_index=VOID).to(world.device)
    seen = torch.zeros(len(names), device=world.device)
    for done, images in enumerate(read(SegmentTests(pairs, len(names), recipe), own, workers, broken), 1):
        for image, labels in images:
            answer = probabilities(model, image, recipe, world.device, multi).argmax(0)
            target = torch.from_numpy(labels).long().to(world.device)
            ratio.update(answer[None], target[None])
            right.update(answer[None], target[None])
            counted = target != VOID
            seen += torch.bincount(target[counted], minlength=len(names))
            seen += torch.bincount(answer[counted], minlength=len(names))
        show(done / len(own), f"image {done} of {len(own)}")
    told(broken, len(pairs), world, skip)
    if world.size > 1:
        torch.distributed.all_reduce(seen)
    each = ratio.compute()  # summed over the processes, as the other
    known = [value if count else None for value, count in zip(each.tolist(), seen.tolist(), strict=True)]
    there = [value for value in known if value is not None]
    figures: Figures = {"mIoU": None, "pixel accuracy": None}
    if there:
        figures = {"mIoU": sum(there) / len(there), "pixel accuracy": float(right.compute())}
    if len(names) <= FEW:
        figures |= {f"IoU {name}": value for name, value in zip(names, known, strict=True)}
    return figures


def probabilities(
    model: Segmenter, image: Image.Image, recipe: Segment, device: torch.device, multi: bool
) -> Tensor:
    """The probability of each class at each pixel of an image, [classes, height, width]: of one pass, or the mean
    over the recipe's scales, each mirrored too."""
    scale = recipe.test / min(image.size) if recipe.test else 1.0
    total = torch.zeros((), device=device)
    factors = recipe.multi if multi else (1.0,)
    for factor in factors:
        size = tuple(max(1, round(side * scale * factor)) for side in image.size)
        at_hand = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
        planes = torch.from_numpy(np.array(at_hand)).permute(2, 0, 1)[None].to(device)
        for mirrored in (False, True) if multi else (False,):
            with precision(device):
                logits = model.logits(normalise(planes.flip(-1) if mirrored else planes))
            one = enlarged(logits.flip(-1) if mirrored else logits, (image.height, image.width))[0].softmax(0)
            total = total + one / (len(factors) * (1 + multi))
    return total
