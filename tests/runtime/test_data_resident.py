"""Pictures that lie on the device are cropped there as workers crop them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from attrs import frozen
from image_folder import PLAIN, image_folder, opened, write_image
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resized_crop

from spacelang_runtime.data import Batch, Dataset, resident
from spacelang_runtime.data.dataset import Held
from spacelang_runtime.data.frame import planes

CROPPED = PLAIN | {"crop": Fraction(1, 4)}
SIZES = ((20, 16), (64, 64), (37, 90), (200, 130), (9, 8))


@frozen
class NoFiles:
    """Pictures that are in memory alone."""


def held(pictures: list[np.ndarray]) -> Held:
    shapes = np.array([picture.shape[:2] for picture in pictures])
    return Held(NoFiles(), np.concatenate([picture.ravel() for picture in pictures]), shapes)  # type: ignore[arg-type]


def photo(size: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth, and without black or white, so that no resampling overshoots a byte: then the order of Pillow's
    passes does not matter."""
    coarse = np.random.default_rng(seed).integers(60, 196, (5, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("side", [16, 64])
def test_a_view_is_pillows_but_for_rounding(side, channels):
    pictures = [photo(size, seed) for seed, size in enumerate(SIZES)]
    chance, boxes = np.random.default_rng(side), []
    for _ in range(40):
        index = int(chance.integers(len(SIZES)))
        width, height = SIZES[index]
        wide, high = int(chance.integers(1, width + 1)), int(chance.integers(1, height + 1))
        boxes.append(
            (index, int(chance.integers(height - high + 1)), int(chance.integers(width - wide + 1)), high, wide)
        )
    boxes += [(1, 0, 0, 64, 64)]  # a picture as large as a view
    here = resident.resident(held(pictures), torch.device("cpu"))
    ours = resident.crops(here, torch.tensor(boxes), side, channels)
    theirs = [
        planes(
            resized_crop(Image.fromarray(pictures[index]), *box, [side, side], InterpolationMode.BICUBIC), channels
        )
        for index, *box in boxes
    ]
    apart = (ours.int() - torch.from_numpy(np.stack(theirs)).int()).abs()
    assert ours.shape == (len(boxes), channels, side, side)
    assert apart.max() <= 2
    assert (apart > 0).float().mean() < 0.01
    if (channels, side) == (3, 64):
        assert torch.equal(ours[-1], torch.from_numpy(pictures[1].copy()).permute(2, 0, 1))


def batches(dataset: Dataset, first: int = 0, steps: int = 6, rank: int = 0, world: int = 1) -> list[Batch]:
    return list(dataset.train_batches(first, steps, rank, world))


@pytest.fixture
def on_device(monkeypatch):
    monkeypatch.setattr(resident, "fits", lambda held, device: True)


def test_large_pictures_are_looked_at_a_few_at_a_time(monkeypatch):
    pictures = resident.resident(held([photo(size, seed) for seed, size in enumerate(SIZES)]), torch.device("cpu"))
    boxes = torch.tensor([(number % 5, 1, 2, 6, 5) for number in range(7)])
    whole, looked_at = resident.crops(pictures, boxes, 16, 3), []
    monkeypatch.setattr(resident, "PLACES", 2 * pictures.tallest * pictures.widest)
    some = resident._crops
    monkeypatch.setattr(resident, "_crops", lambda *words: looked_at.append(len(words[1])) or some(*words))
    assert torch.equal(resident.crops(pictures, boxes, 16, 3), whole)
    assert looked_at == [2, 2, 2, 1]


def test_batches_are_those_of_the_workers_but_for_rounding(tmp_path, monkeypatch):
    folder = image_folder(tmp_path)
    (folder / "train" / "ant" / "000.png").write_bytes(b"no picture")
    write_image(folder / "train" / "bee" / "large.png", 7, (100, 90))
    theirs = batches(opened(folder, **CROPPED))
    monkeypatch.setattr(resident, "fits", lambda held, device: True)
    data = opened(folder, **CROPPED)
    ours = batches(data)
    assert data._resident is not None
    assert list(data.skipped) == [str(folder / "train" / "ant" / "000.png")]
    level = 1 / 255 / 0.22  # in a network's own scale
    for one, other in zip(ours, theirs, strict=True):
        apart = (one.images - other.images).abs()
        assert apart.mean() < level / 4  # these pictures are noise: see the module on the order of passes
        assert (apart > 1.1 * level).float().mean() < 0.05
        assert torch.equal(one.targets, other.targets)


@pytest.mark.usefixtures("on_device")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_cut_anywhere_goes_on_as_the_uncut_one(tmp_path, workers):
    folder = image_folder(tmp_path)
    whole = batches(opened(folder, **CROPPED))
    parted = batches(opened(folder, workers, **CROPPED), 0, 2) + batches(opened(folder, workers, **CROPPED), 2, 4)
    assert all(torch.equal(one.images, other.images) for one, other in zip(whole, parted, strict=True))


def test_pictures_that_lie_on_the_device_are_not_asked_for_room_again(tmp_path, monkeypatch):
    room = iter([True])  # and none is left, for they have taken it
    monkeypatch.setattr(resident, "fits", lambda held, device: next(room))
    data = opened(image_folder(tmp_path), **CROPPED)
    first, lying = batches(data), data._resident
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, batches(data), strict=True))
    assert data._resident is lying


@pytest.mark.usefixtures("on_device")
def test_ranks_share_the_batch_out(tmp_path):
    folder = image_folder(tmp_path)
    (whole,) = batches(opened(folder, **CROPPED), 3, 1)
    for rank in range(2):
        (share,) = batches(opened(folder, **CROPPED), 3, 1, rank, 2)
        assert torch.equal(share.images, whole.images[rank::2])


def test_only_a_gpu_takes_pictures():
    assert not resident.fits(held([photo((8, 8), 0)]), torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("workers", [0, 3])
def test_a_gpu_crops_what_a_cpu_crops(tmp_path, workers, monkeypatch):
    folder = image_folder(tmp_path, train=30)
    data = opened(folder, workers, **CROPPED | {"batch": 40})
    there = list(data.train_batches(0, 6, device="cuda"))
    assert data._resident is not None
    monkeypatch.setattr(resident, "fits", lambda held, device: True)
    here = list(opened(folder, **CROPPED | {"batch": 40}).train_batches(0, 6))
    for a, b in zip(here, there, strict=True):
        assert torch.equal(b.targets.cpu(), a.targets)
        assert ((b.images.cpu() - a.images).abs() > 0.01).float().mean() < 0.001  # a level is 0.017
