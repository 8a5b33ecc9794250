"""How sure a share is that was counted on so many images."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054  # of the normal distribution, for 95 %


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % score interval of a share, `part` of `whole`, from 0 to 1 (Wilson, 1927).

    It holds for shares near 0 and 1 too, where the interval of the normal distribution does not.
    """
    if not whole:
        return 0.0, 1.0
    share, z2 = part / whole, Z * Z / whole
    middle = share + z2 / 2
    margin = Z * sqrt(share * (1 - share) / whole + z2 / (4 * whole))
    return max(0.0, (middle - margin) / (1 + z2)), min(1.0, (middle + margin) / (1 + z2))
