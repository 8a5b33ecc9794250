"""The measures of a space on the command line: tables that cannot be used end the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.api import measures
from spacelang.api.measures import LABELS as LABELS
from spacelang.api.measures import Measures as Measures
from spacelang.cli.terminal import refused

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered


def priced(lowered: Lowered, paths: Sequence[Path]) -> tuple[Lowered, Measures]:
    """A space with the measures of some cost tables."""
    with refused():
        return measures.priced(lowered, paths)
