"""What it is to have an option: a predicate on cells, or on layers."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from spacelang.architecture import Layer
from spacelang.lower.cells import LegalCell


def _no(_: Layer) -> bool:
    return False


@frozen
class Predicate:
    """Which cells of a stage have an option; or, where `cell` is None, which of its layers."""

    cell: Callable[[LegalCell], bool] | None
    layer: Callable[[Layer], bool] = _no
