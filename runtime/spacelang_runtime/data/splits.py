"""From a listing to the two splits that a run has, in an order that no form of the same images changes.

Images are ordered by class and then by name, as a folder has them; the rest of a run follows from that order and
from the names. So the same images, as folder, zip, shards or columns, give the same batches, the same held-out
images and the same fingerprint, as long as their names and the names of their classes are the same.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.listing import LAYOUT, TESTS, TRAIN, WHOLE, ListedSplit, Listing
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.source import DataSource, Split
from spacelang_runtime.data.stratify import ranks, stratified
from spacelang_runtime.failure import Failure

AT_ONCE = 1 << 16  # images of which there are Python objects at a time
ASK = "hold some out for the test, the same share of every class: --test-share 0.2"


@frozen
class TestShare:
    """A share of every class, held out to be tested on, of data that has no test split. Which images these are
    follows from their names and from the seed."""

    __test__ = False  # its name is no test's

    share: float
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.share:g} of every class held out for the test by seed {self.seed}"


def source(listing: Listing, most: int, held_out: TestShare | None = None) -> DataSource:
    """The training and the test split of a listing, whose own lines are for the caller to tell.

    most: limit of the shorter side in pixels when a picture is read. held_out: for the test, where the listing has
    no such split.
    Raises `Failure` for classes of the splits that differ, for one class, and where a split is missing.
    """
    place = shown(listing.place)
    whole, train, test = listing.part(WHOLE), listing.part(TRAIN), listing.part(*TESTS)
    if test is None:
        every = train or whole
        if every is None:
            raise Failure(f"{place}: there is no split train in it", LAYOUT)
        if held_out is None:
            there = f"one split of {len(every)} images" if train is None else f"train ({len(every)} images) alone"
            raise Failure(f"{place} has no test split: it is {there}", ASK)
        train, test = _parted(every, held_out, place)
    elif held_out is not None:
        raise Failure(
            f"{place} has a test split of its own: {test.name}, {len(test)} images", "leave out --test-share"
        )
    if train is None:
        raise Failure(f"{place}: there is no split train in it", LAYOUT)
    classes = _require_same(train, test, place)
    require_classes(classes, place)
    digest = sha256("\0".join(classes).encode())
    splits, files = [], dict[str, str]()
    for part in (train, test):
        split, sizes = ordered(part, most)
        files |= _told(part.name, classes, split, sizes)
        for values in (_names(part), split.labels.astype("<i8"), sizes.astype("<i8")):
            digest.update(values.tobytes())
        splits.append(split)
    return DataSource(
        name=listing.name,
        classes=classes,
        train=splits[0],
        test=splits[1],
        fingerprint=digest.hexdigest(),
        said=tuple(_numbered(classes)),
        files=files,
        form=listing.form,
        understood=understood(listing, splits),
    )


def tested(listing: Listing, most: int, held_out: TestShare | None) -> tuple[tuple[str, ...], Split]:
    """The classes and the images to test on: those of the test split, or all where there is one split alone, or
    what is held out of them."""
    if held_out is not None:
        found = source(listing, most, held_out)
        return found.classes, found.test
    part = listing.part(*TESTS, WHOLE)
    if part is None:
        raise Failure(f"{shown(listing.place)}: there is no split val (or test) in it", LAYOUT)
    require_classes(part.classes, shown(listing.place))
    return part.classes, ordered(part, most)[0]


def training(listing: Listing, most: int, held_out: TestShare | None) -> tuple[tuple[str, ...], Split]:
    """The classes and the images to learn from, none of which is tested on."""
    found = source(listing, most, held_out)
    return found.classes, found.train


def understood(listing: Listing, splits: list[Split]) -> str:
    """What data was taken for, in a line."""
    train, test = splits
    part = listing.part(*TESTS)
    own = f"{part.name} {len(test)}" if part else f"held out for the test {len(test)}"
    classes = len(listing.parts[0].classes)
    return f"{shown(listing.place)}: {listing.form}; {classes} classes; train {len(train)} images, {own}"


def ordered(part: ListedSplit, most: int) -> tuple[Split, NDArray[np.int64]]:
    """The images of a part by class and name, and their sizes in bytes."""
    order = _order(part)
    names, labels = part.names[order], part.labels[order]
    encoded = part.encoded.take(order)
    return Split(Files(encoded, most), labels, _ranks(part.classes, labels, names)), part.sizes[order]


def require_classes(classes: tuple[str, ...], place: str) -> None:
    """Refuse one class, and a class whose name cannot be printed."""
    for name in classes:
        if not name.isprintable():
            raise Failure(
                f"{place}: a class whose name cannot be printed: {name!a}", "give it another name in every split"
            )
    if len(classes) < 2:
        raise Failure(f"{place}: one class, {classes[0]}, leaves nothing to tell apart", LAYOUT)


def _order(part: ListedSplit) -> NDArray[np.int64]:
    """By class, then name, then size; images of one name and size in the order of the listing."""
    return np.lexsort((part.sizes, part.names, part.labels))


def _names(part: ListedSplit) -> NDArray[np.bytes_]:
    """The names in order, in an array that is as wide as the longest."""
    names = part.names[_order(part)]
    return names.astype(f"S{max(1, int(np.char.str_len(names).max(initial=1)))}")


def _ranks(
    classes: tuple[str, ...], labels: NDArray[np.int64], names: NDArray[np.bytes_], before: bytes = b""
) -> NDArray[np.uint64]:
    """The rank of each image, by its class and name. before: what these come after."""
    kinds = [before + name.encode("utf-8", "surrogateescape") + b"/" for name in classes]
    some = (slice(start, start + AT_ONCE) for start in range(0, len(labels), AT_ONCE))
    return ranks(
        kinds[label] + name
        for rows in some
        for label, name in zip(labels[rows].tolist(), names[rows].tolist(), strict=True)
    )


def _require_same(train: ListedSplit, test: ListedSplit, place: str) -> tuple[str, ...]:
    """The classes of both. Raises `Failure` where one has a class that the other lacks."""
    differing = sorted(set(train.classes) ^ set(test.classes))
    if differing:
        only = [f"{name} ({TRAIN if name in train.classes else test.name} only)" for name in differing[:3]]
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise Failure(
            f"{place}: train and {test.name} have different classes: {', '.join(only)}{more}",
            f"give every class images in both train and {test.name}",
        )
    return train.classes


def _parted(part: ListedSplit, held_out: TestShare, place: str) -> tuple[ListedSplit, ListedSplit]:
    """What is left of a part, and what is held out of it."""
    rank = _ranks(part.classes, part.labels, part.names, f"test {held_out.seed} ".encode())
    out = stratified(part.labels, rank, round(held_out.share * len(part)))
    if np.bincount(part.labels[out], minlength=len(part.classes)).min() == 0:
        least = int(np.bincount(part.labels, minlength=len(part.classes)).argmin())
        raise Failure(
            f"{place}: a test share of {held_out.share:g} takes no image of the class {part.classes[least]}",
            "take a larger share, or add images of it",
        )
    return _some(part, ~out, TRAIN), _some(part, out, TESTS[-1])


def _some(part: ListedSplit, which: NDArray[np.bool_], name: str) -> ListedSplit:
    return ListedSplit(
        name, part.classes, part.encoded.take(which), part.names[which], part.labels[which], part.sizes[which]
    )


def _told(part: str, classes: tuple[str, ...], split: Split, sizes: NDArray[np.int64]) -> dict[str, str]:
    """How many images of how many bytes each class of a split has."""
    counts = np.bincount(split.labels, minlength=len(classes)).tolist()
    whole = np.bincount(split.labels, weights=sizes, minlength=len(classes)).astype(int).tolist()
    return {
        f"{part}/{name}": f"{count} images of {size} bytes"
        for name, count, size in zip(classes, counts, whole, strict=True)
    }


def _numbered(classes: tuple[str, ...]) -> list[str]:
    """That numbers are ordered as text, where that is another order than that of the numbers."""
    if not all(name.isdecimal() for name in classes) or list(classes) == sorted(classes, key=int):
        return []
    return [
        f"the classes are numbers and are ordered as text: {', '.join(classes[:3])}, …, as torchvision has them; "
        f"timm has {', '.join(sorted(classes, key=int)[:3])}, …"
    ]
