"""COCO's form: what is read, what a view makes of it, how results are scored, and what is said of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as rle
from tiny_transfer import HIGH, WIDE, coco, network, recipe, run_lengths, scene
from torch.utils._python_dispatch import TorchDispatchMode

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.detect.average_precision import as_results, average_precision, measure
from spacelang_runtime.tasks.detect.coco import Photo, Thing, read
from spacelang_runtime.tasks.detect.crop import FINE, crop
from spacelang_runtime.tasks.detect.detector import Detections
from spacelang_runtime.tasks.detect.rle import covered
from spacelang_runtime.tasks.detect.task import build, open_annotated
from spacelang_runtime.tasks.detect.transforms import batched, sample

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return coco(tmp_path / "coco")


def change(folder: Path, alter: object) -> Path:
    path = folder / "annotations" / "instances_train.json"
    record = json.loads(path.read_text())
    alter(record)
    path.write_text(json.dumps(record))
    return path


def test_a_split_is_read_with_its_crowds_and_its_own_category_numbers(folder: Path) -> None:
    found = read(folder, "train")
    assert found.classes == ("red", "green", "blue")
    assert found.ids == (10, 20, 30)
    assert [len(photo.things) for photo in found.photos] == [2] * 6
    assert [thing.crowd for thing in found.photos[-1].things] == [False, True]
    for number, photo in enumerate(found.photos):
        _, things = scene(number)
        assert [(thing.label - 1, thing.box) for thing in photo.things] == things


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shorter", [HIGH, 2 * HIGH])
def test_boxes_and_masks_follow_the_picture_whatever_form_they_have(
    folder: Path, shorter: int, mirrored: bool
) -> None:
    """A box surrounds the pixels of the object's colour, and all of it is the object."""
    found = read(folder, "train")
    for photo in found.photos[:-1]:
        image, targets = sample(photo, shorter, 10_000, mirrored)
        assert targets.masks.shape == (2, FINE, FINE)
        assert targets.masks.float().mean() > 0.98
        for box, label in zip(targets.boxes, targets.labels, strict=True):
            coloured = image[label - 1] > 170  # red, green and blue are one channel each
            rows, columns = torch.nonzero(coloured, as_tuple=True)
            around = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
            torch.testing.assert_close(around, box, atol=2.0, rtol=0)


LEFT_HALF = np.zeros((HIGH, WIDE), dtype=np.uint8, order="F")
LEFT_HALF[10:30, 20:25] = 1


@pytest.mark.parametrize(
    "segmentation",
    [
        [[20, 10, 25, 10, 25, 30, 20, 30]],
        [[20, 10, 25, 10, 25, 20, 20, 20], [20, 20, 25, 20, 25, 30, 20, 30]],
        {"size": [HIGH, WIDE], "counts": run_lengths(LEFT_HALF)},
        rle.encode(LEFT_HALF),
    ],
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mask_is_a_picture_of_its_box_whatever_form_it_has(segmentation: object, mirrored: bool) -> None:
    thing = Thing(1, (20.0, 10.0, 30.0, 30.0), segmentation, False)
    found = crop(thing, Photo(1, Path(), WIDE, HIGH, (thing,)), mirrored)
    half, other = found[:, : FINE // 2], found[:, FINE // 2 :]
    if mirrored:
        half, other = other, half
    assert half.mean() > 0.98
    assert other.mean() < 0.02


def test_a_crowd_is_no_target_but_its_region_is_known(folder: Path) -> None:
    photo = read(folder, "train").photos[-1]
    _, targets = sample(photo, HIGH, 1000, False)
    assert targets.labels.tolist() == [photo.things[0].label]
    assert targets.crowds.tolist() == [list(photo.things[1].box)]


@pytest.mark.parametrize("tag", [3, 6])
def test_a_photo_is_turned_as_its_boxes_were_drawn(folder: Path, tag: int) -> None:
    photo = read(folder, "train").photos[0]
    wanted, _ = sample(photo, HIGH, 1000, False)
    exif = Image.Exif()
    exif[0x0112] = tag
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[tag]
    Image.open(photo.path).transpose(turn).save(photo.path, exif=exif)
    assert sample(photo, HIGH, 1000, False)[0].equal(wanted)


def test_the_longer_side_is_bounded(folder: Path) -> None:
    image, _ = sample(read(folder, "train").photos[0], 480, 320, False)
    assert image.shape == (3, 240, 320)


def test_a_batch_is_padded_to_whole_multiples_of_32_with_what_reads_as_zero(folder: Path) -> None:
    photos = read(folder, "train").photos
    batch = batched([sample(photos[0], 40, 100, False), sample(photos[1], 48, 100, False)])
    assert batch.images.shape == (2, 3, 64, 64)
    assert batch.sizes.tolist() == [[40, 53], [48, 64]]
    assert batch.images[0, :, 63, 63].tolist() == [124, 116, 104]


def test_targets_of_a_batch_are_filled_up_with_what_is_no_object(folder: Path) -> None:
    photos = read(folder, "train").photos
    targets = batched([sample(photos[0], HIGH, 100, False), sample(photos[-1], HIGH, 100, False)]).targets
    assert (targets.labels > 0).tolist() == [[True, True], [True, False]]
    assert targets.boxes[1, 1].tolist() == [0, 0, 0, 0]
    assert targets.crowds[0].tolist() == [[0, 0, 0, 0]]
    assert targets.crowds[1].tolist() == [list(photos[-1].things[1].box)]
    assert targets.masks.shape == (2, 2, FINE, FINE)
    assert not targets.masks[1, 1].any()


def test_photos_without_an_object_are_left_out_of_training_and_said(folder: Path) -> None:
    change(folder, lambda record: record["annotations"].__delitem__(slice(0, 2)))
    found = open_annotated(folder, recipe("detect"), None, None)
    assert [photo.id for photo in found.train.photos] == [1, 2, 3, 4, 5]
    assert "1 without objects left out" in found.summary()[0]


def perfect(folder: Path, shift: int = 0) -> tuple[list[dict], object]:
    found = read(folder, "test")
    results = []
    for photo in found.photos:
        things = [thing for thing in photo.things if not thing.crowd]
        masks = torch.zeros(len(things), HIGH, WIDE, dtype=torch.bool)
        boxes = torch.tensor([thing.box for thing in things]) + shift
        for mask, box in zip(masks, boxes.long().tolist(), strict=True):
            mask[box[1] : box[3], box[0] : box[2]] = True
        labels = torch.tensor([thing.label for thing in things])
        results += as_results(Detections(boxes, torch.full((len(things),), 0.9), labels, masks), photo, found)
    return results, found


def test_perfect_detections_have_an_average_precision_of_one_though_the_crowd_is_missed(folder: Path) -> None:
    results, found = perfect(folder)
    assert average_precision(found, results) == {
        f"{kind} {what}": pytest.approx(1.0) for kind in ("box", "mask") for what in ("AP", "AP50", "AP75")
    }


def numbered(annotations: list[dict], numbers: list[int]) -> None:
    for annotation, number in zip(annotations, numbers, strict=True):
        annotation["id"] = number


EXPORTERS = {
    "numbers from 0": lambda annotations: numbered(annotations, list(range(12))),
    "numbers that begin again on each photo": lambda annotations: numbered(annotations, [1, 2] * 6),
    "all of number 0": lambda annotations: numbered(annotations, [0] * 12),
    "without numbers": lambda annotations: [one.pop("id") for one in annotations],
    "without areas": lambda annotations: [one.pop("area") for one in annotations],
    "without crowds": lambda annotations: [one.pop("iscrowd") for one in annotations],
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_perfect_detections_are_perfect_whatever_wrote_the_annotations(folder: Path, exporter: str) -> None:
    path = folder / "annotations" / "instances_test.json"
    record = json.loads(path.read_text())
    record["annotations"] = record["annotations"][:12]
    EXPORTERS[exporter](record["annotations"])
    if exporter == "without crowds":
        record["annotations"].pop()  # it was the crowd
    path.write_text(json.dumps(record))
    results, found = perfect(folder)
    assert list(average_precision(found, results).values()) == pytest.approx([1.0] * 6)


def test_what_is_measured_where_there_is_no_object_is_undefined(folder: Path) -> None:
    path = folder / "annotations" / "instances_test.json"
    results, _ = perfect(folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    assert set(average_precision(read(folder, "test"), results).values()) == {None}
    assert set(average_precision(read(folder, "test"), []).values()) == {None}


def test_detections_beside_their_objects_are_worth_less(folder: Path) -> None:
    results, found = perfect(folder, shift=3)
    figures = average_precision(found, results)
    assert 0 < figures["box AP"] < figures["box AP50"] <= 1
    assert average_precision(found, [])["mask AP"] == 0


@pytest.mark.parametrize("family", ["pyramid", "column"])
def test_a_detector_answers_photos_of_any_size(family: str) -> None:
    made = build(network(family), recipe("detect"), {"classes": ["red", "green"]}, None).eval()
    made.cascade.stages[0].classify.bias.data[1:] = 9.0  # so that something is found
    sizes = [(37, 91), (64, 30)]
    images = [torch.randint(0, 255, (3, *size), dtype=torch.uint8) for size in sizes]
    for found, (high, wide) in zip(made.find(images, [(2 * h, 2 * w) for h, w in sizes]), sizes, strict=True):
        assert len(found.boxes)
        assert found.masks.shape == (len(found.boxes), 2 * high, 2 * wide)
        assert found.boxes.min() >= 0
        assert (found.boxes[:, 2:] <= torch.tensor([2.0 * wide, 2.0 * high]) + 1e-3).all()


class Unasked(TorchDispatchMode):
    """Fails where a result's shape, or a number for Python, hangs on the contents of a tensor: there a program
    waits for its GPU."""

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        asks = torch.Tag.data_dependent_output in operator.tags or torch.Tag.dynamic_output_shape in operator.tags
        if operator.overloadpacket is torch.ops.aten.index:
            asks = any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
        assert not asks, operator
        return operator(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", ["pyramid", "column"])
def test_a_training_step_asks_nothing_of_the_gpu(folder: Path, family: str) -> None:
    data = open_annotated(folder, recipe("detect"), None, None)
    made = build(network(family), recipe("detect"), data.labels, None).train()
    (batch,) = data.parts(0, 1)(0).parts
    with Unasked():
        sum(made(batch).values()).backward()


def test_a_detector_learns_photos_by_heart(tmp_path: Path) -> None:
    data = open_annotated(coco(tmp_path / "two", photos=2), recipe("detect"), None, None)
    made = build(network(), data.recipe, data.labels, None).train()
    batch = batched([sample(photo, HIGH, WIDE, False) for photo in data.train.photos])
    optimizer, steps = torch.optim.AdamW(made.parameters(), 0.008), 80
    cooling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(made(batch).values()).backward()
        optimizer.step()
        cooling.step()
    figures = measure(made.eval(), data.test, data.recipe.model, World(0, 1, CPU), 0, *[lambda *_: None] * 2)
    assert figures["box AP"] > 0.4
    assert figures["mask AP"] > 0.4


MISTAKES = {
    "annotation 3 is of image 77, which the file does not have": lambda r: r["annotations"][2].update(image_id=77),
    "annotation 3 is of category 5, unknown": lambda r: r["annotations"][2].update(category_id=5),
    r"annotation 3 is of image \[1\], which the file": lambda r: r["annotations"][2].update(image_id=[1]),
    r"annotation 3 is of category {}, unknown": lambda r: r["annotations"][2].update(category_id={}),
    "annotation 1 has no segmentation .*, and most others are as odd": lambda r: [
        one.update(segmentation=[]) for one in r["annotations"]
    ],
    "has no list 'images'": lambda r: r.pop("images"),
    "image 2 .* has no width and height": lambda r: r["images"][2].update(width=None),
    r"image 2 has file_name '\.\./secret\.png'": lambda r: r["images"][2].update(file_name="../secret.png"),
    "speaks of .*gone.png, which is not there": lambda r: r["images"][2].update(file_name="gone.png"),
}


ODD = {
    "annotation 3 has bbox [1, 2], and not [left, top, width, height]": {"bbox": [1, 2]},
    "annotation 3 has an empty bbox [10, 10, 0, 5]": {"bbox": [10, 10, 0, 5]},
    "annotation 3 has a polygon of 4 numbers": {"segmentation": [[1, 2, 3, 4]]},
    "annotation 3 has no segmentation (polygons or RLE)": {"segmentation": None},
    "annotation 3 has runs of 70 pixels, and its mask is 48×64": {
        "segmentation": {"size": [48, 64], "counts": [50, 20]}
    },
    "annotation 3 has counts that are no runs, and its mask is 48×64": {
        "segmentation": {"size": [48, 64], "counts": [-8, 3080]}
    },
    "annotation 3 has a mask of 5×5, and its image is 48×64": {"segmentation": {"size": [5, 5], "counts": [25]}},
}


@pytest.mark.parametrize("reason", ODD)
def test_one_odd_annotation_is_left_out_and_said(folder: Path, reason: str) -> None:
    change(folder, lambda record: record["annotations"][2].update(ODD[reason]))
    found = read(folder, "train")
    assert found.odd == (reason,)
    assert sum(len(photo.things) for photo in found.photos) == len(found.truths) == 11
    said = open_annotated(folder, recipe("detect"), None, None).summary()
    assert f"left out: odd annotations of the training photos (1): {reason}" in said


def test_the_runs_of_a_mask_cover_all_its_pixels_or_are_none() -> None:
    source = np.random.default_rng(0)
    for side in (1, 7, 40, 300):
        mask = np.asfortranarray(source.random((side, 2 * side)) < source.random())
        mask[: side // 2] = False  # long runs too
        text = rle.encode(mask.astype(np.uint8))["counts"].decode()
        assert covered(text) == 2 * side**2
        assert covered(text[:-1]) != 2 * side**2
    assert covered([3, 4, 5]) == 12
    for none in ("garbage", "", "é", "\x00", "oooooooo1", [1.5, 2.5], ["a"], [True], [[1]], [-1, 2], [2**40]):
        assert covered(none) != 64, none


def test_a_polygon_that_is_none_is_left_out_of_its_object(folder: Path) -> None:
    change(folder, lambda r: r["annotations"][2].update(segmentation=[[1, 2, 3, 4], [1, 1, 9, 1, 9, 9]]))
    found = read(folder, "train")
    assert found.odd == ("annotation 3 has a polygon of 4 numbers",)
    assert found.photos[1].things[0].segmentation == [[1, 1, 9, 1, 9, 9]]


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_in_annotations_are_named_with_file_and_number(folder: Path, message: str) -> None:
    path = change(folder, MISTAKES[message])
    with pytest.raises(Failure, match=message) as caught:
        read(folder, "train")
    assert path.name in caught.value.message


def test_a_photo_of_another_size_than_its_annotation_says_is_named(folder: Path) -> None:
    photo = read(folder, "train").photos[1]
    Image.fromarray(np.zeros((10, 20, 3), dtype=np.uint8)).save(photo.path)
    with pytest.raises(
        Failure, match=r"000000000001\.png \(image 1\) is 20×10 pixels, and its annotation says 64×48"
    ):
        sample(photo, 48, 100, False)


def test_a_split_that_is_not_there_is_named_with_what_is(folder: Path) -> None:
    with pytest.raises(Failure, match=r"there is no file .*instances_train2017\.json") as caught:
        read(folder, "train2017")
    assert "did you mean instances_train.json?" in caught.value.remedy
