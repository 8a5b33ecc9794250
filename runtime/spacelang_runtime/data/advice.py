"""What to change where training waits for its data."""

from __future__ import annotations

from spacelang_runtime.data.dataset import Dataset
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.workers import cores

NOTABLE = 0.05  # the share of the time that is worth a word


def advice(dataset: Dataset, share: float) -> str:
    """What would shorten the waiting for a data set that took this share of the time; empty where it is short."""
    pictures = dataset.train.pictures
    if share <= NOTABLE or not isinstance(pictures, Files):
        return ""
    ways = []
    if dataset.workers < cores():
        ways.append(f"more reader processes (--workers {cores()}; it had {dataset.workers})")
    if not dataset.held:
        size = pictures.decoded_bytes()
        ways.append(
            f"{4 * size / 2**30:.1f} GiB of free memory, a quarter of which would hold all images decoded"
            if size > dataset.room
            else "a longer run, which decodes all images once"
        )
        ways.append(f"images on a fast local disk, with a shorter side of no more than {pictures.most} pixels")
    if not ways:
        ways.append(f"more CPU cores for each GPU (all {cores()} are in use), or less augmentation")
    return "; or ".join(ways)
