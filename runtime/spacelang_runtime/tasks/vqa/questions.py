"""Questions about images, from the data sets' own files. Three forms are known:

v2_OpenEnded_mscoco_SPLIT_questions.json + v2_mscoco_SPLIT_annotations.json, images in SPLIT/     VQA 2.0
train/questions.json + test/questions.json: [question, answer, image]; images in train/images/      easy-VQA
tables with the columns question, answer, image_id (or image); images in images/: either train.csv and test.csv,
or data.csv with train_images_list.txt and test_images_list.txt                                     DAQUAR
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang_runtime.data.decode import SUFFIXES
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import fingerprint, read_json, read_lines, require_folder
from spacelang_runtime.tasks.vqa.accuracy import normalised


@frozen
class Question:
    """A question. answers: what people gave, ten of them or one. kind: what sort of answer it has, where the data
    says so (yes/no, number, other)."""

    image: Path
    text: str
    answers: tuple[str, ...]
    kind: str = ""


@frozen
class Questions:
    """The questions to train and to test on. form: how they were found, left_out: what was not, in words."""

    train: tuple[Question, ...]
    test: tuple[Question, ...]
    form: str
    left_out: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return fingerprint((q.image.name, q.text, q.answers) for q in (*self.train, *self.test))


def read(folder: Path) -> Questions:
    """The questions of a folder. Raises `Failure` that names file, place and what is wrong."""
    require_folder(folder, "questions and images")
    for place in (folder, folder / "data", folder / "easy_vqa" / "data"):
        if (place / "train" / "questions.json").is_file():
            return Questions(_triples(place / "train"), _triples(place / "test"), "easy-VQA")
    if any(folder.glob("v2_OpenEnded_mscoco_*_questions.json")):
        return Questions(_vqa2(folder, "train2014"), _vqa2(folder, "val2014"), "VQA 2.0")
    if (folder / "data.csv").is_file():
        rows, odd = _rows(folder / "data.csv")
        parts = [
            set(read_lines(folder / f"{part}_images_list.txt", "an image a line")) for part in ("train", "test")
        ]
        stems = [{Path(name).stem for name in part} for part in parts]
        train, test = (tuple(q for q in rows if q.image.stem in part) for part in stems)
        both = stems[0] & stems[1]
        if both:
            raise Failure(f"{folder}: image {min(both)} is in the training and in the test list")
        for part, questions in (("train", train), ("test", test)):
            if not questions:
                raise Failure(f"{folder / 'data.csv'} has no question about an image of {part}_images_list.txt")
        return Questions(train, test, "a table and lists of images", odd)
    if (folder / "train.csv").is_file():
        (train, of_train), (test, of_test) = _rows(folder / "train.csv"), _rows(folder / "test.csv")
        return Questions(train, test, "tables", (*of_train, *of_test))
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise Failure(
        f"{folder} has no questions in a form that is known; there is: {there}",
        "make train.csv and test.csv with the columns question, answer and image, and a folder images",
    )


def _triples(folder: Path) -> tuple[Question, ...]:
    """easy-VQA's [question, answer, image]."""
    path = folder / "questions.json"
    images = _images(folder / "images")
    questions = []
    for place, row in enumerate(_list(path, read_json(path, "a list of [question, answer, image]"), ""), 1):
        match row:
            case [str(text), str() | int() as answer, str() | int() as image]:
                questions.append(
                    Question(_image(images, str(image), path, f"entry {place}"), text, (_plain(str(answer)),))
                )
            case _:
                raise Failure(f"{path}: entry {place} is {str(row)[:80]}, and not [question, answer, image]")
    return tuple(questions)


def _rows(path: Path) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """The questions of a table, a row each; and what is left out of it, in words: rows without a question, an
    answer or an image. Raises `Failure` where they are most."""
    questions: list[Question] = []
    odd: list[int] = []
    images = _images(path.parent / "images")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter=_delimiter(file.readline()))
            file.seek(0)
            names = table.fieldnames or []
            named = next((name for name in ("image_id", "image") if name in names), None)
            if named is None or "question" not in names or "answer" not in names:
                raise Failure(
                    f"{path} has the columns {', '.join(names) or 'none'}", "it needs question, answer and image_id"
                )
            for row in table:
                text, answer, image = (row[name] for name in ("question", "answer", named))
                if not (text and text.strip() and answer and answer.strip() and image and image.strip()):
                    odd.append(table.line_num)
                    continue
                where = _image(images, image.strip(), path, f"line {table.line_num}")
                questions.append(Question(where, text.strip(), (_plain(answer),)))
    except FileNotFoundError:
        raise Failure(
            f"there is no file {path}", "questions to train on are in train.csv, others in test.csv"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{path} is no table: {error}", "save it as UTF-8, with commas") from None
    missing = "the question, its answer or its image is missing"
    if len(odd) > len(questions):
        raise Failure(f"{path}, line {odd[0]}: {missing}, and in most other lines", "fill them in")
    said = f"left out: lines of {path.name} where {missing} ({len(odd)}; first: line {odd[0]})" if odd else ""
    return tuple(questions), (said,) if said else ()


def _vqa2(folder: Path, split: str) -> tuple[Question, ...]:
    """VQA 2.0's questions with their ten answers (Goyal et al., 2017)."""
    asked_in = folder / f"v2_OpenEnded_mscoco_{split}_questions.json"
    told_in = folder / f"v2_mscoco_{split}_annotations.json"
    asked = _list(asked_in, read_json(asked_in, f"VQA 2.0's questions of {split}"), "questions")
    told = _list(told_in, read_json(told_in, f"VQA 2.0's answers of {split}"), "annotations")
    photos = next(
        (place for place in (folder / split, folder / "images" / split) if place.is_dir()), folder / split
    )
    images = _images(photos)
    for path, records in ((asked_in, asked), (told_in, told)):
        for record in records:
            if not isinstance(record, dict) or not isinstance(record.get("question_id"), int):
                raise Failure(f"{path}: {str(record)[:80]} is no record with a question_id")
    annotations = {record["question_id"]: record for record in told}
    questions = []
    for record in asked:
        number, image, text = (record.get(name) for name in ("question_id", "image_id", "question"))
        if not isinstance(image, int) or not isinstance(text, str):
            raise Failure(f"{asked_in}: {str(record)[:80]} is no question with image_id and question")
        if number not in annotations:
            raise Failure(f"{told_in} has no answers to question {number}")
        try:
            answers = tuple(normalised(one["answer"]) for one in annotations[number]["answers"])
        except (KeyError, TypeError, AttributeError):
            raise Failure(f"{told_in}: the answers to question {number} are not [{{answer: …}}, …]") from None
        if not answers:
            raise Failure(f"{told_in}: question {number} has no answers")
        kind = str(annotations[number].get("answer_type", ""))
        where = _image(images, f"COCO_{split}_{image:012d}", asked_in, f"question {number}")
        questions.append(Question(where, text, answers, kind))
    return tuple(questions)


def _images(folder: Path) -> dict[str, Path]:
    """The images of a folder by their names without ending."""
    require_folder(folder, "the images")
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}


def _delimiter(head: str) -> str:
    """What stands between the columns of a table, by its first line: a comma, or what spreadsheets write for it."""
    return max(",;\t|", key=head.count)


def _image(images: dict[str, Path], name: str, path: Path, place: str) -> Path:
    stem = Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name
    if stem not in images and stem.endswith(".0") and stem[:-2].isdecimal():  # a number that was a fraction once
        stem = stem[:-2]
    if stem not in images:
        folder = next(iter(images.values())).parent if images else "its folder"
        raise Failure(f"{path}, {place}: there is no image {name} in {folder}", "restore the image")
    return images[stem]


def _list(path: Path, record: Any, name: str) -> list[Any]:
    items = record.get(name) if name and isinstance(record, dict) else record
    if not isinstance(items, list):
        raise Failure(f"{path} has no list" + (f" {name!r}" if name else ""))
    return items


def _plain(answer: str) -> str:
    return " ".join(answer.lower().split())


def answers_of(questions: tuple[Question, ...], least: int) -> tuple[str, ...]:
    """The answers that are classes: those given to at least `least` of the questions, the most frequent first. An
    answer counts once a question, by what most people gave."""
    counts = Counter(Counter(question.answers).most_common(1)[0][0] for question in questions)
    answers = tuple(
        answer for answer, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if count >= least
    )
    if not answers:
        raise Failure(f"no answer was given {least} times", "take fewer, such as --set answers=1")
    return answers
