"""Tars, as webdataset writes them: each image beside a `.cls` or a `.json` of the same name; read in place.

`--data` names one tar, many by braces (`shards-{000000..000099}.tar`, `{train,val}-{0..9}.tar`), or a folder of
them. Which split a tar is of, its name tells, or its folder's. Tars without labels are of a folder: their images
are of the class whose folder they lie in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from spacelang.amount import counted
from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.encoded import Extents
from spacelang_runtime.data.forms.braces import expanded
from spacelang_runtime.data.forms.folder import laid_out
from spacelang_runtime.data.forms.labels import labels_of
from spacelang_runtime.data.forms.samples import read
from spacelang_runtime.data.forms.split_names import by_split, files_below
from spacelang_runtime.data.index import Arrays, indexed, key, lines, texts
from spacelang_runtime.data.listing import TESTS, TRAIN, ListedSplit, Listing
from spacelang_runtime.data.tree import members
from spacelang_runtime.data.workers import cores, worked
from spacelang_runtime.failure import Failure

PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
BESIDE = ("classes.txt", "labels.txt", "synsets.txt")  # the names of the numbers, a line each
MANY, MOST = 8, 16  # tars, from which on several processes index them; and such processes
TOLD = 5  # lines of what is wrong with tars


def listed(where: str, only_test: bool) -> Listing | None:
    """Tars. Their headers are read once, into the cache."""
    if not (paths := _tars(where)):
        return None
    whole = Path(where).expanduser()
    place = whole if whole.exists() else paths[0].parent
    of = by_split(paths, place)
    wanted = {name: own for name, own in of.items() if len(of) == 1 or not only_test or name != TRAIN}
    tars = [path for own in wanted.values() for path in own]
    index = indexed(key("tar", tars), lambda: _read(tars))
    extents, labels = _extents(index, tars, place), index["label"].astype(np.str_)
    said = _few(lines(index["notes"]))
    count = f"{len(tars)} tar shard{'s' * (len(tars) > 1)}"
    name = place.resolve().name if place.is_dir() else place.stem
    if not (labels != "").any():
        tree = members(place, extents, (TRAIN, *TESTS))
        listing = laid_out(tree, f"{count} of a folder", name, only_test)
        return Listing(listing.form, name, place, listing.parts, (*said, *listing.said))
    names, parts, first = _names(paths[0].parent), [], 0
    for split, own in wanted.items():
        last = first + len(own)
        rows = np.flatnonzero((extents.file >= first) & (extents.file < last))
        found = labels_of(labels[rows], names, shown(place) + (f" ({split})" if split else ""))
        said += found.said
        if not found.known.all():
            first_of = extents.name(int(rows[~found.known][0]))
            said.append(
                f"left out: {counted(int((~found.known).sum()), 'image')} without a label (first: {first_of})"
            )
        rows, first = rows[found.known], last
        called = index["called"][rows]
        parts.append(
            ListedSplit(
                split, found.classes, extents.take(rows), called, found.labels[found.known], extents.size[rows]
            )
        )
    return Listing(f"{count}, as webdataset writes them", name, place, tuple(parts), tuple(dict.fromkeys(said)))


def _tars(where: str) -> list[Path]:
    """The tars that are meant; none, where it is something else. Raises `Failure` for one that is not there, and
    for packed ones."""
    place = Path(where).expanduser()
    if place.is_dir():
        return files_below(place, ".tar")
    paths = [Path(text).expanduser() for text in expanded(where)]
    if paths[0].name.lower().endswith(PACKED):
        raise Failure(
            f"{shown(paths[0])} is packed as a whole, and nothing in it can be read by itself",
            "unpack it (tar xf), and give the folder",
        )
    if paths[0].suffix.lower() != ".tar":
        return []
    gone = [path for path in paths if not path.is_file()]
    if gone:
        of = f": {len(gone)} of {len(paths)} shards are missing" if len(paths) > 1 else ""
        raise Failure(f"there is no file {shown(gone[0])}{of}", "fetch it, or give those that are there")
    return paths


def _read(tars: Sequence[Path]) -> Arrays:
    """The index of tars: of each image its names, its place and its label. Of many, by several processes."""
    processes = min(MOST, cores()) if len(tars) >= MANY else 0
    parts = list(worked(Indexer(tuple(tars)), range(len(tars)), processes))
    whole: Arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "notes"}
    counts = [len(part["size"]) for part in parts]
    notes = texts(note for part in parts for note in lines(part["notes"]))
    return whole | {"shard": np.repeat(np.arange(len(tars), dtype=np.int32), counts), "notes": notes}


@frozen
class Indexer:
    """The index of the tar of that number."""

    tars: tuple[Path, ...]

    def __call__(self, number: int) -> Arrays:
        shard = read(self.tars[number])
        images = shard.images
        return {
            "names": np.array([image.name for image in images] or [b""])[: len(images)],
            "called": np.array(shard.called or [b""])[: len(images)],
            "label": texts(shard.labels)[1:],
            "start": np.array([image.start for image in images], dtype=np.int64),
            "size": np.array([image.size for image in images], dtype=np.int64),
            "notes": texts(shard.notes),
        }


def _extents(index: Arrays, tars: Sequence[Path], place: Path) -> Extents:
    size = index["size"].astype(np.int64)
    return Extents(
        place=place,
        files=tuple(tars),
        known_as=tuple(tars),
        names=index["names"].astype(np.bytes_),
        file=index["shard"].astype(np.int32),
        start=index["start"].astype(np.int64),
        stored=size,
        size=size,
        deflated=np.zeros(len(size), dtype=np.bool_),
    )


def _names(folder: Path) -> list[str] | None:
    """The names of classes that a file beside tars tells, or one beside their folder."""
    places = (place / name for place in (folder, folder.parent) for name in BESIDE)
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        return None
    return [line.strip() for line in found.read_text("utf-8-sig").splitlines() if line.strip()]


def _few(notes: list[str]) -> list[str]:
    """The first of many notes."""
    more = [f"{len(notes) - TOLD} more shards are like that"] if len(notes) > TOLD else []
    return [*notes[:TOLD], *more]
