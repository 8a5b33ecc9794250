"""What is held out for the test, of data without a test split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacelang.api.error import NotAnOption
from spacelang.api.finish import share_of

if TYPE_CHECKING:
    from spacelang_runtime.data.splits import TestShare


def held_out(share: float | str | None, seed: int) -> TestShare | None:
    """What is held out for the test, of data without a test split; None for nothing. Raises `NotAnOption` for what
    is no share."""
    if share is None:
        return None
    if isinstance(share, str):
        share = float(share_of(share, "test_share"))
    if not 0 < share < 1:
        raise NotAnOption("test_share", f"{share:g} is no share of every class: it is between 0 and 1, such as 0.2")
    from spacelang_runtime.data.splits import TestShare

    return TestShare(share, seed)
