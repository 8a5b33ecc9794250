"""What a model has learned from, as far as its folder tells: so that no test is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from spacelang_runtime.data.splits import TestShare


@frozen
class Learned:
    """The data of a training. share: held out of it for the test; fingerprint: of it, parted so."""

    share: TestShare
    fingerprint: str


def to_notes(share: float, seed: int, fingerprint: str) -> dict[str, Any]:
    """What a model's notes tell of the data that it was trained on. share: 0 where that had a test split."""
    return {"fingerprint": fingerprint, "test_share": share, "test_seed": seed}


def from_notes(notes: Mapping[str, Any]) -> Learned | None:
    """The data whose training images are to be kept out of a test; None where the data had a test split of its own,
    and where nobody knows."""
    share, seed, digest = (notes.get(name) for name in ("test_share", "test_seed", "fingerprint"))
    if not isinstance(share, int | float) or not 0 < share < 1 or not isinstance(seed, int):
        return None
    return Learned(TestShare(float(share), seed), digest) if isinstance(digest, str) else None
