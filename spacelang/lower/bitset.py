"""Sets of whole numbers from 0 up, as one integer each: bit v for the member v."""

from __future__ import annotations

from collections.abc import Iterator


def runs(found: int) -> Iterator[tuple[int, int]]:
    """The members of a set as runs of neighbours: where each begins, and how many there are."""
    start = 0
    while found:
        gap = (found & -found).bit_length() - 1
        found >>= gap
        length = (~found & (found + 1)).bit_length() - 1
        yield start + gap, length
        found >>= length
        start += gap + length


def smeared(found: int, length: int) -> int:
    """The union of a set moved up by 0, 1, ..., length - 1."""
    width = 1
    while 2 * width <= length:
        found |= found << width
        width *= 2
    return found | found << (length - width)
