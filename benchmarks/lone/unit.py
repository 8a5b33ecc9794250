"""The units of work: which there are, in what order, and which of several processes does one.

OUT/units/NAME.json   what a unit has found; it is done when this is there
OUT/claims/NAME       locked by the process that is at it; the lock goes when the process ends, however it ends
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang.expression import Number, decimal

LONGER, LONGEST = 6, 3  # networks that train for twice as many epochs, and for the supernet's seconds


@frozen
class Alone:
    """A network trained alone from random weights, for so many epochs; with `seconds` for so long instead, cooling
    down as fully."""

    network: int
    seed: int
    epochs: int
    seconds: float | None = None

    @property
    def series(self) -> str:
        return f"{self.epochs} epochs" if self.seconds is None else f"{self.seconds:.0f} s"


@frozen
class Inherited:
    """A network with the weights that its supernet hands out."""

    network: int

    @property
    def series(self) -> str:
        return "inherited"


@frozen
class Finish:
    """A network trained on from there, for a share of the supernet's seconds. rate: the peak learning rate; None:
    that of `spacelang finetune`."""

    network: int
    share: Number
    rate: Number | None = None

    @property
    def series(self) -> str:
        rate = "" if self.rate is None else f" at {decimal(self.rate)}"
        return f"finish {decimal(100 * self.share)} %{rate}"


Unit = Alone | Inherited | Finish


@frozen
class Wanted:
    """What is to be done. seeds: of the trainings for `epochs` epochs, the first of them for longer ones as well.
    elapsed: the supernet's seconds; None: there is no supernet. shares, rates: of the finishes, those of `finished`
    networks."""

    networks: int
    epochs: int
    seeds: tuple[int, ...]
    elapsed: float | None = None
    longer: bool = False
    shares: tuple[Number, ...] = ()
    rates: tuple[Number | None, ...] = (None,)
    finished: int | None = None


def name(unit: Unit) -> str:
    """The unit's name among files."""
    seed = f"-seed-{unit.seed}" if isinstance(unit, Alone) else ""
    series = unit.series.replace(" %", "pct").replace(" ", "-")
    return f"{series}{seed}-network-{unit.network:02}"


def units(wanted: Wanted) -> list[Unit]:
    """All units, the most urgent first; of one kind the networks with the most MACs, which take longest, first."""
    every = range(wanted.networks)[::-1]
    listed: list[Unit] = []
    for place, seed in enumerate(wanted.seeds):
        listed += [Alone(network, seed, wanted.epochs) for network in every]
        if place == 0 and wanted.elapsed is not None:
            listed += map(Inherited, every)
    if not wanted.seeds and wanted.elapsed is not None:
        listed += map(Inherited, every)
    seed, longer = wanted.seeds[0] if wanted.seeds else 0, spread(wanted.networks, LONGER)
    if wanted.longer:
        listed += [Alone(network, seed, 2 * wanted.epochs) for network in longer]
    if wanted.elapsed is not None:
        some = every if wanted.finished is None else spread(wanted.networks, wanted.finished)
        for share in sorted(wanted.shares):
            listed += [Finish(network, share, rate) for rate in wanted.rates for network in some]
        if wanted.longer:
            longest = [longer[place] for place in spread(len(longer), LONGEST)]
            listed += [Alone(network, seed, wanted.epochs, wanted.elapsed) for network in longest]
    return listed


def spread(count: int, some: int) -> list[int]:
    """So many of `count` places, spread evenly from the first to the last; the last first."""
    if some >= count:
        return list(range(count))[::-1]
    if some == 1:
        return [count // 2]
    return [round(i * (count - 1) / (some - 1)) for i in range(some)][::-1]


def place(out: Path, unit: Unit) -> Path:
    """The file of what a unit has found."""
    return out / "units" / f"{name(unit)}.json"


def missing(out: Path, listed: Sequence[Unit]) -> list[Unit]:
    """Those that are not done, in their order."""
    return [unit for unit in listed if not place(out, unit).exists()]


@contextmanager
def claimed(out: Path, unit: Unit) -> Iterator[bool]:
    """Whether the unit is this process's to do: not done, and nobody else is at it until the end of the block."""
    path = out / "claims" / name(unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield not place(out, unit).exists()  # another may have come to its end before the lock was taken
        finally:
            fcntl.flock(claim, fcntl.LOCK_UN)  # at once, though processes that read images may still have the file


@contextmanager
def sharing(out: Path, device: str, alone: bool) -> Iterator[None]:
    """Inside, the device is shared with others; with `alone`, with nobody. Waits for that."""
    path = out / "claims" / device
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def clocked(unit: Unit) -> bool:
    """Whether the unit is bounded in seconds, so that it wants its device for itself."""
    return isinstance(unit, Finish) or (isinstance(unit, Alone) and unit.seconds is not None)


def results(out: Path) -> list[dict[str, Any]]:
    """All that has been found."""
    return [json.loads(path.read_text()) for path in sorted((out / "units").glob("*.json"))]
