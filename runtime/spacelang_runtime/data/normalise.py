"""Bytes to the numbers that a network reads."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from spacelang_runtime.preprocessing import Preprocessing

USUAL = Preprocessing()


@cache
def moments(channels: int, device: torch.device, preprocessing: Preprocessing = USUAL) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation in bytes (0 to 255), each [channels, 1, 1], for 3 channels or 1."""
    mean, std = (torch.tensor(values) for values in preprocessing.moments(channels))
    return (255 * mean).view(-1, 1, 1).to(device), (255 * std).view(-1, 1, 1).to(device)


def normalise(images: Tensor, preprocessing: Preprocessing = USUAL) -> Tensor:
    """Images as a network reads them: the mean taken off, divided by the standard deviation (ImageNet's, unless
    another preprocessing is meant).

    images: uint8 [batch, 3 or 1, side, side], on any device. Gives float32 of the same shape, there.
    """
    mean, std = moments(images.shape[1], images.device, preprocessing)
    return images.to(torch.float32).sub_(mean).div_(std)
