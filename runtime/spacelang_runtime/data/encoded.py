"""Where the bytes of encoded images are read from: files in folders, or parts of larger files.

A form of data (`forms`) gives one of these for each of its splits. All read at random, from any process, and keep
nothing open between two reads.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.data.decode import shown

Which = NDArray[np.bool_] | NDArray[np.int64]


class Encoded(Protocol):
    """Encoded images by index. place: the folder or file that they are of, as the user knows it."""

    @property
    def place(self) -> Path: ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Which image it is, for a person."""
        ...

    def read(self, index: int) -> bytes:
        """All bytes of an image. Raises OSError where they cannot be read."""
        ...

    def open(self, index: int) -> BinaryIO:
        """The same as a file, of which the beginning may be all that is asked for."""
        ...

    def stamps(self) -> Iterator[str]:
        """What a change of the images changes too, without opening one: names, sizes, times."""
        ...

    def take(self, which: Which) -> Encoded:
        """Some of them, or all in another order."""
        ...


@frozen
class Paths:
    """A file for each image.

    folders: where the images of each class lie. names: [n] file names, as an array of bytes, since the reference
    counts of a million Python strings would have every worker copy them. labels: [n], which of the folders.
    """

    place: Path
    folders: tuple[Path, ...]
    names: NDArray[np.bytes_] = field(eq=False)
    labels: NDArray[np.int64] = field(eq=False)

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        return self.folders[self.labels[index]] / os.fsdecode(bytes(self.names[index]))

    def name(self, index: int) -> str:
        return shown(self.path(index))

    def read(self, index: int) -> bytes:
        return self.path(index).read_bytes()

    def open(self, index: int) -> BinaryIO:
        return open(self.path(index), "rb")

    def stamps(self) -> Iterator[str]:
        for index in range(len(self)):
            path = self.path(index)
            try:
                stat = path.stat()
                yield f"{path.parent.name!r} {path.name!r} {stat.st_size} {stat.st_mtime_ns}\n"
            except OSError:
                yield f"{path.parent.name!r} {path.name!r} is gone\n"

    def take(self, which: Which) -> Paths:
        return Paths(self.place, self.folders, self.names[which], self.labels[which])


@frozen
class Extents:
    """A part of a file for each image: a member of a tar or a zip, a value of a column.

    files: what is read; known_as: what a person knows each of them by. names: [n], of the images inside. file: [n],
    which of the files. start, stored: [n], where the bytes begin, and how many there are. size: [n], of the image;
    where that is another number than `stored`, they are deflated (RFC 1951).
    """

    place: Path
    files: tuple[Path, ...]
    known_as: tuple[Path, ...]
    names: NDArray[np.bytes_] = field(eq=False)
    file: NDArray[np.int32] = field(eq=False)
    start: NDArray[np.int64] = field(eq=False)
    stored: NDArray[np.int64] = field(eq=False)
    size: NDArray[np.int64] = field(eq=False)
    deflated: NDArray[np.bool_] = field(eq=False)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        inside = bytes(self.names[index]).decode("utf-8", "replace")
        return f"{shown(self.known_as[self.file[index]])}: {inside}"

    def read(self, index: int) -> bytes:
        start, stored, size = int(self.start[index]), int(self.stored[index]), int(self.size[index])
        with open(self.files[self.file[index]], "rb", buffering=0) as file:
            content = os.pread(file.fileno(), stored, start)
        if len(content) < stored:
            raise OSError(f"its bytes end after {len(content)} of {stored}: the file is cut off")
        if not self.deflated[index]:
            return content
        try:
            whole = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
        except zlib.error as error:
            raise OSError(f"it cannot be inflated: {error}") from None
        if len(whole) != size:
            raise OSError("it is not as large as it should be")
        return whole

    def open(self, index: int) -> BinaryIO:
        if self.deflated[index]:
            return BytesIO(self.read(index))
        path, start, stored = self.files[self.file[index]], int(self.start[index]), int(self.stored[index])
        return BufferedReader(FileSlice(path, start, stored))

    def stamps(self) -> Iterator[str]:
        for number in np.unique(self.file).tolist():
            yield stamp(self.files[number])
        inside = blake2b(self.names.tobytes(), digest_size=16)
        for part in (self.file, self.start, self.stored):
            inside.update(part.tobytes())
        yield inside.hexdigest()

    def take(self, which: Which) -> Extents:
        parts = (self.names, self.file, self.start, self.stored, self.size, self.deflated)
        return Extents(self.place, self.files, self.known_as, *(part[which] for part in parts))


class FileSlice(RawIOBase):
    """So many bytes of a file from a place on, as a file of their own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self.file, self.start, self.size, self.at = os.open(path, os.O_RDONLY), start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence])
        return self.at

    def readinto(self, buffer: memoryview) -> int:
        wanted = max(0, min(len(buffer), self.size - self.at))
        got = os.pread(self.file, wanted, self.start + self.at)
        buffer[: len(got)] = got
        self.at += len(got)
        return len(got)

    def close(self) -> None:
        if not self.closed:
            os.close(self.file)
        super().close()


def stamp(path: Path) -> str:
    """What tells a file from one of another content: its name, size and time of change."""
    try:
        stat = path.stat()
    except OSError:
        return f"{path.name!r} is gone\n"
    return f"{str(path.resolve())!r} {stat.st_size} {stat.st_mtime_ns}\n"
