"""What lies where in a tar, by its headers alone.

A tar is headers of 512 bytes, each before the bytes of its member, which are filled up to a multiple of 512; two
headers of zeros end it (POSIX.1-2017, pax, ustar interchange format). Read are ustar, pax's `path` and `size`, and
GNU's long names and large numbers. `tarfile` of the standard library does the same, some ten times slower, and
passes over the place where a file is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import adler32

from attrs import define

BLOCK = 512
AHEAD = 4 * BLOCK  # read at a time: a header, a small member such as a label, and the next header
SMALL = 1 << 13  # members that take no more on average have a header in nearly every page of memory,
NEAR = 1 << 20  # so all is read, in large pieces
MOST_NAME = 1 << 16  # bytes of a long name, or of what pax tells of a member


class TarMember(NamedTuple):
    """A file in a tar. start: where its bytes begin."""

    name: bytes
    start: int
    size: int


@define
class TarReader:
    """A walk over the members of a tar. cut: once it has ended, where it ended too early, and why; None where the
    tar is whole. links: members that are links to files, or have holes, which are passed over."""

    path: Path
    cut: tuple[int, str] | None = None
    links: int = 0
    _file: int = -1
    _read: bytes = b""  # a piece of the file
    _at: int = 0  # and where it begins

    def __iter__(self) -> Iterator[TarMember]:
        with open(self.path, "rb", buffering=0) as file:
            self._file = file.fileno()
            if hasattr(os, "posix_fadvise"):  # what lies behind a header is mostly an image, which nobody asks for
                os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_RANDOM)
            yield from self._members(os.fstat(self._file).st_size)

    def content(self, member: TarMember, most: int) -> bytes:
        """The first bytes, at most so many, of the member that the walk has come to."""
        return self._bytes(member.start, min(member.size, most))

    def _bytes(self, place: int, count: int) -> bytes:
        start = place - self._at  # a second name of a file is for a place before
        inside = start >= 0 and start + count <= len(self._read)
        return self._read[start : start + count] if inside else os.pread(self._file, count, place)

    def _members(self, end: int) -> Iterator[TarMember]:
        place, count, long_name, long_size = 0, 0, b"", -1
        known: dict[bytes, TarMember] = {}
        while True:
            header = self._read[place - self._at : place - self._at + BLOCK]
            if len(header) < BLOCK:
                self._read = os.pread(self._file, NEAR if place < count * SMALL else AHEAD, place)
                self._at, header = place, self._read[:BLOCK]
            if len(header) < BLOCK:
                self.cut = (place, "it ends without an end mark")
                return
            if header[0] == 0 and not header.strip(b"\0"):
                return
            size = _size(header)
            if size < 0:
                self.cut = (place, "there is no header of a member")
                return
            size = size if long_size < 0 else long_size
            kind, start, count = header[156:157], place + BLOCK, count + 1
            if start + size > end:
                name = (long_name or _name(header)).decode("utf-8", "replace")
                self.cut = (place, f"it ends inside of {name}")
                return
            after = start + -(-size // BLOCK) * BLOCK
            match kind:
                case b"0" | b"\0" | b"7":
                    member = TarMember(long_name or _name(header), start, size)
                    known[member.name] = member
                    yield member
                case b"L":
                    long_name = self._bytes(start, min(size, MOST_NAME)).rstrip(b"\0")
                case b"x":
                    told = _pax(self._bytes(start, min(size, MOST_NAME)))
                    long_name, long_size = told.get(b"path", long_name), _decimal(told.get(b"size", b""))
                case b"1":  # a second name of a file that has come before
                    first = known.get(header[157:257].partition(b"\0")[0])
                    if first is None:
                        self.links += 1
                    else:
                        yield first._replace(name=long_name or _name(header))
                    after = start
                case b"2" | b"S":
                    self.links += 1
            if kind not in b"LxgK":
                long_name, long_size = b"", -1
            place = after


def _size(header: bytes) -> int:
    """How many bytes a member has; -1 where this is no header: the sum of its bytes, the place of the sum itself
    counted as spaces, is not what it says."""
    try:
        # Half of Adler's sum is one more than the sum of the bytes, modulo what headers can exceed but once.
        counted = (adler32(header[156:], adler32(header[:148])) & 0xFFFF) - 1 + 8 * 32
        return max(0, _number(header[124:136])) if (counted - _number(header[148:156])) % 65521 == 0 else -1
    except ValueError:
        return -1


def _number(digits: bytes) -> int:
    """Octal digits, or, as GNU writes large numbers, bytes behind a first one of 128. Raises ValueError."""
    if digits[0] & 0x80:
        return int.from_bytes(digits[1:], "big")
    return int(digits.partition(b"\0")[0].strip() or b"0", 8)


def _decimal(digits: bytes) -> int:
    """The number, or -1 where there is none."""
    return int(digits) if digits.isdigit() else -1


def _name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    if header[345] and header[257:262] == b"ustar" and header[263:265] == b"00":
        return header[345:500].partition(b"\0")[0] + b"/" + name
    return name


def _pax(records: bytes) -> dict[bytes, bytes]:
    """What the records `LENGTH KEY=VALUE` tell."""
    told = {}
    while records:
        length, _, _ = records.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(records):
            break
        key, _, value = records[len(length) + 1 : int(length) - 1].partition(b"=")
        told[key] = value
        records = records[int(length) :]
    return told
