"""RandAugment on a batch does to each image what timm's, on Pillow, does to one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment as timm

from spacelang_runtime.data.augment import erased, noise, rectangles
from spacelang_runtime.data.rand_augment import OPERATIONS, TONES, AugmentOp, drawn, rand_augment

NAMES = {
    "invert": "Invert",
    "posterize": "PosterizeIncreasing",
    "solarize": "SolarizeIncreasing",
    "solarize_add": "SolarizeAdd",
    "brightness": "BrightnessIncreasing",
    "contrast": "ContrastIncreasing",
    "auto_contrast": "AutoContrast",
    "equalize": "Equalize",
    "rotate": "Rotate",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateXRel",
    "translate_y": "TranslateYRel",
    "color": "ColorIncreasing",
    "sharpness": "SharpnessIncreasing",
}
MEAN_COLOUR = (124, 116, 104)


def photo(seed: int, side: int = 48) -> Image.Image:
    """Something smooth in many tones."""
    coarse = np.random.default_rng(seed).integers(20, 230, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


PHOTOS = [photo(seed) for seed in range(4)] + [Image.new("RGB", (48, 48), (7, 90, 200))]


def stacked(pictures: list[Image.Image]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1) for picture in pictures])


def ours(operation: str, level: float, sign: float) -> torch.Tensor:
    turn = AugmentOp(*(np.full(len(PHOTOS), value) for value in (OPERATIONS.index(operation), level, sign)))
    return rand_augment(stacked(PHOTOS), [turn]).int()


def theirs(operation: str, level: float, sign: float, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    monkeypatch.setattr(timm, "_randomly_negate", lambda value: sign * value)
    name = NAMES[operation]
    words = timm.LEVEL_TO_ARG[name](level, {}) if timm.LEVEL_TO_ARG[name] else ()
    how = {"fillcolor": MEAN_COLOUR, "resample": Image.Resampling.BICUBIC}
    return stacked([timm.NAME_TO_OP[name](picture, *words, **how) for picture in PHOTOS]).int()


def test_the_operations_are_timms():
    assert set(NAMES) == set(OPERATIONS)
    assert set(NAMES.values()) == set(timm._RAND_INCREASING_TRANSFORMS)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("level", [0.0, 3.3, 7.0, 9.4])
@pytest.mark.parametrize("operation", [*TONES, "color", "sharpness"])
def test_tones_and_colours_are_pillows_to_one_level(operation, level, sign, monkeypatch):
    difference = (ours(operation, level, sign) - theirs(operation, level, sign, monkeypatch)).abs()
    assert difference.max() <= 1
    assert difference.float().mean() < 0.01


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("level", [0.0, 3.3, 9.4])
@pytest.mark.parametrize("operation", ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"])
def test_what_is_moved_goes_where_pillow_puts_it(operation, level, sign, monkeypatch):
    difference = (ours(operation, level, sign) - theirs(operation, level, sign, monkeypatch)).abs().float()
    # At the border of what is left open, ours mixes with the fill colour and Pillow does not.
    assert difference.median() <= 1
    assert difference.mean() < 3


def test_each_image_has_its_own_turns_and_the_others_stay():
    images = stacked(PHOTOS)
    operations = np.array([OPERATIONS.index(n) for n in ("invert", "rotate", "equalize", "sharpness")] + [-1])
    turn = AugmentOp(operations, np.full(5, 9.0), np.ones(5))
    together = rand_augment(images.clone(), [turn])
    for row in range(5):
        alone = rand_augment(images[row : row + 1].clone(), [turn.take(np.array([row]))])
        assert torch.equal(together[row], alone[0])
        assert torch.equal(together[row], images[row]) == (row == 4)


def test_grey_images_are_distorted_too():
    images = stacked(PHOTOS)[:, :1]
    for operation in range(len(OPERATIONS)):
        turn = AugmentOp(np.full(5, operation), np.full(5, 9.0), np.ones(5))
        assert rand_augment(images.clone(), [turn]).shape == images.shape


def test_three_images_in_four_are_touched_and_every_operation_comes_as_often():
    turns = drawn(np.random.default_rng(0), 30_000, 7.0)
    touched = (turns[0].operation >= 0) | (turns[1].operation >= 0)
    assert abs(touched.mean() - 0.75) < 0.01
    for turn in turns:
        counts = np.bincount(turn.operation[turn.operation >= 0], minlength=len(OPERATIONS))
        assert abs(counts / counts.sum() - 1 / 15).max() < 0.01
        assert abs(turn.level.mean() - 7) < 0.02
        assert abs(turn.level.std() - 0.5) < 0.02
        assert abs(turn.sign.mean()) < 0.02


def test_a_rectangle_lies_inside_has_its_share_and_its_noise_is_like_an_image():
    boxes = rectangles(np.random.default_rng(0), 5_000, 48)
    top, left, height, width = boxes.T[:4]
    assert (top >= 0).all()
    assert (top + height <= 48).all()
    assert (left + width <= 48).all()
    share = height * width / 48**2
    assert 0.015 < share.min() < 0.03
    assert 0.3 < share.max() < 0.35
    images = torch.zeros(3, 3, 48, 48, dtype=torch.uint8)
    out = erased(images.clone(), np.array([True, False, True]), boxes[:3])
    assert torch.equal(out[1], images[1])
    inside = out[2, :, top[2] : top[2] + height[2], left[2] : left[2] + width[2]]
    assert out[2].count_nonzero() == inside.count_nonzero() > 0.9 * inside.numel()
    pixels = noise(3, 48, torch.device("cpu")).float() / 255
    assert abs(pixels.mean((1, 2)) - torch.tensor([0.485, 0.456, 0.406])).max() < 0.02


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_distorts_as_the_cpu_does():
    images = stacked(PHOTOS * 40)
    turns = drawn(np.random.default_rng(1), len(images), 9.0)
    here, there = rand_augment(images.clone(), turns).int(), rand_augment(images.clone().cuda(), turns).cpu().int()
    assert (here - there).abs().max() <= 1
    assert (here != there).float().mean() < 0.01
