"""What a model in one file tells of itself: its network, how its images are made, and the names of its classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from spacelang import notation
from spacelang.architecture import Architecture, NotAnArchitecture
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.saved import class_names
from spacelang_runtime.preprocessing import Preprocessing, from_cfg, to_cfg


def metadata(
    architecture: Architecture, image: int | None, notes: Mapping[str, Any], preprocessing: Preprocessing
) -> dict[str, str]:
    """Names and values as text, under timm's words: lists and numbers as JSON, `label_names` where they are known;
    and the network's line under `network`.

    image: the side of the images; None: the architecture's. notes: as `saved.save` takes them.
    """
    frame = evolve(architecture.frame, image=image or architecture.frame.image)
    stated = {"network": notation.write(architecture), **to_cfg(preprocessing, frame)}
    if names := class_names(architecture, notes):
        stated["label_names"] = names
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in stated.items()
    }


@frozen
class FileMetadata:
    """What a file tells. architecture: its image is that of the file. classes: their names, where they are
    known."""

    architecture: Architecture
    preprocessing: Preprocessing
    classes: tuple[str, ...]


def told_by(metadata: Mapping[str, str], where: str) -> FileMetadata:
    """What a file's metadata says. where: the file. Raises `Failure` where it is not what `metadata` writes."""
    try:
        architecture = notation.read(metadata["network"])
        stated = {name: _value(metadata[name]) for name in metadata if name != "network"}
        _, _, side = stated["input_size"]
        frame = evolve(architecture.frame, image=side)
    except (KeyError, TypeError, ValueError, NotAnArchitecture):
        raise Failure(
            f"{where} does not tell which network it is, or how its images are made", "export it again"
        ) from None
    names = stated.get("label_names") or ()
    known = tuple(map(str, names)) if isinstance(names, list) else ()
    return FileMetadata(evolve(architecture, frame=frame), from_cfg(stated, frame, where), known)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
