"""Bytes to the numbers that a network reads."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# Mean and standard deviation of ImageNet's training images, red, green and blue, on a scale from 0 to 1: what the
# published vision transformers use. A grey input takes their averages.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@cache
def moments(channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation in bytes (0 to 255), each [channels, 1, 1], for 3 channels or 1."""
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    if channels == 1:
        mean, std = mean.mean(0, keepdim=True), std.mean(0, keepdim=True)
    return (255 * mean).view(-1, 1, 1).to(device), (255 * std).view(-1, 1, 1).to(device)


def normalise(images: Tensor) -> Tensor:
    """Images as a network reads them: ImageNet's mean taken off, divided by its standard deviation.

    images: uint8 [batch, 3 or 1, side, side], on any device. Gives float32 of the same shape, there.
    """
    mean, std = moments(images.shape[1], images.device)
    return images.to(torch.float32).sub_(mean).div_(std)
