"""What photos show, as a network tells it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from spacelang.amount import counted
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.architecture import Frame
    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing

TOP = 5
FEW = 6  # classes in a line
Place = str | os.PathLike[str]


@frozen
class Prediction:
    """What a photo shows. shares: the likeliest classes, the first one first, each with its share of the certainty,
    from 0 to 1. broken: why the photo cannot be read; empty where it can. far: how it is unlike what the network
    learned to see: `in colour`, where that is grey; `larger` by more than 32 times, `smaller` by more than 8."""

    photo: Path
    shares: tuple[tuple[str, float], ...]
    broken: str = ""
    far: tuple[str, ...] = ()

    @property
    def best(self) -> str | None:
        """The likeliest class; None where the photo cannot be read."""
        return self.shares[0][0] if self.shares else None

    def record(self) -> dict[str, Any]:
        """The prediction as JSON has it."""
        if self.broken:
            return {"photo": str(self.photo), "broken": self.broken}
        classes = [{"class": name, "share": share} for name, share in self.shares]
        return {"photo": str(self.photo), "classes": classes} | ({"far": list(self.far)} if self.far else {})


@frozen(repr=False)
class Predictions:
    """What photos show, in their order."""

    predictions: tuple[Prediction, ...]

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def __getitem__(self, at: int) -> Prediction:
        return self.predictions[at]

    def records(self) -> list[dict[str, Any]]:
        """A row for each photo: its path, its likeliest class, and the share of that."""
        return [
            {"photo": str(one.photo), "class": one.best, "share": one.shares[0][1] if one.shares else None}
            for one in self.predictions
        ]

    def __repr__(self) -> str:
        return f"<predictions of {counted(len(self.predictions), 'photo')}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


def photos_of(places: Place | Iterable[Place]) -> tuple[Path, ...]:
    """The photos that paths name: a file is one; a folder has those in it and in the folders inside, by name.

    Raises `Failure` for a path that leads to nothing, and for a folder without photos.
    """
    from spacelang_runtime.data.decode import NAMED, SUFFIXES

    given = [places] if isinstance(places, str | os.PathLike) else list(places)
    photos: list[Path] = []
    for path in map(Path, given):
        if not path.exists():
            raise Failure(f"there is no file {path}", "name photos, or folders of them")
        if not path.is_dir():
            photos.append(path)
            continue
        inside = sorted(
            one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and not _hidden(one.relative_to(path))
        )
        if not inside:
            raise Failure(f"there are no photos in {path}", f"photos are {NAMED} files")
        photos += inside
    return tuple(photos)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def predicted(
    network: Network,
    seen: Preprocessing,
    names: Sequence[str],
    photos: Sequence[Path],
    top: int = TOP,
    device: str = "auto",
    workers: int | None = None,
) -> Iterator[Prediction]:
    """What photos show, one after the other, as they are read: those that cannot be are told too.

    seen: how the network's images are prepared. names: of its classes. top: how many of each photo. Raises
    `Failure` where there is no such device.
    """
    from functools import partial

    from spacelang_runtime.app.workers import readers
    from spacelang_runtime.data.frame import Framing
    from spacelang_runtime.data.normalise import normalise
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.predict import probabilities

    where, frame = choose(device), network.architecture.frame
    framing, normal = Framing(frame.image, frame.channels, seen), partial(normalise, preprocessing=seen)
    told = probabilities(network.float().to(where), photos, framing, normal, where, readers(workers, spare=0))
    for photo, one in zip(photos, told, strict=True):
        if isinstance(one, str):
            yield Prediction(photo, (), one)
            continue
        best = one.probabilities.topk(min(top, len(names)))
        shares = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        yield Prediction(photo, tuple((names[at], share) for at, share in shares), far=one.far)


_FAR = {
    "in colour": "in colour",
    "larger": "over 32 times as large",
    "smaller": "below an eighth as large",
}


def far_off(predictions: Sequence[Prediction], frame: Frame, names: Sequence[str]) -> str | None:
    """A line on the photos that are far from what a network learned to see: what that is, and in which ways they
    are; None where all are near."""
    ways = [(sum(way in one.far for one in predictions), said) for way, said in _FAR.items()]
    if not any(count for count, _ in ways):
        return None
    found = ", ".join(f"{count} {'is' if count == 1 else 'are'} {said}" for count, said in ways if count)
    classes = ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")
    grey = "grey " if frame.channels == 1 else ""
    return (
        f"this network learned to see {grey}images of {frame.image}×{frame.image} pixels, of "
        f"{counted(len(names), 'class')}: {classes}; of {counted(len(predictions), 'photo')}, {found}: what it "
        "says of such may mean little"
    )
