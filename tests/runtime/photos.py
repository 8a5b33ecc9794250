"""Pictures like photos, drawn from a seed: smooth at all scales, with edges and grain, in several formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SMALLEST, LARGEST = 32, 800  # pixels of a side


def drawn(chance: np.random.Generator, width: int, height: int) -> Image.Image:
    """Noise of every scale, the stronger the coarser, behind shapes with hard edges, under a little grain."""
    light = np.zeros((height, width, 3))
    cells = 2
    while cells < max(width, height):
        coarse = chance.normal(size=(cells, cells, 3)) + chance.normal(size=(cells, cells, 1))
        channels = [
            Image.fromarray(coarse[:, :, channel].astype(np.float32)).resize((width, height), 3)
            for channel in range(3)
        ]
        light += np.stack(channels, -1) / cells**0.8
        cells *= 2
    light = 128 + 70 * chance.uniform(0.3, 1) * light + chance.uniform(-60, 60, 3)
    picture = Image.fromarray(light.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(chance.integers(0, 6)):
        (x1, x2), (y1, y2) = (np.sort(chance.uniform(0, length, 2)).tolist() for length in (width, height))
        colour = tuple(chance.integers(0, 256, 3).tolist())
        match chance.integers(3):
            case 0:
                pen.ellipse((x1, y1, x2, y2), fill=colour)
            case 1:
                pen.rectangle((x1, y1, x2, y2), fill=colour)
            case _:
                pen.line((x1, y1, x2, y2), fill=colour, width=int(chance.integers(1, 9)))
    grain = np.asarray(picture) + chance.normal(0, chance.uniform(0, 6), (height, width, 1))
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


def photos(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """So many RGB photos without orientation tags, of 32 to 800 pixels a side, three of four of them JPEGs."""
    folder.mkdir(parents=True)
    chance, paths = np.random.default_rng(seed), []
    for number in range(count):
        long = np.exp(chance.uniform(np.log(SMALLEST), np.log(LARGEST)))
        short = max(SMALLEST, long * chance.uniform(0.4, 1))
        sides = round(long), round(short)
        width, height = sides if chance.random() < 0.5 else sides[::-1]
        picture = drawn(chance, width, height)
        if number % 4:
            words = {"quality": int(chance.integers(60, 98)), "subsampling": int(chance.integers(3))}
            paths.append(folder / f"{number:04d}.jpg")
            picture.save(paths[-1], progressive=bool(chance.integers(2)), **words)
        else:
            paths.append(folder / f"{number:04d}.png")
            picture.save(paths[-1], compress_level=1)
    return paths
