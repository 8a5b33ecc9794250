"""An object's mask as a picture of its box: of one size for all objects, and as fine as the annotation for small
ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from spacelang_runtime.tasks.detect.coco import Photo, Thing

FINE = 112  # places of a mask along each side: four for each that the mask head answers


def crop(thing: Thing, photo: Photo, mirrored: bool = False) -> NDArray[np.uint8]:
    """What of an object's box is the object: [FINE, FINE] of 0 and 1, the box stretched to a square."""
    mask = outlined(thing) if isinstance(thing.segmentation, list) else cut(thing, photo)
    return np.ascontiguousarray(mask[:, ::-1] if mirrored else mask)


def outlined(thing: Thing) -> NDArray[np.uint8]:
    """The mask of an object that polygons outline. They are stretched before they are filled, so that their edges
    stay as fine as they are."""
    left, top, right, bottom = thing.box
    outlines = [
        ((np.reshape(polygon, (-1, 2)) - (left, top)) * (FINE / (right - left), FINE / (bottom - top)))
        .reshape(-1)
        .tolist()
        for polygon in thing.segmentation
    ]
    return rle.decode(rle.merge(rle.frPyObjects(outlines, FINE, FINE)))


def cut(thing: Thing, photo: Photo) -> NDArray[np.uint8]:
    """The mask of an object that is given for the whole photo, by run lengths."""
    encoded = thing.segmentation
    if isinstance(encoded["counts"], list):
        encoded = rle.frPyObjects(encoded, photo.height, photo.width)
    return np.asarray(
        Image.fromarray(rle.decode(encoded)).resize((FINE, FINE), Image.Resampling.NEAREST, thing.box)
    )
