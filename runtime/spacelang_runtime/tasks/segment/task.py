"""Segmentation as a task."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import attrs
import numpy as np
import torch
from attrs import frozen
from PIL import Image, ImageDraw

from spacelang.amount import counted
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.tasks.backbone import Backbone, resized
from spacelang_runtime.tasks.colours import colour, font, laid_over
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.segment.iou import measure, probabilities
from spacelang_runtime.tasks.segment.layout import (
    ImageMaskPairs,
    class_names,
    labels_of,
    numbers,
    opened,
    read,
    require_plain,
)
from spacelang_runtime.tasks.segment.segmenter import LOSSES, Segmenter, enlarged
from spacelang_runtime.tasks.segment.transforms import SegmentBatches
from spacelang_runtime.tasks.task import Figures, Labels, Show, Task
from spacelang_runtime.tasks.unread import Skip

SMALLEST = 0.005  # share of the pixels from which a class is named


@frozen(eq=False)
class Masked:
    """The pairs to train and to test on. names: of the classes; absent: of those that no training mask has, once
    all have been looked at."""

    pairs: ImageMaskPairs
    names: tuple[str, ...]
    recipe: TransferRecipe
    order: EpochSampler
    multiple: int = 1
    absent: tuple[str, ...] = ()

    @property
    def labels(self) -> Labels:
        return {"classes": list(self.names)}

    @property
    def fingerprint(self) -> str:
        return self.pairs.fingerprint

    @property
    def per_epoch(self) -> int:
        return self.order.per_epoch

    def summary(self) -> list[str]:
        image, _ = opened(self.pairs.train[0], len(self.names), self.recipe.model)
        names = ", ".join(self.names[:12]) + (", …" if len(self.names) > 12 else "")
        return [
            f"layout: {self.pairs.layout}",
            f"train:  {counted(len(self.pairs.train), 'image')}, the first of {image.width}×{image.height} pixels",
            f"test:   {counted(len(self.pairs.test), 'image')}",
            f"{len(self.names)} classes: {names}",
            *([f"no pixel of the training masks: {', '.join(self.absent[:12])}"] if self.absent else []),
            *self.pairs.left_out,
        ]

    def images(self) -> list[Path]:
        return [pair.image for pair in (*self.pairs.train, *self.pairs.test)]

    def marks(self) -> list[str]:
        pairs = (*self.pairs.train, *self.pairs.test)
        return [f"{pair.image.stat().st_size}, mask {pair.mask.stat().st_size}" for pair in pairs]

    def look(self, number: int) -> list[int]:
        """The numbers in a mask, which fits its image."""
        pair = (*self.pairs.train, *self.pairs.test)[number]
        opened(pair, len(self.names), self.recipe.model)
        return np.unique(numbers(pair.mask)).tolist()

    def without(self, broken: Collection[int], facts: Mapping[int, list[int]]) -> Masked:
        train, test = len(self.pairs.train), len(self.pairs.test)
        pairs = attrs.evolve(
            self.pairs,
            train=tuple(pair for n, pair in enumerate(self.pairs.train) if n not in broken),
            test=tuple(pair for n, pair in enumerate(self.pairs.test, train) if n not in broken),
        )
        if not pairs.train or not pairs.test:
            which = f"{train} training" if not pairs.train else f"{test} test"
            raise Failure(f"all {which} images or their masks are broken", "restore them")
        present = {number for n, classes in facts.items() if n < train for number in classes}
        require_plain(present, self.recipe.model, pairs.train[0].mask.parent)
        order = EpochSampler(len(pairs.train), self.recipe.train.batch, self.recipe.train.seed)
        learned = labels_of(np.array(sorted(present)), self.recipe.model) if present else ()
        absent = tuple(name for number, name in enumerate(self.names) if number not in learned) if facts else ()
        return attrs.evolve(self, pairs=pairs, order=order, absent=absent)

    def parts(self, rank: int, world: int, micro: int | None = None) -> SegmentBatches:
        micro = self.recipe.train.micro if micro is None else micro
        return SegmentBatches(self.pairs.train, len(self.names), self.recipe.model, self.order, micro, rank, world)


def open_masked(folder: Path, recipe: TransferRecipe, labels: Labels | None, bert: Path | None) -> Masked:
    """The data of a folder with images and masks."""
    pairs = read(folder)
    names = tuple(labels["classes"]) if labels else class_names(folder, pairs, recipe.model)
    return Masked(pairs, names, recipe, EpochSampler(len(pairs.train), recipe.train.batch, recipe.train.seed))


def build(network: Network, recipe: TransferRecipe, labels: Labels, bert: Path | None) -> Segmenter:
    """The segmenter over a network, whose absolute positions, if any, are those of the crops."""
    network = resized(network, recipe.model.crop)
    backbone = Backbone(network, recipe.train)
    return Segmenter(backbone, recipe.model, len(labels["classes"]))


def measure_test(
    model: Segmenter,
    data: Masked,
    recipe: TransferRecipe,
    world: World,
    workers: int,
    show: Show,
    multi: bool,
    skip: Skip,
) -> Figures:
    return measure(model, data.pairs.test, data.names, recipe.model, world, workers, show, multi, skip)


def predict(
    model: Segmenter,
    recipe: TransferRecipe,
    labels: Labels,
    image: Image.Image,
    question: str,
    device: torch.device,
) -> tuple[Image.Image, str]:
    """An image with its segments coloured over it and a legend below; and the classes in words."""
    told = probabilities(model, image, recipe.model, device, False).argmax(0).cpu()
    counts = torch.bincount(told.flatten(), minlength=len(labels["classes"])) / told.numel()
    large = [n for n in counts.argsort(descending=True).tolist() if counts[n] >= SMALLEST]
    drawn = laid_over(image, told.numpy(), range(len(labels["classes"])), 0.6)
    said = ", ".join(f"{labels['classes'][n]} {float(counts[n]):.0%}" for n in large)
    return with_legend(drawn, [(n, labels["classes"][n]) for n in large]), said


def with_legend(image: Image.Image, classes: list[tuple[int, str]]) -> Image.Image:
    """A picture with the colours of classes and their names below it."""
    letters = font(image)
    line = round(ImageDraw.Draw(image).textbbox((0, 0), "Ag", font=letters)[3]) + 6
    places, x, y = [], 6, image.height + 6
    for number, name in classes:
        wide = line + round(ImageDraw.Draw(image).textlength(name, font=letters)) + 10
        if x + wide > image.width and x > 6:
            x, y = 6, y + line
        places.append((x, y, number, name))
        x += wide
    whole = Image.new("RGB", (image.width, y + line + 4), "white")
    whole.paste(image)
    draw = ImageDraw.Draw(whole)
    for x, y, number, name in places:
        draw.rectangle((x, y, x + line - 8, y + line - 8), fill=colour(number))
        draw.text((x + line - 2, y - 2), name, fill="black", font=letters)
    return whole


def rehearse(model: Segmenter, recipe: TransferRecipe, images: int, device: torch.device) -> None:
    """A crop's way through everything but the loss, with what enlarging its answers keeps."""
    side = recipe.model.crop
    maps = model.backbone(torch.empty(images, 3, side, side, device=device))
    for head in (model.head, model.auxiliary):
        enlarged(head(maps), (side, side)).log_softmax(1)


SEGMENT = Task("segment", LOSSES, open_masked, build, measure_test, predict, rehearse)
