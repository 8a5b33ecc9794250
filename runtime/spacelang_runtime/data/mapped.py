"""The bytes of a file, read where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def mapped(place: Path) -> NDArray[np.uint8]:
    """The bytes of a file, which is not empty, as an array; what is written into it stays with the process."""
    return np.memmap(place, dtype=np.uint8, mode="c")


def place_of(pixels: NDArray[np.uint8]) -> Path | None:
    """The file of bytes that are mapped; None for those in memory, and where the file has been removed since."""
    place = Path(str(pixels.filename)) if isinstance(pixels, np.memmap) else None
    return place if place is not None and place.exists() else None
