"""Training pictures that lie decoded in the memory of the device that trains, and are cropped there.

A processor core crops and resizes a few thousand small pictures a second, and a GPU learns from tens of thousands:
fed by workers, it waits. Where the decoded pictures take little of its memory (`SHARE`), they are copied there
once, workers draw the boxes alone, and the device resamples.

Resizing is Pillow's bicubic with antialiasing, along rows and then along columns, with bytes in between. (Pillow
13 begins with the columns where that is less work; where a tone overshoots black or white on the way, the two
orders differ by some levels.) Each output pixel is a weighted sum of input pixels, so both passes are products with
a matrix for each view.
"""

from __future__ import annotations

import numpy as np
import torch
from attrs import frozen
from torch import Tensor

from spacelang_runtime.data.pictures import Held
from spacelang_runtime.data.rand_augment import grey

SHARE = 10  # the pictures may take one part in so many of the device's memory
PLACES = 2**24  # pixels of pictures that are looked at at a time: about 25 bytes each, 400 MB
SHARPNESS = -0.5  # of the cubic (Keys, 1981), as Pillow has it


@frozen(eq=False)
class Resident:
    """Decoded pictures on a device.

    pixels: uint8, each picture's rows of RGB, one picture behind the other. starts: int64 [n], where each begins.
    widths, heights: int64 [n], 0 where a picture is broken. tallest, widest: the largest of them.
    """

    pixels: Tensor
    starts: Tensor
    heights: Tensor
    widths: Tensor
    tallest: int
    widest: int


def fits(held: Held, device: torch.device) -> bool:
    """Whether a device is one that takes such pictures, and has room for them."""
    if device.type != "cuda":
        return False
    free, whole = torch.cuda.mem_get_info(device)
    return held.pixels.nbytes <= min(whole // SHARE, free // 2)


def resident(held: Held, device: torch.device) -> Resident:
    """The pictures, copied to a device."""
    heights, widths = torch.from_numpy(held.shapes.astype(np.int64)).to(device).unbind(1)
    return Resident(
        pixels=torch.from_numpy(np.array(held.pixels)).to(device),
        starts=torch.from_numpy(held.starts).to(device),
        heights=heights,
        widths=widths,
        tallest=int(held.shapes[:, 0].max()),
        widest=int(held.shapes[:, 1].max()),
    )


def crops(pictures: Resident, boxes: Tensor, side: int, channels: int) -> Tensor:
    """Views of pictures, uint8 [b, channels, side, side].

    boxes: int64 [b, 5], on the pictures' device: a picture's index; top, left, height and width of what is seen of
    it. channels: 3, or 1 for the luma.
    """
    some = max(1, PLACES // (pictures.tallest * pictures.widest))
    return torch.cat([_crops(pictures, these, side, channels) for these in boxes.split(some)])


def _crops(pictures: Resident, boxes: Tensor, side: int, channels: int) -> Tensor:
    """`crops`, all at a time."""
    index, top, left, height, width = boxes.unbind(1)
    rows = torch.arange(pictures.tallest, device=boxes.device).clamp(max=(pictures.heights[index] - 1)[:, None])
    columns = torch.arange(pictures.widest, device=boxes.device).clamp(max=(pictures.widths[index] - 1)[:, None])
    places = pictures.starts[index][:, None] + 3 * pictures.widths[index][:, None] * rows
    places = places[:, :, None] + 3 * columns[:, None, :]
    seen = torch.stack([pictures.pixels[places + channel] for channel in range(3)], 1)  # [b, 3, tallest, widest]
    across = _weights(left, width, side, pictures.widest)
    down = _weights(top, height, side, pictures.tallest)
    narrow = _bytes(torch.einsum("bchw,bsw->bchs", seen.float(), across))
    views = _bytes(torch.einsum("bchs,bth->bcts", narrow, down))
    return (views if channels == 3 else grey(views)[:, None]).to(torch.uint8)


def _weights(first: Tensor, length: Tensor, side: int, extent: int) -> Tensor:
    """What each of `side` output pixels takes of each of `extent` input pixels, float32 [b, side, extent]; rows add
    up to 1, and are 0 outside `length` pixels from `first` on.

    Output pixel o has its centre at c = (o + 1/2) · length / side. Where that shrinks, the cubic is as much wider,
    so that it takes in all pixels; it reaches over two of its own pixels to each side.
    """
    scale = (length.double() / side)[:, None, None]
    wide = scale.clamp(min=1)
    centre = (torch.arange(side, device=first.device)[None, :, None] + 0.5) * scale
    place = torch.arange(extent, device=first.device)[None, None, :] - first[:, None, None]
    low = (centre - 2 * wide + 0.5).floor().clamp(min=0)
    high = torch.minimum((centre + 2 * wide + 0.5).floor(), length[:, None, None].double())
    weights = _cubic(((place - centre + 0.5) / wide).float()) * ((place >= low) & (place < high))
    return weights / weights.sum(2, keepdim=True)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic, a = `SHARPNESS`: (a + 2)|x|³ − (a + 3)|x|² + 1 up to 1, a(|x|³ − 5|x|² + 8|x| − 4) up to 2."""
    x, a = x.abs(), SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))


def _bytes(values: Tensor) -> Tensor:
    """Rounded to whole numbers of a byte, still as float32."""
    return (values + 0.5).floor_().clamp_(0, 255)
