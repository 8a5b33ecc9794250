"""A model from its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacelang_runtime.nn.network import Network


def load_model(folder: str | os.PathLike[str]) -> Network:
    """The network of a folder that `spacelang export` or `finetune` wrote, with its weights, as a module of torch.

    Raises `Failure` where the folder holds no model.
    """
    from spacelang_runtime.nn.saved import load

    return load(Path(folder))
