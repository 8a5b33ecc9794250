"""Photos as a network sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spacelang.architecture import Frame
from spacelang_runtime.data.decode import ANY_SIDE, NAMED, SUFFIXES, Broken, decode
from spacelang_runtime.data.frame import framed, planes
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing


def photo(path: Path, frame: Frame, preprocessing: Preprocessing) -> np.ndarray:
    """The square of a photo that networks of this frame are scored on: uint8 [side, side, 3]. Raises `Failure`
    where the file is no image that can be read."""
    if not path.exists():
        raise Failure(f"there is no image {path}", "name a photo")
    try:
        return np.asarray(framed(decode(path, ANY_SIDE), frame.image, preprocessing))
    except Broken as error:
        raise Failure(f"{path} is no image that can be read: {error.reason}", f"name a {NAMED} file") from None


def read(pictures: list[np.ndarray], frame: Frame, preprocessing: Preprocessing) -> Tensor:
    """Squares of photos as a network reads them: [b, channels, side, side]."""
    images = np.stack([planes(Image.fromarray(picture), frame.channels) for picture in pictures])
    return normalise(torch.from_numpy(images), preprocessing)


def batches(
    folder: Path, frame: Frame, preprocessing: Preprocessing, count: int, batch: int = 8
) -> Iterator[Tensor]:
    """The first `count` images of a folder and of those in it, evenly spread over their sorted paths. Raises
    `Failure` where there are none."""
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}", "name a folder of images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise Failure(f"there are no images in {folder}", f"name a folder with {', '.join(SUFFIXES)} files")
    taken = paths[:: max(1, len(paths) // count)][:count]
    for start in range(0, len(taken), batch):
        pictures = [photo(path, frame, preprocessing) for path in taken[start : start + batch]]
        yield read(pictures, frame, preprocessing)
