"""Data that other tools broke on (`strange_data`): what is read is what is there, and what is not is said."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from strange_data import CASES, FAMILIES
from tiny_transfer import RECIPES, TRAIN, network, recipe

from spacelang_runtime.data.decode import ANY_SIDE, decode
from spacelang_runtime.data.frame import framed
from spacelang_runtime.nn.saved import save
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.detect.coco import read as read_coco
from spacelang_runtime.tasks.vqa.questions import read as read_questions
from spacelang_runtime.tasks.vqa.task import open_questioned

DIGITS = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
FAMILY = {case.__name__: family for family, cases in FAMILIES.items() for case in cases}


@pytest.fixture
def told(spacelang: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a dry run of the command line says of a case; and with which code it ends, as its first word."""
    monkeypatch.chdir(tmp_path)
    save(network(), tmp_path / "model", {})

    def told_of(case: str) -> str:
        family = FAMILY[case]
        CASES[case](tmp_path / "data")
        words = ("train", DIGITS, "--set", "batch=8")
        if family != "class":
            lines = {"train": TRAIN, family: RECIPES[family]}
            text = [f'task = "{family}"']
            for part, values in lines.items():
                text += [f"[{part}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
            Path("own.toml").write_text("\n".join(text))
            words = ("transfer", family, "model", "--recipe", "own.toml")
        said = spacelang(*words, "--data", "data", "--dry-run", "--workers", "0", "--device", "cpu")
        assert "Traceback" not in said.err
        return f"{said.code} {said.out}{said.err}"

    return told_of


SAID = {
    "class_of_two_pictures_a_file": "0 ",
    "class_of_jpegs_that_end_early": r"broken images \(3\): data/train/bee/00\d\.jpg: image file is truncated",
    "class_beside_checkpoints_of_a_notebook": r"data: 3 classes: ant, bee, cat\n",
    "class_of_pictures_a_pixel_high": "0 ",
    "coco_with_boxes_beyond_the_photo": r"odd annotations of the test photos \(12\): annotation 1 has a part of "
    r"bbox \[\d+, \d+, 500, 400\] beyond its photo of 64×48",
    "coco_with_boxes_alone": r"annotation 1 has no segmentation \(polygons or RLE\), and most others are as odd",
    "coco_with_paths_of_another_machine": r"file_name 'D:\\\\data\\\\train\\\\0+\.png', and not a name inside its "
    r"folder\n  help: write names as they are in data/train",
    "coco_with_more_categories_in_the_test": r"test photos differ: violet \(test only\)",
    "masks_smoothed_at_their_borders": r"were the masks smoothed when they were resized\?\n  help: resize masks",
    "masks_in_colours": r"is a picture of mode RGB\n  help: masks are grey or palette pictures of class numbers",
    "masks_that_count_from_one": r"5 classes: class 0, class 1, .*\n.*no pixel of the training masks: class 0",
    "masks_called_otherwise": r"0\.png has no mask \(and 5 more\)\n.*0\.png; 0_mask\.png is the mask",
    "questions_answered_by_none": "0 ",
    "questions_with_numbers_of_images_as_fractions": "train: 18 questions about 6 images",
    "questions_between_semicolons": "train: 18 questions about 6 images",
    "questions_with_an_answer_left_out": r"lines of train\.csv where the question, its answer or its image is "
    r"missing \(1; first: line 2\)",
}
REFUSED = {
    "coco_with_boxes_alone",
    "coco_with_paths_of_another_machine",
    "coco_with_more_categories_in_the_test",
    "masks_smoothed_at_their_borders",
    "masks_in_colours",
    "masks_called_otherwise",
}


@pytest.mark.parametrize("case", SAID)
def test_strange_data_is_read_as_it_is_or_refused_with_a_remedy(case: str, told: Callable[..., str]) -> None:
    said = told(case)
    assert said.startswith("1 " if case in REFUSED else "0 "), said
    assert re.search(SAID[case], said), said


def test_every_case_is_tried() -> None:
    assert set(SAID) == set(CASES)
    assert all(len(cases) == 4 for cases in FAMILIES.values())


def test_of_two_pictures_in_a_file_the_first_is_read(tmp_path: Path) -> None:
    folder = CASES["class_of_two_pictures_a_file"](tmp_path / "data")
    picture = decode(folder / "train/ant/DJI_0.JPG", ANY_SIDE)
    assert np.asarray(picture).reshape(-1, 3).mean(0).round().tolist() == pytest.approx([254, 0, 0], abs=2)


def test_a_picture_a_pixel_high_takes_no_more_memory_than_it_needs_and_shows_its_middle() -> None:
    """Resized whole, it would take 31 gigabytes."""
    row = np.zeros((1, 160_000, 3), dtype=np.uint8)
    row[0, 79_900:80_100] = (255, 0, 0)
    for picture in (Image.fromarray(row), Image.fromarray(row.transpose(1, 0, 2))):
        seen = np.asarray(framed(picture, 224, Preprocessing()))
        assert seen.shape == (224, 224, 3)
        assert (seen == (255, 0, 0)).all()


def test_a_picture_that_is_not_so_long_is_framed_as_before() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 600, 3), dtype=np.uint8))
    whole = picture.resize((256 * 60, 256), Image.Resampling.BICUBIC)
    left = round((256 * 60 - 224) / 2)
    assert framed(picture, 224, Preprocessing()).tobytes() == whole.crop((left, 16, left + 224, 240)).tobytes()


def test_what_lies_beyond_a_photo_is_no_part_of_what_detections_are_measured_against(tmp_path: Path) -> None:
    coco = read_coco(CASES["coco_with_boxes_beyond_the_photo"](tmp_path / "data"), "test")
    assert len(coco.truths) == 12
    for truth in coco.truths:
        left, top, width, height = truth.box
        assert 0 <= left < left + width <= 64
        assert 0 <= top < top + height <= 48
    path = tmp_path / "data/annotations/instances_test.json"
    record = json.loads(path.read_text())
    record["annotations"][0]["bbox"] = [700, 0, 20, 20]
    record["annotations"][1]["bbox"] = [0.2, 0.3, 64.0, 10]  # a rounding beyond: as the file has it
    path.write_text(json.dumps(record))
    coco = read_coco(tmp_path / "data", "test")
    assert coco.odd[0] == "annotation 1 has bbox [700, 0, 20, 20], outside of its photo of 64×48"
    assert coco.truths[0].box == (0.2, 0.3, 64.0, 10.0)


def test_none_is_an_answer_like_any_other(tmp_path: Path) -> None:
    folder = CASES["questions_answered_by_none"](tmp_path / "data")
    found = open_questioned(folder, recipe("vqa"), None, None)
    assert {"none", "na"} <= set(found.labels["answers"])


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_table_says_by_its_first_line_what_stands_between_its_columns(mark: str, tmp_path: Path) -> None:
    folder = CASES["questions_answered_by_none"](tmp_path / "data")
    plain = read_questions(folder)
    for part in ("train", "test"):
        path = folder / f"{part}.csv"
        with open(path, newline="") as file:
            rows = list(csv.reader(file))
        with open(path, "w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file, delimiter=mark).writerows(rows)
    assert read_questions(folder) == plain
