"""Which columns of a table are the images and their labels, as Hugging Face writes them.

An image is a struct of its bytes and of the path that its file had; the classes' names stand in the schema's
metadata (`huggingface`). A column of bytes serves too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.amount import counted
from spacelang_runtime.data.decode import shown
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "picture", "photo")
LABELS = ("label", "labels", "class", "cls", "target", "category", "fine_label", "species")


@frozen
class Columns:
    """image: the column of images, whose bytes are a field of it where it is a `struct`. label: the other column.
    names: of the classes, by number; None where nothing tells them."""

    image: str
    struct: bool
    label: str
    names: tuple[str, ...] | None

    @property
    def bytes(self) -> str:
        """The column that the bytes are, as Parquet calls it."""
        return f"{self.image}.bytes" if self.struct else self.image


def arrow() -> Any:
    """pyarrow. Raises `Failure` where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise Failure(
            "Parquet and Arrow files are read by pyarrow, which is not installed",
            "pip install 'spacelang[parquet]'; or write the images as a folder, a zip or tar shards",
        ) from None
    return pyarrow


def columns(schema: pa.Schema, path: Path, features: dict[str, Any] | None = None) -> Columns:
    """The columns of a table. features: what is known of them from elsewhere. Raises `Failure` where there are none
    that can be meant."""
    types, known = arrow().types, features or _features(schema)
    structs = [field.name for field in schema if _is_image(types, field.type)]
    plain = [field.name for field in schema if types.is_binary(field.type) or types.is_large_binary(field.type)]
    images = structs or plain
    told = [name for name in images if known.get(name, {}).get("_type") == "Image"]
    image = _one(told or images, IMAGES)
    kinds = {field.name: field.type for field in schema}
    labels = [name for name, kind in kinds.items() if _is_label(types, kind) and name != image]
    classes = [name for name in labels if known.get(name, {}).get("_type") == "ClassLabel"]
    label = _one(classes or labels, LABELS)
    if image is None or label is None:
        there = ", ".join(f"{name} ({kind})" for name, kind in list(kinds.items())[:8])
        missing = "images (a struct of bytes and path, or bytes)" if image is None else "labels (numbers or texts)"
        raise Failure(
            f"{shown(path)}: no one column holds {missing}; there are: {there}", "call them image and label"
        )
    names = known.get(label, {}).get("names")
    return Columns(image, image in structs, label, tuple(map(str, names)) if names else None)


def bytes_of(column: pa.Array, is_struct: bool) -> pa.Array:
    """The bytes of images, out of their column."""
    return column.field("bytes") if is_struct else column


def paths_of(column: pa.Array, is_struct: bool) -> list[str | None]:
    """The paths that images had, out of their column; None where it has none."""
    has = is_struct and "path" in {field.name for field in column.type}
    paths: list[str | None] = column.field("path").to_pylist() if has else [None] * len(column)
    return paths


def sizes(content: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """How many bytes each image has, and which have none."""
    from pyarrow import compute

    size = compute.fill_null(compute.binary_length(content), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return size, size == 0


def label_texts(column: pa.Array) -> list[str]:
    """Labels as texts; empty for none."""
    return ["" if value is None else str(value) for value in column.to_pylist()]


def called(paths: Iterable[str | None], stem: str, first: int) -> list[bytes]:
    """What images' files are called: the last part of their paths; without one, the table and the row in it."""
    return [
        os.fsencode(os.path.basename(path.replace("\\", "/"))) if path else f"{stem}-{row:08d}".encode()
        for row, path in enumerate(paths, first)
    ]


def require_bytes(missing: NDArray[np.bool_], path: Path) -> list[str]:
    """What to say of images without bytes. Raises `Failure` where none has any."""
    if missing.all():
        raise Failure(
            f"{shown(path)}: its images have no bytes, only the paths that they had where it was written",
            "write it there again with the bytes: dataset.save_to_disk, or push_to_hub, puts them in; "
            "to_parquet does not",
        )
    count = int(missing.sum())
    return (
        [f"left out: {counted(count, 'row')} of {shown(path)} without bytes (first: row {missing.argmax()})"]
        if count
        else []
    )


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return {name: one for name, one in told.items() if isinstance(one, dict)} if isinstance(told, dict) else {}


def _is_image(types: Any, kind: pa.DataType) -> bool:
    return bool(types.is_struct(kind)) and "bytes" in {kind.field(number).name for number in range(kind.num_fields)}


def _is_label(types: Any, kind: pa.DataType) -> bool:
    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_integer(value) or types.is_string(value) or types.is_large_string(value))


def _one(names: list[str], usual: tuple[str, ...]) -> str | None:
    """The only one, or the one that is called as usual."""
    if len(names) == 1:
        return names[0]
    return next((name for name in usual if name in names), None)
