"""Small folders of images for the tests of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from spacelang.architecture import Frame
from spacelang.recipe import Train
from spacelang_runtime.data import Dataset, open_dataset

PLAIN = {"mixup": 0, "cutmix": 0, "rand_augment": 0, "erasing": 0, "flip": 0, "crop": 1, "label_smoothing": 0}


def write_image(path: Path, seed: int, size: tuple[int, int] = (20, 16)) -> None:
    """A picture of noise that tells its seed: no two seeds give the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def image_folder(
    root: Path,
    train: int = 10,
    val: int = 4,
    classes: tuple[str, ...] = ("ant", "bee", "cat"),
    size: tuple[int, int] = (20, 16),
) -> Path:
    """`train` and `val` images of each class, in lossless PNG."""
    for split, count in (("train", train), ("val", val)):
        for label, name in enumerate(classes):
            for number in range(count):
                seed = 10_000 * (split == "val") + 100 * label + number
                write_image(root / split / name / f"{number:03d}.png", seed, size)
    return root


def frame(image: int = 16, channels: int = 3) -> Frame:
    return Frame(image, 4, channels, 1000, ("absolute",), "none", "mean", False)


def opened(
    where: Path | str,
    workers: int = 0,
    said: list[str] | None = None,
    image: int = 16,
    channels: int = 3,
    **recipe: object,
) -> Dataset:
    """The data for a recipe of batch 8 and these words."""
    say = (lambda line: None) if said is None else said.append
    return open_dataset(str(where), frame(image, channels), Train(**{"batch": 8, **recipe}), workers, say)
