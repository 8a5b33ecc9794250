"""What a model in one file tells of itself: how its images are made, and the names of its classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from spacelang.architecture import Architecture
from spacelang_runtime.nn.saved import class_names
from spacelang_runtime.preprocessing import Preprocessing, to_cfg


def metadata(
    architecture: Architecture, image: int | None, notes: Mapping[str, Any], preprocessing: Preprocessing
) -> dict[str, str]:
    """Names and values as text, under timm's words: lists and numbers as JSON, `label_names` where they are known.

    image: the side of the images; None: the architecture's. notes: as `saved.save` takes them.
    """
    frame = evolve(architecture.frame, image=image or architecture.frame.image)
    stated = to_cfg(preprocessing, frame)
    if names := class_names(architecture, notes):
        stated["label_names"] = names
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in stated.items()
    }
