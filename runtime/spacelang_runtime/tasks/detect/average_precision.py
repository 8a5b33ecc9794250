"""Average precision of boxes and masks, by pycocotools."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from spacelang_runtime.engine.distributed import World, all_gather, broadcast, precision
from spacelang_runtime.tasks.detect.coco import Coco, Photo
from spacelang_runtime.tasks.detect.detector import Detections, Detector
from spacelang_runtime.tasks.detect.transforms import DetectTests
from spacelang_runtime.tasks.recipe import Detect
from spacelang_runtime.tasks.task import Figures, Show
from spacelang_runtime.tasks.unread import Skip, read, told

FIGURES = ("AP", "AP50", "AP75")


def measure(
    model: Detector, coco: Coco, recipe: Detect, world: World, workers: int, show: Show, skip: Skip
) -> Figures:
    """AP of boxes and masks over IoU 0.5 to 0.95, and at 0.5 and 0.75, on the photos that can be read; each process
    takes its share of them."""
    own, broken = range(world.rank, len(coco.photos), world.size), list[str]()
    results: list[dict[str, Any]] = []
    seen: list[int] = []
    for done, photos in enumerate(read(DetectTests(coco.photos, recipe), own, workers, broken), 1):
        for index, image in photos:
            photo = coco.photos[index]
            with precision(world.device):
                (detections,) = model.find([image.to(world.device)], [(photo.height, photo.width)])
            results += as_results(detections, photo, coco)
            seen.append(index)
        show(done / len(own), f"photo {done} of {len(own)}")
    told(broken, len(coco.photos), world, skip)
    every = [result for part in all_gather(world, results) for result in part]
    unread = set(range(len(coco.photos))).difference(*all_gather(world, seen))
    return broadcast(world, average_precision(coco.without(unread), every) if world.is_main else None)


def as_results(detections: Detections, photo: Photo, coco: Coco) -> list[dict[str, Any]]:
    """What was found on a photo as COCO's results."""
    # pycocotools reads masks column by column: turned on the device, where that takes no time.
    columns = detections.masks.transpose(1, 2).contiguous().view(torch.uint8).cpu().numpy()
    masks = rle.encode(columns.T)
    corners = detections.boxes.cpu().double()
    boxes = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1).tolist()
    return [
        {
            "image_id": photo.id,
            "category_id": coco.ids[label - 1],
            "bbox": box,
            "score": score,
            "segmentation": mask,
        }
        for box, score, label, mask in zip(
            boxes, detections.scores.tolist(), detections.labels.tolist(), masks, strict=True
        )
    ]


def average_precision(coco: Coco, results: list[dict[str, Any]]) -> Figures:
    """COCO's figures for results; 0 where there are none, None where there is no object to find."""
    figures: Figures = {}
    with redirect_stdout(StringIO()):  # pycocotools speaks on its own
        truth = COCO()
        truth.dataset = as_record(coco)
        truth.createIndex()
        findable = any(not one.crowd for one in coco.truths)
        for kind, name in (("bbox", "box"), ("segm", "mask")):
            if not findable or not results:
                figures |= {f"{name} {what}": 0.0 if findable else None for what in FIGURES}
                continue
            # A copy of each: pycocotools writes into what it is given.
            evaluation = COCOeval(truth, truth.loadRes([dict(result) for result in results]), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            figures |= {
                f"{name} {what}": float(value) for what, value in zip(FIGURES, evaluation.stats, strict=False)
            }
    return figures


def as_record(coco: Coco) -> dict[str, Any]:
    """A split as COCO's own evaluation reads it. Its annotations are numbered anew, from 1: pycocotools takes the
    number 0 for "matches none", and takes two of one number for the same."""
    return {
        "info": {},
        "images": [{"id": one.id, "width": one.width, "height": one.height} for one in coco.photos],
        "categories": [{"id": number, "name": name} for number, name in zip(coco.ids, coco.classes, strict=True)],
        "annotations": [
            {
                "id": number,
                "image_id": one.photo,
                "category_id": one.category,
                "bbox": list(one.box),
                "area": one.box[2] * one.box[3] if one.area is None else one.area,
                "iscrowd": int(one.crowd),
                "segmentation": one.segmentation,
            }
            for number, one in enumerate(coco.truths, 1)
        ],
    }
