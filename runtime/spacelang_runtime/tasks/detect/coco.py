"""Annotations in COCO's form (Lin et al., 2014): `annotations/instances_SPLIT.json`, photos in `SPLIT/`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from attrs import field, frozen

from spacelang_runtime.failure import Failure
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
class Coco:
    """A split. classes: the names of the categories by their id; ids: their ids in that order, label 1 first.
    empty: photos without an annotation. record: the file as it was, for COCO's own evaluation."""

    photos: tuple[Photo, ...]
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    record: dict[str, Any] = field(eq=False, repr=False)

    @property
    def fingerprint(self) -> str:
        return fingerprint((p.path.name, p.width, p.height, len(p.things), p.things[:1]) for p in self.photos)


def read(folder: Path, split: str) -> Coco:
    """A split of a folder. Raises `Failure` that names file, id and what is wrong."""
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
    for annotation in record["annotations"]:
        number = _id(path, "annotation", annotation)
        of = annotation.get("image_id")
        if of not in images:
            raise Failure(f"{path}: annotation {number} is of image {of!r}, which the file does not have")
        if annotation.get("category_id") not in label:
            raise Failure(f"{path}: annotation {number} is of category {annotation.get('category_id')!r}, unknown")
        thing = _thing(path, annotation, label[annotation["category_id"]], images[of])
        if thing is not None:
            things[of].append(thing)
    require_all(folder / split, (name for name, _, _ in images.values()), str(path))
    photos = tuple(
        Photo(number, folder / split / name, width, height, tuple(things[number]))
        for number, (name, width, height) in sorted(images.items())
    )
    if not photos:
        raise Failure(f"{path} has no images")
    return Coco(photos, tuple(names[number] for number in ids), ids, record)


def _thing(path: Path, annotation: dict[str, Any], label: int, image: tuple[str, int, int]) -> Thing | None:
    """An annotation as an object; None where its box, cut to the photo, is empty."""
    number, (_, wide, high) = annotation["id"], image
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_finite(value) for value in box):
        raise Failure(f"{path}: annotation {number} has bbox {box!r}, and not [left, top, width, height]")
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = min(float(wide), box[0] + box[2]), min(float(high), box[1] + box[3])
    segmentation = annotation.get("segmentation")
    match segmentation:
        case [*polygons] if polygons and all(isinstance(polygon, list) for polygon in polygons):
            for polygon in polygons:
                if len(polygon) < 6 or len(polygon) % 2 or not all(_finite(value) for value in polygon):
                    raise Failure(f"{path}: annotation {number} has a polygon of {len(polygon)} numbers", _POLYGON)
        case {"size": [int(rows), int(columns)], "counts": list() | str()}:
            if (rows, columns) != (high, wide):
                raise Failure(
                    f"{path}: annotation {number} has a mask of {rows}×{columns}, and its image is {high}×{wide}"
                )
        case _:
            raise Failure(f"{path}: annotation {number} has no segmentation (polygons or RLE)", _POLYGON)
    if right - left < 1 or bottom - top < 1:
        return None
    return Thing(label, (left, top, right, bottom), segmentation, bool(annotation.get("iscrowd", 0)))


_POLYGON = "a polygon is [x, y, x, y, …] with three points or more; RLE is {size, counts}"


def _size(path: Path, image: dict[str, Any]) -> tuple[str, int, int]:
    name, width, height = image.get("file_name"), image.get("width"), image.get("height")
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise Failure(f"{path}: image {image['id']} has file_name {name!r}, and not a name inside its folder")
    if not all(isinstance(side, int) and side > 0 for side in (width, height)):
        raise Failure(f"{path}: image {image['id']} ({name}) has no width and height")
    return name, width, height


def _id(path: Path, what: str, record: Any) -> int:
    if not isinstance(record, dict) or not isinstance(record.get("id"), int):
        raise Failure(f"{path}: a{'n' if what[0] in 'aei' else ''} {what} has no id: {str(record)[:80]}")
    return int(record["id"])


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
