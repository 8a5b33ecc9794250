"""Photos as a detector reads them: resized, mirrored, padded to one size, with boxes and masks that follow."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from attrs import frozen
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from spacelang_runtime.engine.objective import in_parts
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import MEAN
from spacelang_runtime.tasks.detect.coco import Coco, Photo, Thing
from spacelang_runtime.tasks.detect.crop import FINE, crop
from spacelang_runtime.tasks.files import picture
from spacelang_runtime.tasks.recipe import Detect
from spacelang_runtime.tasks.replaced import Taken, replaced
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.unread import tried

MULTIPLE = 32  # pixels: sides of a batch


class Targets(NamedTuple):
    """What is on a photo, or with one more axis before the others on each of a batch, filled up with empty boxes,
    labels 0 and empty masks. boxes: [n, 4] left, top, right, bottom in pixels. labels: [n], from 1. masks: uint8
    [n, FINE, FINE] of 0 and 1, what of an object's box is the object. crowds: [m, 4], boxes of regions of many."""

    boxes: Tensor
    labels: Tensor
    masks: Tensor
    crowds: Tensor


class Photos(NamedTuple):
    """A batch. images: uint8 [B, 3, H, W], the photos in the upper left. sizes: height and width of each, [B,
    2]."""

    images: Tensor
    sizes: Tensor
    targets: Targets

    @property
    def size(self) -> int:
        return len(self.images)


@frozen
class DetectBatches:
    """The training batches of a rank by step, in parts of at most `micro` photos."""

    coco: Coco
    recipe: Detect
    order: EpochSampler
    micro: int
    rank: int
    world: int

    def __call__(self, step: int) -> Taken:
        chosen, broken = list(self.order.of(step, self.rank, self.world)), list[str]()
        samples = [
            [
                replaced(lambda item, seed=seed: self.sample(item, seed), index, self.order.items, broken)
                for index, seed in part
            ]
            for part in in_parts(chosen, self.micro)
        ]
        return Taken([batched(part) for part in samples], broken)

    def sample(self, index: int, seed: int) -> tuple[Tensor, Targets]:
        """A photo at a random size, mirrored or not."""
        chance = random.Random(seed)
        photo = self.coco.photos[index]
        shorter = chance.choice(self.recipe.shorter)
        return sample(photo, shorter, self.recipe.longest, chance.random() < self.recipe.flip)


@frozen
class DetectTests:
    """Test photos by their place, resized, alone."""

    photos: Sequence[Photo]
    recipe: Detect

    def __call__(self, index: int) -> Taken:
        return tried(self.one, index)

    def one(self, index: int) -> tuple[int, Tensor]:
        """A photo's place and the photo."""
        photo = self.photos[index]
        return index, planes(resized(opened(photo), self.recipe.test, self.recipe.longest))


def sample(photo: Photo, shorter: int, longest: int, mirrored: bool) -> tuple[Tensor, Targets]:
    """A photo with its objects, its shorter side `shorter` (less where the longer would exceed `longest`)."""
    image = resized(opened(photo), shorter, longest)
    wide, high = image.size
    scale = (wide / photo.width, high / photo.height)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    things = [thing for thing in photo.things if not thing.crowd]
    masks = [crop(thing, photo, mirrored) for thing in things]
    return planes(image), Targets(
        boxes=boxes_of(things, scale, wide if mirrored else None),
        labels=torch.tensor([thing.label for thing in things], dtype=torch.int64),
        masks=torch.from_numpy(np.stack(masks) if masks else np.zeros((0, FINE, FINE), np.uint8)),
        crowds=boxes_of([t for t in photo.things if t.crowd], scale, wide if mirrored else None),
    )


def boxes_of(things: Sequence[Thing], scale: tuple[float, float], mirror: int | None) -> Tensor:
    """The boxes of objects on the resized photo, [n, 4]; mirror: its width where it is mirrored."""
    boxes = torch.tensor([thing.box for thing in things], dtype=torch.float32).reshape(-1, 4)
    boxes = boxes * torch.tensor([*scale, *scale])
    if mirror is not None:
        left, top, right, bottom = boxes.unbind(1)
        boxes = torch.stack([mirror - right, top, mirror - left, bottom], 1)
    return boxes


def opened(photo: Photo) -> Image.Image:
    """The picture of a photo. Raises `Failure` where it has not the size that its annotation says."""
    image = picture(photo.path, (photo.width, photo.height))
    if image.size != (photo.width, photo.height):
        size, said = "×".join(map(str, image.size)), f"{photo.width}×{photo.height}"
        raise Failure(f"{photo.path} (image {photo.id}) is {size} pixels, and its annotation says {said}")
    return image


def resized(image: Image.Image, shorter: int, longest: int) -> Image.Image:
    """A picture with its shorter side `shorter`, or less where the longer would exceed `longest`."""
    scale = min(shorter / min(image.size), longest / max(image.size))
    wide, high = (max(1, round(side * scale)) for side in image.size)
    return image if (wide, high) == image.size else image.resize((wide, high), Image.Resampling.BILINEAR)


def planes(image: Image.Image) -> Tensor:
    """A picture as uint8 [3, height, width]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def padded(images: Sequence[Tensor]) -> Tensor:
    """Pictures of several sizes as one batch, filled below and to the right with ImageNet's mean colour, which the
    network reads as zero."""
    high, wide = (-(-max(image.shape[axis] for image in images) // MULTIPLE) * MULTIPLE for axis in (1, 2))
    batch = images[0].new_empty(len(images), 3, high, wide)
    for channel, mean in enumerate(MEAN):
        batch[:, channel] = round(255 * mean)
    for place, image in enumerate(images):
        batch[place, :, : image.shape[1], : image.shape[2]] = image
    return batch


def batched(samples: Sequence[tuple[Tensor, Targets]]) -> Photos:
    """DetectBatches of several sizes as one batch."""
    images = [image for image, _ in samples]
    sizes = torch.tensor([[image.shape[1], image.shape[2]] for image in images])
    targets = Targets(
        *(pad_sequence(list(part), batch_first=True) for part in zip(*(t for _, t in samples), strict=True))
    )
    return Photos(padded(images), sizes, targets)
