"""Networks and data so small that a transfer takes a second: coloured rectangles, found, segmented and asked
about."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import AWKWARD, draw, stirred
from PIL import Image

from spacelang.lower.lowered import lower
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.recipe_text import structured
from spacelang_runtime.tasks.transfer.objective import TransferSetup
from spacelang_runtime.tasks.transfer.setup import TransferRequest, new, opened

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
WIDE, HIGH = 64, 48
TRAIN = {"batch": 4, "learning_rate": 0.001, "iterations": 4, "seed": 3}
RECIPES: dict[str, dict[str, Any]] = {
    "detect": {
        "shorter": [40, 48],
        "longest": 72,
        "test": 48,
        "channels": 8,
        "hidden": 16,
        "samples": 32,
        "train_split": "train",
        "test_split": "test",
    },
    "segment": {
        "crop": 32,
        "resize": 0,
        "test": 0,
        "channels": 8,
        "auxiliary": 4,
        "void": [9],
        "multi": [0.5, 1.0],
    },
    "vqa": {
        "image": 32,
        "words": 12,
        "layers": 1,
        "width": 16,
        "heads": 2,
        "dropout": 0.0,
        "answers": 1,
        "sight": "both",
    },
}


def recipe(task: str, train: dict[str, Any] | None = None, **own: Any) -> TransferRecipe:
    """A small recipe, with some lines replaced."""
    return structured(
        {"task": task, "train": TRAIN | (train or {}), task: RECIPES[task] | own}, "tiny", "tiny.toml"
    )


def network(family: str = "pyramid", seed: int = 4) -> Network:
    """A small network of a family of `AWKWARD`, with weights that all matter."""
    torch.manual_seed(seed)
    lowered = lower(AWKWARD[family])
    return stirred(Network(draw(lowered, random.Random(seed))))


def scene(seed: int) -> tuple[Image.Image, list[tuple[int, tuple[int, int, int, int]]]]:
    """A grey picture with rectangles of two colours: (number of the colour, left, top, right, bottom) each."""
    chance = random.Random(seed)
    picture = np.full((HIGH, WIDE, 3), 128, dtype=np.uint8)
    things = []
    for half, number in enumerate(chance.sample(range(3), 2)):
        left, top = chance.randint(2, 8) + half * WIDE // 2, chance.randint(2, 12)
        right, bottom = left + chance.randint(12, 20), top + chance.randint(16, 30)
        picture[top:bottom, left:right] = list(COLOURS.values())[number]
        things.append((number, (left, top, right, bottom)))
    return Image.fromarray(picture), things


def coco(folder: Path, photos: int = 6) -> Path:
    """COCO's layout: a rectangle's mask is a polygon, run lengths, or compressed run lengths, in turn; the last
    photo has a crowd."""
    from pycocotools import mask as rle

    (folder / "annotations").mkdir(parents=True)
    for split in ("train", "test"):
        (folder / split).mkdir()
        images, annotations = [], []
        for number in range(photos):
            picture, things = scene(number)
            name = f"{number:012d}.png"
            picture.save(folder / split / name)
            images.append({"id": number, "file_name": name, "width": WIDE, "height": HIGH})
            for place, (category, (left, top, right, bottom)) in enumerate(things):
                filled = np.zeros((HIGH, WIDE), dtype=np.uint8, order="F")
                filled[top:bottom, left:right] = 1
                compressed = rle.encode(filled)
                crowd = number == photos - 1 and place == 1
                kind = 2 if crowd else (number + place) % 3
                segmentation = [
                    [[left, top, right, top, right, bottom, left, bottom]],
                    {"size": compressed["size"], "counts": compressed["counts"].decode()},
                    {"size": [HIGH, WIDE], "counts": run_lengths(filled)},
                ][kind]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": 10 * (category + 1),
                        "bbox": [left, top, right - left, bottom - top],
                        "area": (right - left) * (bottom - top),
                        "iscrowd": int(crowd),
                        "segmentation": segmentation,
                    }
                )
        categories = [{"id": 10 * (n + 1), "name": name} for n, name in enumerate(COLOURS)]
        record = {"images": images, "annotations": annotations, "categories": categories}
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(record))
    return folder


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths of a mask: down the columns, zeros first."""
    flat = mask.flatten(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *ends, len(flat)]).tolist()
    return [0, *lengths] if flat[0] else lengths


def masks(folder: Path, pairs: int = 6) -> Path:
    """images/{train,test} + masks/{train,test}: grey is 0, colours 1 to 3, the last row void (9)."""
    for split in ("train", "test"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "masks" / split).mkdir(parents=True)
        for number in range(pairs):
            picture, things = scene(number)
            mask = np.zeros((HIGH, WIDE), dtype=np.uint8)
            for colour, (left, top, right, bottom) in things:
                mask[top:bottom, left:right] = colour + 1
            mask[-1] = 9
            picture.save(folder / "images" / split / f"{number}.png")
            Image.fromarray(mask).save(folder / "masks" / split / f"{number}.png")
    return folder


def questions(folder: Path, images: int = 6) -> Path:
    """Tables of questions: three for each image."""
    (folder / "images").mkdir(parents=True)
    for split, first in (("train", 0), ("test", images)):
        rows = []
        for number in range(first, first + images):
            picture, things = scene(number)
            picture.save(folder / "images" / f"{number}.png")
            names = [list(COLOURS)[colour] for colour, _ in things]
            rows.append(("what is on the left?", names[0], number))
            rows.append(("what is on the right?", names[1], number))
            rows.append(("is there red?", "yes" if "red" in names else "no", number))
        with open(folder / f"{split}.csv", "w", newline="") as file:
            csv.writer(file).writerows([("question", "answer", "image_id"), *rows])
    return folder


MAKE = {"detect": coco, "segment": masks, "vqa": questions}


def new_transfer(folder: Path, task: str, settings: dict[str, Any] | None = None) -> TransferSetup:
    """A transfer of a small network in a folder, with all that it is made from."""
    data = folder / "data" / task
    if not data.exists():
        MAKE[task](data)
    save(network("column"), folder / "column", {})
    request = TransferRequest(recipe(task, settings), folder / "column", data)
    alone = World(0, 1, torch.device("cpu"))
    return new(opened(request, alone, 0), folder / "runs", alone, 0)
