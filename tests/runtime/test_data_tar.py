"""The walk over a tar finds what the standard library finds, and where it ends too early."""

from __future__ import annotations

import io
import random
import struct
import tarfile
from pathlib import Path

import pytest

from spacelang_runtime.data.forms.tar import AHEAD, BLOCK, TarReader

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "GNU": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
SIZES = {"small": (0, 1, 7, 511, 512, 513, 1024), "mixed": (2, 900, 3_000, 200_000), "large": (30_000, 70_000)}


def written(path: Path, form: int, sizes: tuple[int, ...], count: int = 300) -> Path:
    """A tar of files, folders, links of both kinds and, where its form has them, long names."""
    draw, names = random.Random(7), list[str]()
    with tarfile.open(path, "w", format=form) as tar:
        for number in range(count):
            long = form != tarfile.USTAR_FORMAT and number % 11 == 3
            member = tarfile.TarInfo(f"folder/{'ü' * 120 * long}{number:05d}.jpg")
            content = draw.randbytes(draw.choice(sizes))
            member.size = len(content)
            if number % 17 == 5:
                member.type, member.linkname, content = tarfile.LNKTYPE, draw.choice(names), b""
            elif number % 19 == 5:
                member.type, member.linkname, content = tarfile.SYMTYPE, "elsewhere", b""
            elif number % 23 == 5:
                member.type, content = tarfile.DIRTYPE, b""
            elif not long:
                names.append(member.name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("form", FORMATS)
def test_the_walk_finds_the_names_places_and_sizes_that_tarfile_finds(form, sizes, tmp_path):
    path = written(tmp_path / "a.tar", FORMATS[form], SIZES[sizes])
    expected, links = [], 0
    with tarfile.open(path) as tar:
        for one in tar:
            links += one.issym()
            real = tar._find_link_target(one) if one.islnk() else one
            if real.isreg():
                expected.append((one.name.encode(), real.offset_data, real.size))
    walk = TarReader(path)
    assert [tuple(member) for member in walk] == expected
    assert walk.cut is None
    assert walk.links == links > 0


@pytest.mark.parametrize("sizes", SIZES)
def test_what_a_member_begins_with_can_be_had_on_the_way(sizes, tmp_path):
    path = written(tmp_path / "a.tar", tarfile.USTAR_FORMAT, SIZES[sizes])
    whole, walk = path.read_bytes(), TarReader(path)
    for member in walk:
        for most in (0, 1, 256, AHEAD, 10**9):
            end = member.start + min(most, member.size)
            assert walk.content(member, most) == whole[member.start : end]


def damaged(header: bytes, at: int, field: bytes) -> bytes:
    """A header with another field, and the sum that its bytes have then."""
    header = header[:at] + field + header[at + len(field) :]
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    return header[:148] + b"%06o\0 " % total + header[156:]


@pytest.mark.parametrize(
    "change",
    [
        lambda header: damaged(header, 124, b"no number!\0"),
        lambda header: header[:20] + bytes([header[20] ^ 1]) + header[21:],
        lambda header: header[:148] + b"no sum\0 " + header[156:],
        lambda header: damaged(header, 124, b"\x80" + struct.pack(">11s", b"\x7f" * 11)),
    ],
    ids=["size", "bit", "sum", "beyond"],
)
def test_a_header_that_is_none_ends_the_walk_at_its_place(change, tmp_path):
    path = written(tmp_path / "a.tar", tarfile.USTAR_FORMAT, SIZES["small"])
    members, whole = list(TarReader(path)), path.read_bytes()
    place = members[40].start - BLOCK
    path.write_bytes(whole[:place] + change(whole[place : place + BLOCK]) + whole[place + BLOCK :])
    walk = TarReader(path)
    assert list(walk) == members[:40]
    assert walk.cut is not None
    assert walk.cut[0] == place


def test_a_size_that_pax_tells_in_no_digits_is_that_of_the_header(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a.jpg")
        member.size, member.pax_headers = 3, {"size": "three"}
        tar.addfile(member, io.BytesIO(b"abc"))
    assert [(member.name, member.size) for member in TarReader(tmp_path / "a.tar")] == [(b"a.jpg", 3)]
