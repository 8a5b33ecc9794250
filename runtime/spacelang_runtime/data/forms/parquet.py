"""Parquet files with a column of images and one of labels: one file, or a folder of them, as a clone of a data set
from Hugging Face's hub is.

A Parquet file is read by row groups: of one image the whole group has to be read. Where all groups are small
(`NEAR`), images are read where they are. Larger ones, of which one photo would cost up to 100 MB, are read once,
group by group, and their images laid out in one file of the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang.amount import counted
from spacelang_runtime.data import cache
from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.encoded import Encoded, Extents, Which, stamp
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
from spacelang_runtime.data.forms.split_names import by_split, files_below
from spacelang_runtime.data.index import Arrays, hold, indexed, key, lines, texts
from spacelang_runtime.data.listing import TRAIN, ListedSplit, Listing
from spacelang_runtime.failure import Failure

NEAR = 1 << 20  # bytes of a group's images, up to which one of them is read together with the others


@frozen
class ParquetImages:
    """Images in the rows of Parquet files. names: [n], as a person knows them. file, group, row: [n], where each
    is; the row counts within its group."""

    place: Path
    files: tuple[Path, ...]
    columns: Columns
    names: NDArray[np.bytes_] = field(eq=False)
    file: NDArray[np.int32] = field(eq=False)
    group: NDArray[np.int32] = field(eq=False)
    row: NDArray[np.int32] = field(eq=False)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return f"{shown(self.files[self.file[index]])}: {bytes(self.names[index]).decode('utf-8', 'replace')}"

    def read(self, index: int) -> bytes:
        path, group = self.files[self.file[index]], int(self.group[index])
        try:
            with _ALONE:  # a Parquet file is read by one thread at a time
                value: bytes = _images(path, group, self.columns)[int(self.row[index])].as_py()
        except arrow().ArrowException as error:
            raise OSError(str(error)) from None
        return value

    def open(self, index: int) -> BinaryIO:
        return BytesIO(self.read(index))

    def stamps(self) -> Iterator[str]:
        for number in np.unique(self.file).tolist():
            yield stamp(self.files[number])
        yield from (str(part.tolist()) for part in (self.file, self.group, self.row))

    def take(self, which: Which) -> ParquetImages:
        parts = (self.names, self.file, self.group, self.row)
        return ParquetImages(self.place, self.files, self.columns, *(part[which] for part in parts))


def listed(where: str, only_test: bool) -> Listing | None:
    """Parquet files. All groups are read once, for the sizes of the images; the index is kept in the cache."""
    place = Path(where).expanduser()
    if place.is_dir():
        paths = files_below(place, ".parquet")
    else:
        paths = [place] if place.suffix.lower() == ".parquet" and place.is_file() else []
    if not paths:
        return None
    of = by_split(paths, place)
    wanted = {name: own for name, own in of.items() if len(of) == 1 or not only_test or name != TRAIN}
    tables = [path for own in wanted.values() for path in own]
    kinds = [columns(_table(path).schema_arrow, path) for path in tables]
    if len(set(kinds)) > 1:
        raise Failure(
            f"{shown(place)}: its files have different columns or classes", "give those that belong together"
        )
    index, blob, slow = _indexed(tables, kinds[0])
    said, parts, first = [*lines(index["notes"]), *slow], [], 0
    encoded = _encoded(index, tables, place, kinds[0], blob)
    for split, own in wanted.items():
        rows = np.flatnonzero((index["table"] >= first) & (index["table"] < first + len(own)))
        first += len(own)
        found = labels_of(index["label"][rows].astype(np.str_), kinds[0].names, where_of(place, split))
        if not found.known.any():
            said.append(f"left out: {where_of(place, split)}, whose {len(rows)} images have no labels")
            continue
        if not found.known.all():
            said.append(
                f"left out: {counted(int((~found.known).sum()), 'image')} without a label in "
                f"{where_of(place, split)}"
            )
        said += found.said
        rows, labels = rows[found.known], found.labels[found.known]
        parts.append(
            ListedSplit(
                split, found.classes, encoded.take(rows), index["called"][rows], labels, index["size"][rows]
            )
        )
    form = f"{len(tables)} Parquet file{'s' * (len(tables) > 1)}" + (", laid out in the cache" if blob else "")
    name = place.resolve().name if place.is_dir() else place.stem
    return Listing(form, name, place, tuple(parts), tuple(dict.fromkeys(said)))


def where_of(place: Path, split: str) -> str:
    """A split of data, for messages."""
    return shown(place) + (f" ({split})" if split else "")


class RowGroup(NamedTuple):
    """A row group: which of a table, its first row, how many it has, and how many bytes their images."""

    path: Path
    number: int
    first: int
    rows: int
    bytes: int


def _indexed(tables: Sequence[Path], kind: Columns) -> tuple[Arrays, Path | None, list[str]]:
    """What lies where in the tables; the file that their images are laid out in, where they are; and what to say
    where they had to be and could not."""
    of = [_groups(path, kind) for path in tables]
    size = sum(group.bytes for groups in of for group in groups)
    known = key(f"parquet {kind.image} {kind.label}", tables)
    largest = max((group.bytes for groups in of for group in groups), default=0)
    if largest <= NEAR:
        return indexed(known, lambda: _read(of, kind, None)), None, []
    if not cache.takes(size):
        slow = f"the cache has no room to lay {size / 2**30:.1f} GiB out, and an image costs a group of up to "
        slow += f"{largest / 2**20:.0f} MiB: this will be slow (SPACELANG_CACHE=FOLDER elsewhere, or tar shards)"
        return indexed(known, lambda: _read(of, kind, None)), None, [slow]
    blob = cache.home() / f"{known}{cache.LAID_OUT}"
    return indexed(known, lambda: _laid_out(of, kind, blob), blob), blob, []


def _laid_out(of: Sequence[Sequence[RowGroup]], kind: Columns, blob: Path) -> Arrays:
    """The index of tables, once their images have been written into a file."""
    unfinished = blob.with_suffix(".part")
    with open(unfinished, "wb") as file:
        made = _read(of, kind, file)
    unfinished.replace(blob)
    return made


def _read(of: Sequence[Sequence[RowGroup]], kind: Columns, out: BinaryIO | None) -> Arrays:
    """The index of tables, group by group. out: where their images are written one after the other."""
    parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in ("table", "group", "row", "start", "size")}
    names: list[bytes] = []
    files: list[bytes] = []
    labels: list[str] = []
    notes: list[str] = []
    place = 0
    for number, groups in enumerate(of):
        missing: list[NDArray[np.bool_]] = []
        whole = _table(groups[0].path) if groups else None
        for group in groups:
            table = whole.read_row_group(group.number, [kind.image, kind.label], use_threads=False)
            image = table.column(kind.image).combine_chunks()
            content = bytes_of(image, kind.struct)
            size, empty = sizes(content)
            here = np.flatnonzero(~empty)
            missing.append(empty)
            own = called(paths_of(image, kind.struct), group.path.stem, group.first)
            told = label_texts(table.column(kind.label))
            files += [own[row] for row in here.tolist()]
            names += [b"row %d (%s)" % (group.first + row, own[row]) for row in here.tolist()]
            labels += [told[row] for row in here.tolist()]
            own_sizes = size[here]
            ends = own_sizes.cumsum()
            for name, values in (
                ("table", np.full(len(here), number)),
                ("group", np.full(len(here), group.number)),
                ("row", here),
                ("start", place + ends - own_sizes),
                ("size", own_sizes),
            ):
                parts[name].append(values)
            if out is not None:
                for row in here.tolist():
                    out.write(content[row].as_buffer())
            place += int(own_sizes.sum())
        notes += require_bytes(np.concatenate([np.zeros(0, np.bool_), *missing]), groups[0].path) if groups else []
    return {
        **{name: np.concatenate([np.zeros(0, np.int64), *values]) for name, values in parts.items()},
        "names": np.array(names or [b""])[: len(names)],
        "called": np.array(files or [b""])[: len(files)],
        "label": texts(labels)[1:],
        "notes": texts(notes),
    }


def _encoded(index: Arrays, tables: Sequence[Path], place: Path, kind: Columns, blob: Path | None) -> Encoded:
    names, table = index["names"].astype(np.bytes_), index["table"].astype(np.int32)
    if blob is None:
        group, row = index["group"].astype(np.int32), index["row"].astype(np.int32)
        return ParquetImages(place, tuple(tables), kind, names, table, group, row)
    hold(blob)
    start, size = index["start"].astype(np.int64), index["size"].astype(np.int64)
    stored = np.zeros(len(size), dtype=np.bool_)
    return Extents(place, (blob,) * len(tables), tuple(tables), names, table, start, size, size, stored)


def _table(path: Path) -> Any:
    pyarrow = arrow()
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"{shown(path)} cannot be read as Parquet: {reason}", "fetch it again") from None


def _groups(path: Path, kind: Columns) -> list[RowGroup]:
    about, groups, first = _table(path).metadata, [], 0
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        chunks = (group.column(place) for place in range(group.num_columns))
        size = next(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == kind.bytes)
        groups.append(RowGroup(path, number, first, group.num_rows, size))
        first += group.num_rows
    return groups


_kept = lru_cache(maxsize=64)(_table)  # of a process that reads images


_ALONE = Lock()


@lru_cache(maxsize=8)
def _images(path: Path, group: int, kind: Columns) -> Any:
    """The images of a group, which several of them may be asked for one after the other."""
    table = _kept(path).read_row_group(group, [kind.bytes], use_threads=False)
    return bytes_of(table.column(kind.image).combine_chunks(), kind.struct)
