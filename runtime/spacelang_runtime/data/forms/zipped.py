"""A zip of a folder, read in place: each image is a part of it, stored as it is or deflated."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
from attrs import evolve

from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.encoded import Extents
from spacelang_runtime.data.forms.folder import laid_out
from spacelang_runtime.data.listing import TESTS, TRAIN, Listing
from spacelang_runtime.data.tree import members
from spacelang_runtime.failure import Failure

HEADER = struct.Struct("<4s22xHH")  # a member's own header: how long its name is, and what stands behind that
ENCRYPTED = 0x1


def listed(where: str, only_test: bool) -> Listing | None:
    """A file that ends in `.zip`."""
    path = Path(where).expanduser()
    if path.suffix.lower() != ".zip" or not path.is_file():
        return None
    tree = members(path, extents(path), (TRAIN, *TESTS))
    return evolve(laid_out(tree, "a zip of a folder", path.stem, only_test), place=path)


def extents(path: Path) -> Extents:
    """The files of a zip. Raises `Failure` for one that is cut off, encrypted, or packed in a way that is not
    deflate."""
    try:
        with zipfile.ZipFile(path) as file:
            every = [one for one in file.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Failure(f"{shown(path)} cannot be read as a zip: {error}", "fetch it again, or unpack it") from None
    for one in every:
        if one.flag_bits & ENCRYPTED or one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            how = "encrypted" if one.flag_bits & ENCRYPTED else "packed by another method than deflate"
            raise Failure(f"{shown(path)}: {one.filename} is {how}", "unpack it, and give the folder")
    with open(path, "rb", buffering=0) as file:
        starts = [_start(file.fileno(), one.header_offset, path) for one in every]
    count = len(every)
    return Extents(
        place=path,
        files=(path,),
        known_as=(path,),
        names=np.array([os.fsencode(one.filename) for one in every] or [b""])[:count],
        file=np.zeros(count, dtype=np.int32),
        start=np.array(starts, dtype=np.int64),
        stored=np.array([one.compress_size for one in every], dtype=np.int64),
        size=np.array([one.file_size for one in every], dtype=np.int64),
        deflated=np.array([one.compress_type == zipfile.ZIP_DEFLATED for one in every], dtype=np.bool_),
    )


def _start(file: int, header: int, path: Path) -> int:
    """Where the bytes of the member begin whose header is there."""
    content = os.pread(file, HEADER.size, header)
    if len(content) < HEADER.size or content[:4] != b"PK\3\4":
        raise Failure(f"{shown(path)} is damaged at byte {header}", "fetch it again")
    _, name, extra = HEADER.unpack(content)
    return header + HEADER.size + int(name) + int(extra)
