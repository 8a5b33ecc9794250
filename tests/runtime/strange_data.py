"""Data as people have it that other tools broke on: `python strange_data.py CASE FOLDER` writes one of the cases.

Each is small, made here, and named after what is strange about it; the report that it follows is in its docstring.
What happens to each is told in docs/decisions/strange-data.md.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from image_folder import image_folder
from PIL import Image
from tiny_transfer import coco, masks, questions

Case = Callable[[Path], Path]


def class_of_two_pictures_a_file(folder: Path) -> Path:
    """MPO: cameras and drones write two pictures into a file called .JPG (ultralytics/yolov5 #2446)."""
    image_folder(folder)
    for number in range(4):
        first, second = (Image.new("RGB", (20, 16), colour) for colour in ("red", "blue"))
        first.save(folder / f"train/ant/DJI_{number}.JPG", format="MPO", save_all=True, append_images=[second])
    return folder


def class_of_jpegs_that_end_early(folder: Path) -> Path:
    """Downloads that were cut off: "premature end of JPEG" (ultralytics/yolov5 #916)."""
    image_folder(folder)
    chance = np.random.default_rng(0)
    for number in range(3):
        path = folder / f"train/bee/{number:03d}.jpg"
        Image.fromarray(chance.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
    return folder


def class_beside_checkpoints_of_a_notebook(folder: Path) -> Path:
    """A notebook leaves .ipynb_checkpoints among the classes, with pictures in it (pytorch/vision #2831)."""
    image_folder(folder)
    for part in ("train", "val"):
        inside = folder / part / ".ipynb_checkpoints"
        inside.mkdir()
        (folder / part / "ant/000.png").rename(inside / "000-checkpoint.png")
    return folder


def class_of_pictures_a_pixel_high(folder: Path) -> Path:
    """Crops of a line's height: resized until the shorter side fits, they are a million pixels wide."""
    image_folder(folder)
    for part in ("train", "val"):
        for number in range(3):
            Image.new("RGB", (6000, 1), (number, 200, 9)).save(folder / part / f"cat/line_{number}.png")
    return folder


def _with_annotations(folder: Path, change: Callable[[dict[str, Any], str], None]) -> Path:
    coco(folder)
    for split in ("train", "test"):
        path = folder / "annotations" / f"instances_{split}.json"
        record = json.loads(path.read_text())
        change(record, split)
        path.write_text(json.dumps(record))
    return folder


def coco_with_boxes_beyond_the_photo(folder: Path) -> Path:
    """Boxes that begin left of or above the photo, and end beyond it (open-mmlab/mmdetection #5385)."""

    def change(record: dict[str, Any], split: str) -> None:
        for number, one in enumerate(record["annotations"]):
            left, top, width, height = one["bbox"]
            one["bbox"] = [-9, -7, left + width + 9, top + height + 7] if number % 2 else [left, top, 500, 400]

    return _with_annotations(folder, change)


def coco_with_boxes_alone(folder: Path) -> Path:
    """Box annotation tools leave the segmentation empty: "filtered out 3677 instances" (detectron2 #1531)."""

    def change(record: dict[str, Any], split: str) -> None:
        for one in record["annotations"]:
            one["segmentation"] = []

    return _with_annotations(folder, change)


def coco_with_paths_of_another_machine(folder: Path) -> Path:
    """`file_name` is a path of the machine that it was written on (open-mmlab/mmdetection #1020)."""

    def change(record: dict[str, Any], split: str) -> None:
        for one in record["images"]:
            one["file_name"] = f"D:\\data\\{split}\\{one['file_name']}"

    return _with_annotations(folder, change)


def coco_with_more_categories_in_the_test(folder: Path) -> Path:
    """The test file has a category that the training file has not (detectron2 #1531, #5335)."""

    def change(record: dict[str, Any], split: str) -> None:
        if split == "test":
            record["categories"].append({"id": 34, "name": "violet"})

    return _with_annotations(folder, change)


def masks_smoothed_at_their_borders(folder: Path) -> Path:
    """Masks resized like photos have numbers between those of their classes (NVIDIA/DALI #5507, comma10k #891)."""
    masks(folder)
    for path in folder.glob("masks/*/*.png"):
        grey = np.asarray(Image.open(path)).clip(max=3) * 60
        large = Image.fromarray(grey.astype(np.uint8)).resize((128, 96), Image.Resampling.BILINEAR)
        large.resize((64, 48), Image.Resampling.BICUBIC).save(path)
    return folder


def masks_in_colours(folder: Path) -> Path:
    """Classes as colours of an RGB picture (open-mmlab/mmsegmentation #2197, of palettes)."""
    masks(folder)
    colours = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], dtype=np.uint8)
    for path in folder.glob("masks/*/*.png"):
        Image.fromarray(colours[np.asarray(Image.open(path)).clip(max=3)]).save(path)
    return folder


def masks_that_count_from_one(folder: Path) -> Path:
    """No pixel has 0: the last class is not there, or the first (open-mmlab/mmsegmentation #2245)."""
    masks(folder)
    for path in folder.glob("masks/*/*.png"):
        numbers = np.asarray(Image.open(path))
        Image.fromarray((numbers.clip(max=3) + 1).astype(np.uint8)).save(path)
    return folder


def masks_called_otherwise(folder: Path) -> Path:
    """A mask is called NAME_mask.png, as many tools export it (milesial/Pytorch-UNet asks for that by default)."""
    masks(folder)
    for path in folder.glob("masks/*/*.png"):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    return folder


def _table(folder: Path, change: Callable[[list[list[str]]], list[list[str]]], **how: Any) -> Path:
    questions(folder)
    for part in ("train", "test"):
        path = folder / f"{part}.csv"
        with open(path, newline="") as file:
            head, *rows = csv.reader(file)
        with open(path, "w", newline="") as file:
            csv.writer(file, **how).writerows([head, *change(rows)])
    return folder


def questions_answered_by_none(folder: Path) -> Path:
    """ "None" and "NA" are answers, which readers of tables take for nothing (open-compass/VLMEvalKit #1559)."""
    return _table(folder, lambda rows: [[r[0], {"yes": "None", "no": "NA"}.get(r[1], r[1]), r[2]] for r in rows])


def questions_with_numbers_of_images_as_fractions(folder: Path) -> Path:
    """A table that went through pandas with a gap in it: image 12 is written 12.0."""
    return _table(folder, lambda rows: [[text, answer, f"{image}.0"] for text, answer, image in rows])


def questions_between_semicolons(folder: Path) -> Path:
    """A table as a spreadsheet saves it where the comma is the decimal sign."""
    return _table(folder, lambda rows: rows, delimiter=";")


def questions_with_an_answer_left_out(folder: Path) -> Path:
    """A row without an answer among many (deepset-ai/haystack #287, of answers that were not given)."""
    return _table(folder, lambda rows: [[*rows[0][:1], "", rows[0][2]], *rows[1:]])


FAMILIES: dict[str, tuple[Case, ...]] = {
    "class": (
        class_of_two_pictures_a_file,
        class_of_jpegs_that_end_early,
        class_beside_checkpoints_of_a_notebook,
        class_of_pictures_a_pixel_high,
    ),
    "detect": (
        coco_with_boxes_beyond_the_photo,
        coco_with_boxes_alone,
        coco_with_paths_of_another_machine,
        coco_with_more_categories_in_the_test,
    ),
    "segment": (
        masks_smoothed_at_their_borders,
        masks_in_colours,
        masks_that_count_from_one,
        masks_called_otherwise,
    ),
    "vqa": (
        questions_answered_by_none,
        questions_with_numbers_of_images_as_fractions,
        questions_between_semicolons,
        questions_with_an_answer_left_out,
    ),
}
CASES = {case.__name__: case for cases in FAMILIES.values() for case in cases}


if __name__ == "__main__":
    CASES[sys.argv[1]](Path(sys.argv[2]))
