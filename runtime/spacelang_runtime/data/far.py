"""How far a photo is from what a network looks at."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

from spacelang_runtime.data.frame import Framing

# The photo has colours, and the network sees grey; a pixel of the network is more than TIMES × TIMES of the photo;
# or one of the photo more than a quarter of that of the network.
Far = Literal["in colour", "larger", "smaller"]
TIMES = 32  # 224 pixels of a photo of 24 million are 18 times as large, and no network of today minds
COLOURED = 10  # of 255, by which red, green and blue differ on average: old prints and scans have less
_LOOKED = 64  # pixels a side, at which colours are looked for


def far(picture: Image.Image, framing: Framing) -> tuple[Far, ...]:
    """In which ways an RGB picture is far from the pictures of a framing; none, where it is near."""
    shorter, wanted = min(picture.size), framing.preprocessing.shorter(framing.side)
    found: list[Far] = []
    if framing.channels == 1 and _coloured(picture):
        found.append("in colour")
    if shorter > TIMES * wanted:
        found.append("larger")
    if TIMES * shorter < 4 * wanted:
        found.append("smaller")
    return tuple(found)


def _coloured(picture: Image.Image) -> bool:
    small = np.asarray(picture.resize((_LOOKED, _LOOKED), Image.Resampling.BOX)).astype(int)
    return bool((small.max(2) - small.min(2)).mean() > COLOURED)
