"""Annotations in COCO's form (Lin et al., 2014): `annotations/instances_SPLIT.json`, photos in `SPLIT/`."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import attrs
from attrs import field, frozen

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.detect.rle import covered
from spacelang_runtime.tasks.files import fingerprint, read_json, require_all, require_folder

Segmentation = list[list[float]] | dict[str, Any]


@frozen
class Thing:
    """An annotated object. label: of its class, from 1. box: left, top, right, bottom in pixels, not empty.
    segmentation: polygons, or a run-length encoding. crowd: whether it is a region of many."""

    label: int
    box: tuple[float, float, float, float]
    segmentation: Segmentation
    crowd: bool


@frozen
class Photo:
    """An annotated photo."""

    id: int
    path: Path
    width: int
    height: int
    things: tuple[Thing, ...]


@frozen
class CocoAnnotation:
    """An annotation as it is measured against. box: left, top, width, height, as in the file. area: of the mask, in
    pixels; None where the file does not say."""

    photo: int
    category: int
    box: tuple[float, float, float, float]
    area: float | None
    segmentation: Segmentation
    crowd: bool


@frozen
class Coco:
    """A split. classes: the names of the categories by their id; ids: their ids in that order, label 1 first.
    truths: what detections are measured against. odd: what was left out, an annotation or a part of one each, in
    words."""

    photos: tuple[Photo, ...]
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    truths: tuple[CocoAnnotation, ...] = field(eq=False, repr=False)
    odd: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return fingerprint((p.path.name, p.width, p.height, len(p.things), p.things[:1]) for p in self.photos)

    def without(self, broken: Collection[int]) -> Coco:
        """The split without some photos, by their places, and without what is on them."""
        photos = tuple(photo for place, photo in enumerate(self.photos) if place not in broken)
        gone = {self.photos[place].id for place in broken}
        return attrs.evolve(self, photos=photos, truths=tuple(one for one in self.truths if one.photo not in gone))


class Odd(Exception):
    """What is wrong with an annotation."""


def read(folder: Path, split: str) -> Coco:
    """A split of a folder. What is wrong with one annotation leaves it out; `Failure` names file, id and reason
    where most of them are wrong, and for all that is wrong with the file."""
    require_folder(folder, "COCO's annotations/ and photos")
    path = folder / "annotations" / f"instances_{split}.json"
    record = read_json(path, f"COCO's annotations of {split}")
    for part in ("images", "annotations", "categories"):
        if not isinstance(record, dict) or not isinstance(record.get(part), list):
            raise Failure(f"{path} has no list {part!r}", "it should hold COCO's annotations")
    names = {_id(path, "category", c): str(c.get("name")) for c in record["categories"]}
    ids = tuple(sorted(names))
    label = {number: place for place, number in enumerate(ids, 1)}
    images = {_id(path, "image", image): _size(path, image) for image in record["images"]}
    if len(images) < len(record["images"]):
        raise Failure(f"{path}: two images have the same id", "give each its own")
    things: dict[int, list[Thing]] = {number: [] for number in images}
    truths, odd = [], []
    for place, annotation in enumerate(record["annotations"], 1):
        called = _called(path, place, annotation)
        of, category = annotation.get("image_id"), annotation.get("category_id")
        if not isinstance(of, int | float) or of not in images:  # 1.0 is what some tools make of 1
            raise Failure(f"{path}: {called} is of image {of!r}, which the file does not have")
        if not isinstance(category, int | float) or category not in label:
            raise Failure(f"{path}: {called} is of category {category!r}, unknown")
        try:
            truth = _truth(annotation, int(of), int(category), images[of], called, odd)
        except Odd as reason:
            odd.append(str(reason))
            continue
        truths.append(truth)
        thing = _thing(truth, label[category], images[of])
        if thing is not None:
            things[of].append(thing)
    if 2 * (len(record["annotations"]) - len(truths)) > len(record["annotations"]):
        raise Failure(f"{path}: {odd[0]}, and most others are as odd", _FORM)
    require_all(folder / split, (name for name, _, _ in images.values()), str(path))
    photos = tuple(
        Photo(number, folder / split / name, width, height, tuple(things[number]))
        for number, (name, width, height) in sorted(images.items())
    )
    if not photos:
        raise Failure(f"{path} has no images")
    return Coco(photos, tuple(names[number] for number in ids), ids, tuple(truths), tuple(odd))


def _truth(
    annotation: dict[str, Any], photo: int, category: int, image: tuple[str, int, int], called: str, odd: list[str]
) -> CocoAnnotation:
    """An annotation, of which polygons that are none are left out and put into `odd`. Raises `Odd`."""
    _, wide, high = image
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_finite(value) for value in box):
        raise Odd(f"{called} has bbox {box!r}, and not [left, top, width, height]")
    if box[2] <= 0 or box[3] <= 0:
        raise Odd(f"{called} has an empty bbox {box!r}")
    segmentation = annotation.get("segmentation")
    match segmentation:
        case [*polygons] if polygons and all(isinstance(polygon, list) for polygon in polygons):
            wrong = [
                f"{called} has a polygon of {len(polygon)} numbers"
                for polygon in polygons
                if not _is_polygon(polygon)
            ]
            if len(wrong) == len(polygons):
                raise Odd(wrong[0])
            odd += wrong
            segmentation = [polygon for polygon in polygons if _is_polygon(polygon)]
        case {"size": [int(rows), int(columns)], "counts": (list() | str()) as counts}:
            if (rows, columns) != (high, wide):
                raise Odd(f"{called} has a mask of {rows}×{columns}, and its image is {high}×{wide}")
            if (pixels := covered(counts)) != rows * columns:
                runs = "counts that are no runs" if pixels is None else f"runs of {pixels} pixels"
                raise Odd(f"{called} has {runs}, and its mask is {rows}×{columns}")
        case _:
            raise Odd(f"{called} has no segmentation (polygons or RLE)")
    left, top, width, height = within(tuple(map(float, box)), wide, high, called, odd)
    area = annotation.get("area")
    area = float(area) if _finite(area) else None
    crowd = annotation.get("iscrowd") in (1, "1")
    return CocoAnnotation(photo, category, (left, top, width, height), area, segmentation, crowd)


def within(
    box: tuple[float, ...], wide: int, high: int, called: str, odd: list[str]
) -> tuple[float, float, float, float]:
    """A box [left, top, width, height] without what of it lies beyond the photo, which goes into `odd`: no
    detection can be there, and the best one would be counted as a miss. Less than a pixel is rounding, and stays.
    Raises `Odd` where nothing of it lies on the photo."""
    left, top, width, height = box
    right, bottom = left + width, top + height
    told = f"bbox [{', '.join(f'{value:g}' for value in box)}]"
    if right <= 0 or bottom <= 0 or left >= wide or top >= high:
        raise Odd(f"{called} has {told}, outside of its photo of {wide}×{high}")
    if max(-left, -top, right - wide, bottom - high) < 1:
        return left, top, width, height
    odd.append(f"{called} has a part of {told} beyond its photo of {wide}×{high}")
    left, top = max(0.0, left), max(0.0, top)
    return left, top, min(right, wide) - left, min(bottom, high) - top


def _thing(truth: CocoAnnotation, label: int, image: tuple[str, int, int]) -> Thing | None:
    """An annotation as an object to learn; None where its box, cut to the photo, is empty."""
    (x, y, width, height), (_, wide, high) = truth.box, image
    left, top, right, bottom = max(0.0, x), max(0.0, y), min(float(wide), x + width), min(float(high), y + height)
    if right - left < 1 or bottom - top < 1:
        return None
    return Thing(label, (left, top, right, bottom), truth.segmentation, truth.crowd)


_FORM = (
    "bbox is [left, top, width, height]; a polygon is [x, y, x, y, …] with three points or more; "
    "RLE is {size, counts}"
)


def _is_polygon(value: list[Any]) -> bool:
    return len(value) >= 6 and len(value) % 2 == 0 and all(_finite(number) for number in value)


def _size(path: Path, image: dict[str, Any]) -> tuple[str, int, int]:
    name, width, height = image.get("file_name"), image.get("width"), image.get("height")
    if not isinstance(name, str) or _of_elsewhere(name):
        raise Failure(
            f"{path}: image {image['id']} has file_name {name!r}, and not a name inside its folder",
            f"write names as they are in {path.parent.parent / path.stem.removeprefix('instances_')}",
        )
    if not all(isinstance(side, int) and side > 0 for side in (width, height)):
        raise Failure(f"{path}: image {image['id']} ({name}) has no width and height")
    return name, width, height


def _of_elsewhere(name: str) -> bool:
    """Whether a name is no path inside a folder: one of the root, of a parent, or of a drive of Windows."""
    return PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive) or ".." in Path(name).parts


def _called(path: Path, place: int, annotation: Any) -> str:
    """How an annotation is named in messages: its id need not be there, nor be its own."""
    if not isinstance(annotation, dict):
        raise Failure(f"{path}: annotation number {place} is none: {str(annotation)[:80]}")
    return f"annotation {annotation['id']}" if "id" in annotation else f"annotation number {place}"


def _id(path: Path, what: str, record: Any) -> int:
    if not isinstance(record, dict) or not isinstance(record.get("id"), int):
        raise Failure(f"{path}: a{'n' if what[0] in 'aei' else ''} {what} has no id: {str(record)[:80]}")
    return int(record["id"])


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
