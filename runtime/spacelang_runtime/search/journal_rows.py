"""What a journal holds, as values, and how what is read from it is checked. docs/journal.md tells the
tables that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any

from attrs import field, frozen

from spacelang.outside import NotJson, parse, shown
from spacelang_runtime.search.answers import Answers

MOST = 2**62  # of any number in a journal


class NotAJournal(ValueError):
    """What a row of a journal holds that was never written there."""


def row(found: tuple[Any, ...], *kinds: type[Any] | UnionType, least: int = 0) -> tuple[Any, ...]:
    """A row of a journal, with a value of the right kind in each column, and no number below the least. Raises
    `NotAJournal`: tables of SQLite take anything, and a damaged file may hold it."""
    for value, kind in zip(found, kinds, strict=True):
        if not isinstance(value, kind) or (isinstance(value, int | float) and not least <= value <= MOST):
            raise NotAJournal(f"a row holds {shown(value)}, which is never written there")
    return found


def told(text: str, kind: type[Any]) -> Any:
    """A JSON value that a journal holds as text. Raises `NotAJournal` where it is none of a kind."""
    try:
        value = parse(text)
    except NotJson as reason:
        raise NotAJournal(f"a row holds {shown(text)}: {reason}") from None
    if not isinstance(value, kind):
        raise NotAJournal(f"a row holds {shown(text)}, which is never written there")
    return value


@frozen
class NetworkRow:
    """A network as the journal knows it. architecture: its digest. line: its text."""

    architecture: str
    line: str
    flops: int
    params: int


@frozen
class Proposed:
    """A candidate of a generation: its network, the operator that made it, the digests of its parents, and all that
    it costs by measure."""

    entry: NetworkRow
    operator: str
    parents: tuple[str, ...]
    costs: Mapping[str, int] = field(factory=dict)


@frozen
class ScoreRow:
    """A network with the held-out images that it told right, of how many, and its mean cross-entropy on them; None
    where that was not kept."""

    entry: NetworkRow
    correct: int
    images: int
    loss: float | None = None

    @property
    def accuracy(self) -> float:
        return self.correct / self.images


@frozen
class Search:
    """One search of a run: its number, its account (what was asked for, as JSON), the training step whose weights
    it scores with, the images of a full score, and which of them comes first."""

    number: int
    account: str
    step: int
    total: int
    ended: bool
    begin: int = 0


@frozen
class Conditions:
    """What scores are taken under: the training step whose weights they are of, the images of a full score, and
    which of them comes first. A `Search` tells as much."""

    step: int
    total: int
    begin: int = 0


@frozen(eq=False)
class NewScore:
    """What a network did on the first `len(answers)` images, as it is written. architecture: its digest. seconds:
    that it took, on `device`."""

    under: Search | Conditions
    architecture: str
    answers: Answers
    seconds: float
    device: str


@frozen
class GenerationSummary:
    """How a generation went. best: images that the best so far told right, of `images`; loss: its mean
    cross-entropy on them. spread: standard deviation of the accuracies of the generation's networks, each on the
    images it was judged on. spent, saved: images that the networks so far were judged on, and those left unseen.
    volume: hypervolume of the front so far, where there are several goals. parents: digests of those kept."""

    number: int
    best: int
    spread: float
    spent: int
    saved: int
    volume: float | None
    parents: tuple[str, ...]
    images: int | None = None
    loss: float | None = None


@frozen
class PartialScore:
    """After how many images a candidate was judged, and what it did on them. loss: mean cross-entropy."""

    images: int
    correct: int
    loss: float | None = None


@frozen
class Finalist:
    """A network that was looked at until it was decided on all images that the search may read. images: how many
    these were; correct, loss: on them. low, high: the interval of its mean score less that of the best; None of the
    best itself, and of one that was left."""

    architecture: str
    images: int
    correct: int
    loss: float | None = None
    low: float | None = None
    high: float | None = None
