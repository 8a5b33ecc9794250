"""Detection as a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
import torch
from attrs import frozen
from PIL import Image, ImageDraw

from spacelang.amount import counted
from spacelang_runtime.engine.distributed import World, precision
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.tasks.backbone import Backbone
from spacelang_runtime.tasks.colours import colour, laid_over, tag
from spacelang_runtime.tasks.detect.average_precision import measure
from spacelang_runtime.tasks.detect.coco import Coco, Photo, read
from spacelang_runtime.tasks.detect.detector import BOX, LOSSES, MASK, Detector
from spacelang_runtime.tasks.detect.roi_align import laid_out
from spacelang_runtime.tasks.detect.transforms import MULTIPLE, DetectBatches, opened, planes, resized
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.task import Figures, Labels, Show, Task
from spacelang_runtime.tasks.unread import Skip

SURE = 0.5  # score from which a detection is drawn


@frozen(eq=False)
class Annotated:
    """The photos to train on (those with an object that is not a crowd) and to test on."""

    train: Coco
    test: Coco
    bare: int
    recipe: TransferRecipe
    order: EpochSampler
    multiple: int = 1

    @property
    def labels(self) -> Labels:
        return {"classes": list(self.train.classes)}

    @property
    def fingerprint(self) -> str:
        return self.train.fingerprint

    @property
    def per_epoch(self) -> int:
        return self.order.per_epoch

    def summary(self) -> list[str]:
        things = [thing for photo in self.train.photos for thing in photo.things]
        crowds = sum(thing.crowd for thing in things)
        rle = sum(isinstance(thing.segmentation, dict) for thing in things)
        most = Counter(self.train.classes[thing.label - 1] for thing in things).most_common(5)
        sides = [max(photo.width, photo.height) for photo in self.train.photos]
        left_out = f"; {self.bare} without objects left out" if self.bare else ""
        return [
            f"train: {counted(len(self.train.photos), 'photo')} of up to {max(sides)} pixels a side{left_out}",
            f"       {counted(len(things), 'object')} in {counted(len(self.train.classes), 'class')}, "
            f"{counted(crowds, 'crowd')}, {rle} as RLE; "
            f"most: {', '.join(f'{name} {count}' for name, count in most)}",
            f"test:  {counted(len(self.test.photos), 'photo')}"
            + ("" if self.test.truths else ", without any object: AP is undefined"),
            *(
                f"left out: odd annotations of the {split} photos ({len(odd)}): {odd[0]}"
                + (", …" if odd[1:] else "")
                for split, odd in (("training", self.train.odd), ("test", self.test.odd))
                if odd
            ),
        ]

    def images(self) -> list[Path]:
        return [photo.path for photo in (*self.train.photos, *self.test.photos)]

    def marks(self) -> list[str]:
        photos = (*self.train.photos, *self.test.photos)
        return [f"{photo.width}×{photo.height}, {len(photo.things)} objects" for photo in photos]

    def look(self, number: int) -> None:
        opened((*self.train.photos, *self.test.photos)[number])

    def without(self, broken: Collection[int], facts: Mapping[int, None]) -> Annotated:
        first = len(self.train.photos)
        train = self.train.without({number for number in broken if number < first})
        test = self.test.without({number - first for number in broken if number >= first})
        if not train.photos or not test.photos:
            raise Failure(f"all {'test' if train.photos else 'training'} photos are broken", "restore them")
        return attrs.evolve(self, train=train, test=test, order=order_of(train.photos, self.recipe))

    def parts(self, rank: int, world: int, micro: int | None = None) -> DetectBatches:
        micro = self.recipe.train.micro if micro is None else micro
        return DetectBatches(self.train, self.recipe.model, self.order, micro, rank, world)


def _other_categories(folder: Path, train: Coco, test: Coco) -> Failure:
    """The refusal of splits whose categories differ, with those that one of them alone has."""
    alone = [
        f"{name} ({split} only)"
        for split, own, other in (("training", train, test), ("test", test, train))
        for name in own.classes
        if name not in other.classes
    ]
    said = ", ".join(alone[:4]) + (", …" if len(alone) > 4 else "")
    return Failure(
        f"{folder}: the categories of the training and the test photos differ: {said or 'in their order'}",
        "write the same categories into both files, in one order of ids; a category may be of no object",
    )


def open_annotated(folder: Path, recipe: TransferRecipe, labels: Labels | None, bert: Path | None) -> Annotated:
    """The data of a folder in COCO's form."""
    train, test = (read(folder, split) for split in (recipe.model.train_split, recipe.model.test_split))
    if train.classes != test.classes:
        raise _other_categories(folder, train, test)
    photos = tuple(photo for photo in train.photos if any(not thing.crowd for thing in photo.things))
    if not photos:
        raise Failure(f"{folder}: no photo of {recipe.model.train_split} has an object")
    order = order_of(photos, recipe)
    return Annotated(attrs.evolve(train, photos=photos), test, len(train.photos) - len(photos), recipe, order)


def order_of(photos: Sequence[Photo], recipe: TransferRecipe) -> EpochSampler:
    """The order of photos in training: upright and lying ones in batches of their own."""
    kinds = np.array([photo.width > photo.height for photo in photos], dtype=np.int64)
    return EpochSampler(len(photos), recipe.train.batch, recipe.train.seed, kinds)


def build(network: Network, recipe: TransferRecipe, labels: Labels, bert: Path | None) -> Detector:
    """The detector over a network."""
    backbone = Backbone(network, recipe.train)
    return Detector(backbone, recipe.model, len(labels["classes"]))


def measure_test(
    model: Detector,
    data: Annotated,
    recipe: TransferRecipe,
    world: World,
    workers: int,
    show: Show,
    multi: bool,
    skip: Skip,
) -> Figures:
    return measure(model, data.test, recipe.model, world, workers, show, skip)


def predict(
    model: Detector, recipe: TransferRecipe, labels: Labels, image: Image.Image, question: str, device: torch.device
) -> tuple[Image.Image, str]:
    """A photo with what is on it: masks, boxes, names and scores; and the same in words."""
    seen = planes(resized(image, recipe.model.test, recipe.model.longest)).to(device)
    with precision(device):
        (detections,) = model.find([seen], [(image.height, image.width)])
    sure = int((detections.scores >= SURE).sum())
    numbers = (detections.labels[:sure] - 1).tolist()
    masks = detections.masks[:sure].cpu().numpy()
    drawn = image
    for number, mask in reversed(list(zip(numbers, masks, strict=True))):
        drawn = laid_over(drawn, np.where(mask, number, -1), [number], 0.5)
    drawn = drawn.copy()
    names = labels["classes"]
    boxes, scores = detections.boxes[:sure].tolist(), detections.scores[:sure].tolist()
    for number, box in zip(numbers, boxes, strict=True):
        ImageDraw.Draw(drawn).rectangle(box, outline=colour(number), width=max(2, min(image.size) // 200))
    for number, box, score in reversed(list(zip(numbers, boxes, scores, strict=True))):
        tag(drawn, (box[0], box[1]), f"{names[number]} {score:.0%}", number)
    said = [f"{names[number]} {score:.0%}" for number, score in zip(numbers, scores, strict=True)]
    best = f"; the surest is {detections.scores[0]:.0%}" if len(detections.scores) else ""
    return drawn, ", ".join(said) or f"nothing that is at least {SURE:.0%} sure{best}"


def rehearse(model: Detector, recipe: TransferRecipe, images: int, device: torch.device) -> None:
    """The backbone and the pyramid of the largest photos, the proposals' head, other heads at full samples."""
    shorter, longest = max(recipe.model.shorter), recipe.model.longest
    wide = -(-min(longest, round(4 / 3 * shorter)) // MULTIPLE) * MULTIPLE  # most photos are 4 by 3
    high = -(-shorter // MULTIPLE) * MULTIPLE
    maps = model.maps(torch.empty(images, 3, high, wide, device=device))
    model.proposals.head(maps)
    laid_out(maps, model.pyramid.strides)
    channels, samples = recipe.model.channels, images * recipe.model.samples
    for stage in model.cascade.stages:
        stage(torch.empty(samples, channels, BOX, BOX, device=device, requires_grad=True))
    model.mask_head(torch.empty(samples // 4, channels, MASK, MASK, device=device, requires_grad=True))


DETECT = Task("detect", LOSSES, open_annotated, build, measure_test, predict, rehearse)
