"""The exact sums of many products of whole numbers."""

from __future__ import annotations

import numpy as np

from spacelang.lower.sums import Array, Real


def product(weight: Array, inside: Real) -> int:
    """The exact sum of the products of whole numbers; `inside` and a float64 `weight` are below 2^53."""
    if weight.dtype == object:
        kept = np.nonzero(inside)[0]
        return sum(int(a) * int(b) for a, b in zip(weight[kept].tolist(), inside[kept].tolist(), strict=True))
    # The sum modulo 2^64 is exact in wrapping integers; its size is known to a relative n 2^-53 in float64.
    # As long as that error is below 2^62 the two together are the sum.
    answer = 0
    for start in range(0, len(weight), 1 << 16):
        one, other = weight[start : start + (1 << 16)], inside[start : start + (1 << 16)]
        scale = max(float(one.max()) * float(other.max()) * len(one) * 2.0**-52, 1.0)
        if scale * len(one) >= 2.0**62:
            answer += product(one.astype(np.int64).astype(object), other)
            continue
        low = int((one.astype(np.uint64) * other.astype(np.uint64)).sum(dtype=np.uint64))
        size = int((one * other).sum())
        answer += low + (((size - low) + 2**63) >> 64 << 64)
    return answer


def products(inside: Real, weight: Array) -> Array:
    """The exact sum of the products of each row of `inside` (rows, n) with whole weights (n,)."""
    if weight.dtype != object:
        size = inside @ weight
        if size.max(initial=0) < 2.0**53:
            return np.array(size.astype(np.int64).tolist(), object)
        # As in `product`: modulo 2^64 the sum is exact in integers, and its size is known closely enough.
        if size.max() * len(weight) * 2.0**-52 < 2.0**62:
            low = (inside.astype(np.uint64) @ weight.astype(np.uint64)).tolist()
            return np.array(
                [
                    one + (((int(whole) - one) + 2**63) >> 64 << 64)
                    for one, whole in zip(low, size.tolist(), strict=True)
                ],
                object,
            )
    return np.array([product(weight, row) for row in inside], object)
