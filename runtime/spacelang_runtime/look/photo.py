"""Photos as a network sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spacelang.architecture import Frame
from spacelang_runtime.data.decode import ANY_SIDE, Broken, decode
from spacelang_runtime.data.frame import framed
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.failure import Failure

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def photo(path: Path, frame: Frame) -> np.ndarray:
    """The square of a photo that networks of this frame look at: uint8 [side, side, 3]. Raises `Failure` where the
    file is no image that can be read."""
    if not path.exists():
        raise Failure(f"there is no image {path}", "name a photo")
    try:
        return np.asarray(framed(decode(path, ANY_SIDE), frame.image))
    except Broken as error:
        raise Failure(
            f"{path} is no image that can be read: {error.reason}", "name a JPEG, PNG or WebP file"
        ) from None


def read(pictures: list[np.ndarray], frame: Frame) -> Tensor:
    """Squares of photos as a network reads them: [b, channels, side, side]."""
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    if frame.channels == 1:
        images = images.float().mean(1, keepdim=True).to(torch.uint8)
    return normalise(images)


def batches(folder: Path, frame: Frame, count: int, batch: int = 8) -> Iterator[Tensor]:
    """The first `count` images of a folder and of those in it, evenly spread over their sorted paths. Raises
    `Failure` where there are none."""
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}", "name a folder of images")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise Failure(f"there are no images in {folder}", f"name a folder with {', '.join(SUFFIXES)} files")
    taken = found[:: max(1, len(found) // count)][:count]
    for start in range(0, len(taken), batch):
        yield read([photo(path, frame) for path in taken[start : start + batch]], frame)
