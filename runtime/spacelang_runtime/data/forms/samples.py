"""The samples of one tar: images, each with the label that lies beside it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from attrs import define, field

from spacelang.outside import NotJson, parse
from spacelang_runtime.data.decode import SUFFIXES, shown
from spacelang_runtime.data.forms.tar import TarMember, TarReader
from spacelang_runtime.failure import Failure

IMAGES = frozenset(ending.encode() for ending in SUFFIXES)
POINT = ord(".")
KEYS = ("class_name", "label_name", "label", "cls", "class", "target", "class_id")  # of a JSON: the first is taken
LARGEST = 1 << 20  # bytes of a JSON beside an image


@define
class Shard:
    """What one tar holds. images: as they lie there; labels: of each, empty where it has none; called: the file
    names that they had before they came here. notes: what is wrong with it, in lines."""

    path: Path
    images: list[TarMember] = field(factory=list)
    labels: list[str] = field(factory=list)
    called: list[bytes] = field(factory=list)
    notes: list[str] = field(factory=list)


def read(path: Path) -> Shard:
    """The samples of a tar, by its headers. Raises `Failure` where it cannot be read, and where two images have one
    label between them."""
    shard, told, walk = Shard(path), dict[bytes, tuple[str, bytes]](), TarReader(path)
    try:
        for member in walk:
            stem, ending = _parted(member.name)
            if ending in IMAGES:
                shard.images.append(member)
            elif ending == b".cls":
                told[stem] = (walk.content(member, 256).decode("utf-8", "replace").strip(), b"")
            elif ending == b".json":
                told[stem] = _of_json(walk.content(member, LARGEST))
    except OSError as error:
        raise Failure(f"{shown(path)}: cannot be read: {error.strerror}", "check its permissions") from None
    _give_labels(shard, told)
    if walk.cut is not None:
        place, why = walk.cut
        size = path.stat().st_size
        whole = sum(bool(label) for label in shard.labels) if told else len(shard.images)
        taken = f"{whole} images before it are taken"
        shard.notes.append(f"{shown(path)} is cut off at byte {place} of {size}: {why}; {taken}")
    if walk.links:
        shard.notes.append(f"left out: {walk.links} links in {shown(path)}, which have no bytes of their own")
    return shard


def key(name: bytes) -> bytes:
    """What webdataset knows a sample by: its name up to the first point behind its folders."""
    folder, slash, own = name.rpartition(b"/")
    return folder + slash + own.partition(b".")[0]


def _parted(name: bytes) -> tuple[bytes, bytes]:
    """A name without its ending, and the ending in small letters; none, of what is hidden."""
    own = name[name.rfind(b"/") + 1 :]
    point = own.rfind(b".")
    if point <= 0 or own[0] == POINT or b"__MACOSX" in name:
        return name, b""
    return name[: len(name) - len(own) + point], own[point:].lower()


def _give_labels(shard: Shard, told: dict[bytes, tuple[str, bytes]]) -> None:
    """Find the label of each image: that of the same name but for its ending, else that of the same sample."""
    keys = [key(image.name) for image in shard.images]
    samples = Counter(keys)
    melted = [] if len(samples) == len(keys) else [one for one in shard.images if samples[key(one.name)] > 1]
    for image, own in zip(shard.images, keys, strict=True):
        stem = _parted(image.name)[0]
        label, called = told.get(stem) or told.get(own, ("", b""))
        if label and stem not in told and samples[own] > 1:
            both = [_text(one.name) for one in melted if key(one.name) == own][:2]
            raise Failure(
                f"{shown(shard.path)}: {both[0]} and {both[1]} have one label between them",
                "let each image have a label of its own name",
            )
        shard.labels.append(label)
        shard.called.append(called or image.name[image.name.rfind(b"/") + 1 :])
    if melted and told:
        melting = len({key(one.name) for one in melted})
        shard.notes.append(
            f"{shown(shard.path)}: {len(melted)} images have points in their names, by which webdataset would melt "
            f"them into {melting} (first: {_text(melted[0].name)}); here each is one"
        )


def _of_json(content: bytes) -> tuple[str, bytes]:
    """The label in a JSON, and the name of the file that the image was, where it tells one."""
    try:
        told = parse(content.decode("utf-8", "replace"))
    except NotJson:
        return "", b""
    if not isinstance(told, dict):
        return str(told) if isinstance(told, int | str) else "", b""
    label = next((told[name] for name in KEYS if isinstance(told.get(name), int | str)), "")
    called = told.get("filename")
    named = isinstance(called, str) and called.lower().endswith(SUFFIXES)
    return str(label), os.fsencode(os.path.basename(str(called))) if named else b""


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
