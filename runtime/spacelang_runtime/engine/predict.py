"""What a network takes photos for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor, nn

from spacelang_runtime.data.decode import ANY_SIDE, Broken, decode
from spacelang_runtime.data.far import Far, far
from spacelang_runtime.data.frame import Framing
from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.failure import Failure

BATCH = 32


@frozen(eq=False)
class FramedPhoto:
    """A photo, framed as networks are scored: uint8 [channels, side, side]. far: how it is unlike what they see."""

    view: NDArray[np.uint8]
    far: tuple[Far, ...]


@frozen(eq=False)
class PhotoPrediction:
    """What a network tells of a photo. probabilities: float32 [classes], which add up to 1. far: see
    `FramedPhoto`."""

    probabilities: Tensor
    far: tuple[Far, ...]


@frozen
class PhotoReader:
    """A photo by its number, or why it cannot be read."""

    photos: Sequence[Path]
    framing: Framing

    def __call__(self, number: int) -> FramedPhoto | str:
        try:
            picture = decode(self.photos[number], ANY_SIDE)
            return FramedPhoto(self.framing(picture), far(picture, self.framing))
        except Broken as broken:
            return broken.reason


def probabilities(
    model: nn.Module,
    photos: Sequence[Path],
    framing: Framing,
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
    workers: int,
) -> Iterator[PhotoPrediction | str]:
    """The probability that a network gives each class, for each photo in their order; of one that cannot be read,
    why.

    framing, normalise: as the network's images are prepared. workers: processes that
    decode; few photos take none. The model is left in evaluation mode. Raises `Failure` where it answers with NaN.
    """
    model.eval()
    few = min(workers, len(photos) // BATCH)
    with closing(worked(PhotoReader(photos, framing), range(len(photos)), few, ahead=2 * BATCH)) as views:
        while part := list(islice(views, BATCH)):
            readable = [one.view for one in part if isinstance(one, FramedPhoto)]
            told = iter(_asked(model, readable, normalise, device))
            for one in part:
                yield PhotoPrediction(next(told), one.far) if isinstance(one, FramedPhoto) else one


def _asked(
    model: nn.Module,
    views: Sequence[NDArray[np.uint8]],
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
) -> Tensor:
    if not views:
        return torch.empty(0)
    images = normalise(torch.from_numpy(np.stack(views)).to(device))
    with torch.inference_mode(), precision(device):
        probabilities: Tensor = model(images).float().softmax(-1).cpu()
    if probabilities.isnan().any():
        raise Failure("the network answers with NaN, which is no number", "its weights are damaged: take it again")
    return probabilities
