"""Which numbers of masks are areas, and which are on the borders between others alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

AREA = 0.1  # of a number's pixels, that lie inside where it is an area at all


@frozen
class Areas:
    """pixels: how many have each number. inside: how many of them have three neighbours of the same number: the one
    on their right and the two below."""

    pixels: Counter[int]
    inside: Counter[int]

    def on_borders(self, numbers: Sequence[int]) -> list[int]:
        """Those of some numbers that are nowhere an area."""
        return [number for number in numbers if self.inside[number] < AREA * self.pixels[number]]

    def share(self, numbers: Sequence[int]) -> float:
        """The share of the pixels that have some numbers."""
        return sum(self.pixels[number] for number in numbers) / sum(self.pixels.values())


def areas_of(masks: Iterable[NDArray[np.int64]]) -> Areas:
    """The areas of masks, each [height, width]."""
    areas = Areas(Counter(), Counter())
    for mask in masks:
        first, right, below, last = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
        areas.pixels.update(_counted(mask))
        areas.inside.update(_counted(first[(first == right) & (first == below) & (first == last)]))
    return areas


def _counted(numbers: NDArray[np.int64]) -> dict[int, int]:
    values, counts = np.unique(numbers, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
