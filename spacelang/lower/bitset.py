"""Sets of whole numbers from 0 up, as one integer each: bit v for the member v."""

from __future__ import annotations

from collections.abc import Iterator


def runs(sums: int) -> Iterator[tuple[int, int]]:
    """The members of a set as runs of neighbours: where each begins, and how many there are."""
    start = 0
    while sums:
        gap = (sums & -sums).bit_length() - 1
        sums >>= gap
        length = (~sums & (sums + 1)).bit_length() - 1
        yield start + gap, length
        sums >>= length
        start += gap + length


def smeared(sums: int, length: int) -> int:
    """The union of a set moved up by 0, 1, ..., length - 1."""
    width = 1
    while 2 * width <= length:
        sums |= sums << width
        width *= 2
    return sums | sums << (length - width)
