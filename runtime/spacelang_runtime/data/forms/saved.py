"""What `save_to_disk` of Hugging Face's `datasets` writes: Arrow files, whose images are read in place.

An Arrow file lies on the disk as it does in memory: where a value begins follows from the addresses, and no image
is looked at to list them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.encoded import Extents
from spacelang_runtime.data.forms.columns import (
    Columns,
    arrow,
    bytes_of,
    called,
    columns,
    label_texts,
    paths_of,
    require_bytes,
    sizes,
)
from spacelang_runtime.data.forms.labels import labels_of
from spacelang_runtime.data.forms.split_names import split_named
from spacelang_runtime.data.listing import TRAIN, WHOLE, ListedSplit, Listing
from spacelang_runtime.failure import Failure

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def listed(where: str, only_test: bool) -> Listing | None:
    """A folder of one split, or of several."""
    place = Path(where).expanduser()
    if (place / DICT).is_file():
        folders = [place / str(name) for name in _json(place / DICT).get("splits", [])]
    elif (place / STATE).is_file() and (place / INFO).is_file():
        folders = [place]
    else:
        return None
    of: dict[str, Path] = {}
    said: list[str] = []
    for folder in folders:
        name = split_named(folder.name if len(folders) > 1 else str(_json(folder / STATE).get("_split")))
        if name in of or (not name and len(folders) > 1):
            said.append(f"left out: {shown(folder)}, which is neither train, val nor test")
        else:
            of[name] = folder
    wanted = {name: own for name, own in of.items() if len(of) == 1 or not only_test or name != TRAIN}
    parts = []
    for name, folder in wanted.items():
        part, lines = _part(name, folder)
        said += lines
        parts += [part] if part is not None else []
    return Listing("Arrow files of save_to_disk", place.resolve().name, place, tuple(parts), tuple(said))


@frozen
class ArrowTable:
    """What one Arrow file holds: of each image its bytes' place and number, what its file was called, its label,
    and the row that it is."""

    start: NDArray[np.int64]
    size: NDArray[np.int64]
    called: list[bytes]
    label: list[str]
    row: NDArray[np.int64]
    notes: list[str]


def _part(name: str, folder: Path) -> tuple[ListedSplit | None, list[str]]:
    """A split, and what to tell of it; None for one without labels."""
    state, features = _json(folder / STATE), _json(folder / INFO).get("features")
    if state.get("_indices_files"):
        raise Failure(
            f"{shown(folder)} is a choice of rows of another table", "write it again: dataset.flatten_indices()"
        )
    files = [folder / str(one["filename"]) for one in state.get("_data_files", [])]
    kind = columns(_stream(files[0])[0].schema, files[0], features) if files else None
    if kind is None:
        raise Failure(f"{shown(folder)} tells of no files", "write it again by save_to_disk")
    tables = [_table(path, kind) for path in files]
    place = shown(folder)
    found = labels_of(np.array([label for table in tables for label in table.label]), kind.names, place)
    notes = [note for table in tables for note in table.notes]
    if not found.known.any():
        return None, [*notes, f"left out: {place}, whose {len(found.labels)} images have no labels"]
    if not found.known.all():
        notes.append(f"left out: {int((~found.known).sum())} images without a label in {place}")
    names = [b"row %d (%s)" % (row, own) for t in tables for row, own in zip(t.row.tolist(), t.called, strict=True)]
    size = np.concatenate([table.size for table in tables])
    every = Extents(
        place=folder,
        files=tuple(files),
        known_as=tuple(files),
        names=np.array(names),
        file=np.repeat(np.arange(len(tables), dtype=np.int32), [len(table.size) for table in tables]),
        start=np.concatenate([table.start for table in tables]),
        stored=size,
        size=size,
        deflated=np.zeros(len(size), dtype=np.bool_),
    )
    known = np.flatnonzero(found.known)
    own = np.array([name for table in tables for name in table.called])[known]
    part = ListedSplit(name or WHOLE, found.classes, every.take(known), own, found.labels[known], size[known])
    return part, [*notes, *found.said]


def _table(path: Path, kind: Columns) -> ArrowTable:
    """The images of an Arrow file, where they lie in it."""
    batches, base, end = _stream(path)
    starts, all_sizes, empties = [], [], []
    names: list[bytes] = []
    labels: list[str] = []
    first = 0
    for batch in _batches(batches, path):
        image = batch.column(kind.image)
        content = bytes_of(image, kind.struct)
        size, empty = sizes(content)
        starts.append(_starts(content, base, end, path))
        all_sizes.append(size)
        empties.append(empty)
        names += called(paths_of(image, kind.struct), path.stem, first)
        labels += label_texts(batch.column(kind.label))
        first += len(batch)
    empty = np.concatenate([np.zeros(0, np.bool_), *empties])
    notes = require_bytes(empty, path)
    rows = np.flatnonzero(~empty)
    return ArrowTable(
        start=np.concatenate(starts)[rows],
        size=np.concatenate(all_sizes)[rows],
        called=[names[row] for row in rows.tolist()],
        label=[labels[row] for row in rows.tolist()],
        row=rows,
        notes=notes,
    )


def _starts(content: Any, base: int, end: int, path: Path) -> NDArray[np.int64]:
    """Where in its file each value of a column begins."""
    _, offsets, values = content.buffers()
    if values is None or not len(content):
        return np.zeros(len(content), dtype=np.int64)
    if not base <= values.address < end:
        raise Failure(f"{shown(path)} is compressed, and cannot be read in place", "write it again by save_to_disk")
    wide = np.int64 if arrow().types.is_large_binary(content.type) else np.int32
    all_offsets = np.frombuffer(offsets, dtype=wide)[content.offset : content.offset + len(content)]
    return values.address - base + all_offsets.astype(np.int64)


def _stream(path: Path) -> tuple[Any, int, int]:
    """The batches of an Arrow file, mapped, with the address that it begins at and the one that it ends at."""
    pyarrow = arrow()
    from pyarrow import ipc

    try:
        whole = pyarrow.memory_map(str(path)).read_buffer()
        reader = ipc.open_stream(pyarrow.BufferReader(whole))
        return reader, whole.address, whole.address + whole.size
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _batches(batches: Any, path: Path) -> Iterator[Any]:
    try:
        yield from batches
    except (arrow().ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> Failure:
    why = str(error).splitlines()[0]
    return Failure(f"{shown(path)} cannot be read as Arrow: {why}", "fetch it again, or write it by save_to_disk")


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{shown(path)} cannot be read: {error}", "write it again by save_to_disk") from None
    return told if isinstance(told, dict) else {}
