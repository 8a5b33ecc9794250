"""A model in a file, loaded into its runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.failure import Failure

Array = NDArray[np.float32]


@frozen(eq=False)
class Session:
    """answer: images [b, channels, side, side] to logits [b, classes], in float32. batch: the b that it takes;
    None: any. told: what the file tells of itself (`export.metadata`). runtime: its name and version."""

    answer: Callable[[Array], Array]
    batch: int | None
    told: Mapping[str, str]
    runtime: str


def absent(error: ImportError, what: str, extra: str) -> Failure:
    """What to say where a package is missing, with the command that installs it."""
    return Failure(
        f"{what} needs a package that is not installed: {error.name}", f"pip install 'spacelang[{extra}]'"
    )


def texts(kept: Any) -> dict[str, str]:
    """Names and texts, of what a file kept as one value."""
    return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}
