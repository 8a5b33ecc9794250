"""RandAugment on a batch at once (Cubuk et al., 2020), with the operations and the scale of timm's increasing set.

Each image has two operations in turn, each of the fifteen equally likely, each left out with probability one half;
their strength is normal around the recipe's magnitude. What is drawn is drawn on the CPU; what is done to pixels is
done where they lie. Tones and colours come out as Pillow's to the byte or to one level; what is moved is resampled
bicubically, and what is left open takes the mean colour.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample

from spacelang_runtime.data.normalise import moments

# Those that map each tone of a channel to another, whatever its place; the last three depend on the image.
TONES = ("invert", "posterize", "solarize", "solarize_add", "brightness", "contrast", "auto_contrast", "equalize")
MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
OPERATIONS = (*TONES, *MOVES, "color", "sharpness")
TURNS = 2
STRONGEST, SPREAD = 10.0, 0.5  # of a magnitude: its largest, and its standard deviation

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@frozen(eq=False)
class AugmentOp:
    """One operation for each image. operation: index into `OPERATIONS`; -1: none. level: 0 to 10. sign: ±1."""

    operation: NDArray[np.int64]
    level: Floats
    sign: Floats

    def rows(self, *names: str) -> NDArray[np.int64]:
        """The images that have one of these operations."""
        return np.flatnonzero(np.isin(self.operation, [OPERATIONS.index(name) for name in names]))

    def take(self, which: slice | NDArray[np.int64]) -> AugmentOp:
        return AugmentOp(self.operation[which], self.level[which], self.sign[which])


def drawn(chance: np.random.Generator, count: int, magnitude: float) -> list[AugmentOp]:
    """What is done to so many images."""
    turns = []
    for _ in range(TURNS):
        operation = np.where(chance.random(count) < 0.5, chance.integers(len(OPERATIONS), size=count), -1)
        level = chance.normal(magnitude, SPREAD, count).clip(0, STRONGEST)
        turns.append(AugmentOp(operation, level, chance.choice([-1.0, 1.0], count)))
    return turns


def rand_augment(images: Tensor, turns: list[AugmentOp]) -> Tensor:
    """Images (uint8 [b, 3 or 1, side, side]) after their turns; they are overwritten."""
    changes = ((TONES, _toned), (MOVES, _moved), (("color",), _colored), (("sharpness",), _sharpened))
    for turn in turns:
        for names, change in changes:
            rows = turn.rows(*names)
            if len(rows):
                where = on(rows, images.device)
                images.index_copy_(0, where, change(images[where], turn.take(rows)))
    return images


def _toned(images: Tensor, turn: AugmentOp) -> Tensor:
    """Every tone replaced, by a table for each image and channel."""
    channels = images.shape[1]
    fixed = on(_tables(turn), images.device)
    tables = fixed[:, None].expand(-1, channels, -1).contiguous()
    pixels = images.flatten(2).long()
    for name, table in (("contrast", _contrast), ("auto_contrast", _auto_contrast), ("equalize", _equalize)):
        rows = turn.rows(name)
        if len(rows):
            where = on(rows, images.device)
            found = table(images[where], pixels[where], turn.take(rows))
            tables.index_copy_(0, where, found.expand(-1, channels, -1).to(torch.uint8))
    return tables.gather(2, pixels).view_as(images)


def _tables(turn: AugmentOp) -> Bytes:
    """[b, 256]: of the operations that do not look at the image; of the others, every tone as it is."""
    tones = np.arange(256)
    strength = turn.level[:, None] / STRONGEST
    tables = np.broadcast_to(tones, (len(turn.level), 256)).copy()
    lost = 8 - np.maximum(1, 4 - (strength * 4).astype(int))  # of 8 bits
    highest = 256 - np.minimum(256, (strength * 256).astype(int))
    added = np.minimum(128, (strength * 110).astype(int))
    results = {
        "invert": 255 - tables,
        "posterize": tables >> lost << lost,
        "solarize": np.where(tables < highest, tables, 255 - tables),
        "solarize_add": np.where(tables < 128, np.minimum(255, tables + added), tables),
        "brightness": (tables.astype(np.float32) * _factor(turn)[:, None]).clip(0, 255),
    }
    for name, result in results.items():
        rows = turn.rows(name)
        tables[rows] = result[rows].astype(int)
    return tables.astype(np.uint8)


def _factor(turn: AugmentOp) -> NDArray[np.float32]:
    """How far an enhancement goes: 1 leaves the image as it is."""
    return np.maximum(0.1, 1 + turn.sign * 0.9 * turn.level / STRONGEST).astype(np.float32)


def _contrast(images: Tensor, pixels: Tensor, turn: AugmentOp) -> Tensor:
    mean = (grey(images).flatten(1).double().mean(1) + 0.5).floor().float()[:, None, None]
    tones = torch.arange(256, device=images.device).float()
    return _blend(mean, tones, on(_factor(turn), images.device)[:, None, None])


def _auto_contrast(images: Tensor, pixels: Tensor, turn: AugmentOp) -> Tensor:
    """The darkest tone of a channel becomes black, the lightest white."""
    low, high = (tone[..., None].double() for tone in pixels.aminmax(dim=2))
    tones = torch.arange(256, device=images.device).double()
    scale = 255 / (high - low)
    stretched = (tones * scale - low * scale).clamp(0, 255).floor()
    return torch.where(high > low, stretched, tones)


def _equalize(images: Tensor, pixels: Tensor, turn: AugmentOp) -> Tensor:
    """All tones of a channel about equally frequent (Pillow's rounding)."""
    counts = torch.zeros(*pixels.shape[:2], 256, dtype=torch.int64, device=pixels.device)
    counts.scatter_add_(2, pixels, torch.ones_like(pixels))
    highest = pixels.amax(2, keepdim=True)
    step = (counts.sum(2, keepdim=True) - counts.gather(2, highest)) // 255
    below = counts.cumsum(2) - counts
    tones = torch.arange(256, device=pixels.device)
    equal = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, equal, tones)


def _colored(images: Tensor, turn: AugmentOp) -> Tensor:
    if images.shape[1] == 1:
        return images
    return _blend(
        grey(images)[:, None].float(), images.float(), on(_factor(turn), images.device)[:, None, None, None]
    )


def _sharpened(images: Tensor, turn: AugmentOp) -> Tensor:
    """Away from, or towards, the image smoothed over its neighbours; the outermost pixels stay."""
    kernel = torch.ones(1, 1, 3, 3, device=images.device)
    kernel[0, 0, 1, 1] = 5
    one_by_one = images.flatten(0, 1)[:, None].float()
    smooth = images.float()
    inner = (conv2d(one_by_one, kernel) / 13 + 0.5).floor()
    smooth[..., 1:-1, 1:-1] = inner.view(*images.shape[:2], *inner.shape[2:])
    return _blend(smooth, images.float(), on(_factor(turn), images.device)[:, None, None, None])


def _moved(images: Tensor, turn: AugmentOp) -> Tensor:
    """Turned, sheared or shifted."""
    mean, _ = moments(images.shape[1], images.device)
    fill = mean.round()
    grid = affine_grid(on(_maps(turn), images.device), list(images.shape), align_corners=False)
    moved = grid_sample(images.float() - fill, grid, mode="bicubic", align_corners=False)
    return (moved + fill).round_().clamp_(0, 255).to(torch.uint8)


def _maps(turn: AugmentOp) -> NDArray[np.float32]:
    """[b, 2, 3]: where in the image each pixel comes from, in coordinates from -1 to 1 (x, then y)."""
    strength = turn.sign * turn.level / STRONGEST
    maps = np.zeros((len(strength), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = 1
    angle = np.radians(30 * strength)
    turned = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    rows = turn.rows("rotate")
    maps[rows, :, :2] = turned[rows]
    # A shear keeps the upper (left) edge where it is: there the other coordinate is -1.
    for axis, (shear, shift) in enumerate((("shear_x", "translate_x"), ("shear_y", "translate_y"))):
        rows = turn.rows(shear)
        maps[rows, axis, 1 - axis] = maps[rows, axis, 2] = 0.3 * strength[rows]
        rows = turn.rows(shift)
        maps[rows, axis, 2] = 2 * 0.45 * strength[rows]
    return maps.astype(np.float32)


def grey(images: Tensor) -> Tensor:
    """The luma of images, int32 [b, side, side], as Pillow rounds it."""
    if images.shape[1] == 1:
        return images[:, 0].int()
    red, green, blue = images.int().unbind(1)
    return (19595 * red + 38470 * green + 7471 * blue + 2**15) >> 16


def _blend(none: Tensor, full: Tensor, factor: Tensor) -> Tensor:
    """From `none` (factor 0) to `full` (1) and beyond, in bytes, cut off as Pillow does."""
    return (none + factor * (full - none)).clamp(0, 255).to(torch.uint8)


def on(values: NDArray[Any], device: torch.device) -> Tensor:
    """An array on a device. The thread that asks does not wait for the device, which may be busy with training."""
    return torch.from_numpy(values).to(device, non_blocking=True)
