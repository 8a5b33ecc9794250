"""The journal of a run's searches: every score, as it comes, in SQLite. Its tables are told in docs/journal.md;
`journal_file` opens it.

A score belongs to the weights it was taken with (the training step of the run), to the images it was taken on
(how many of the held-out split, from its beginning) and to an architecture; once `record` returns it is on the
disk, so that a search that is killed loses at most what is in flight. Scores are shared by all searches of a run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import UnionType
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen

from spacelang.outside import NotJson, parse, shown
from spacelang_runtime.search.racing import Right

_MOST = 2**62  # of any number in a journal


class NotAJournal(ValueError):
    """What a row of a journal holds that was never written there."""


def row(found: tuple[Any, ...], *kinds: type[Any] | UnionType) -> tuple[Any, ...]:
    """A row of a journal, with a value of the right kind in each column, and no number below 0. Raises
    `NotAJournal`: tables of SQLite take anything, and a damaged file may hold it."""
    for value, kind in zip(found, kinds, strict=True):
        if not isinstance(value, kind) or (isinstance(value, int | float) and not 0 <= value <= _MOST):
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
class Entry:
    """A network as the journal knows it. architecture: its digest. line: its text."""

    architecture: str
    line: str
    flops: int
    params: int


@frozen
class Proposed:
    """A candidate of a generation: its network, the operator that made it, the digests of its parents, and all that
    it costs by measure."""

    entry: Entry
    operator: str
    parents: tuple[str, ...]
    costs: Mapping[str, int] = field(factory=dict)


@frozen
class Score:
    """A network with the held-out images that it told right, of how many."""

    entry: Entry
    correct: int
    images: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.images


@frozen
class Search:
    """One search of a run: its number, its account (what was asked for, as JSON), the training step whose weights
    it scores with, and the images of a full score."""

    number: int
    account: str
    step: int
    total: int
    ended: bool


@frozen
class Generation:
    """How a generation went. best: most images right so far. spread: standard deviation of the accuracies of its
    networks, those left in a race by the images they saw. spent, saved: images that the networks so far were judged
    on, and those that races left unseen.
    volume: hypervolume of the front so far, where there are several goals. parents: digests of those kept."""

    number: int
    best: int
    spread: float
    spent: int
    saved: int
    volume: float | None
    parents: tuple[str, ...]


@frozen(eq=False)
class Journal:
    """An open journal. whole: whether all its scores were taken of images that were decoded whole; before, large
    JPEGs were decoded at a reduced size."""

    database: sqlite3.Connection
    whole: bool = True

    def search(self, account: str, step: int, total: int) -> Search:
        """The search of this account with these weights and images: the one begun before, or a new one."""
        with self.database as db:
            db.execute(
                "INSERT OR IGNORE INTO search (account, step, total, began) VALUES (?, ?, ?, ?)",
                (account, step, total, _now()),
            )
        number, ended = self.database.execute(
            "SELECT search, ended IS NOT NULL FROM search WHERE account = ? AND step = ? AND total = ?",
            (account, step, total),
        ).fetchone()
        return Search(number, account, step, total, bool(ended))

    def propose(self, search: Search, generation: int, candidates: Sequence[Proposed]) -> None:
        """Keep a generation's candidates."""
        with self.database as db:
            db.executemany(
                "INSERT OR IGNORE INTO network VALUES (?, ?, ?, ?)",
                [(c.entry.architecture, c.entry.line, c.entry.flops, c.entry.params) for c in candidates],
            )
            db.executemany(
                "INSERT OR IGNORE INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                [
                    (search.number, generation, place, c.entry.architecture, c.operator, *_texts(c))
                    for place, c in enumerate(candidates)
                ],
            )

    def known(self, search: Search) -> dict[str, Right]:
        """What each network already looked at told right of the first images, with this search's weights."""
        rows = self.database.execute(
            "SELECT architecture, images, right FROM score WHERE step = ? AND total = ?",
            (search.step, search.total),
        )
        return {name: _unpacked(bits, images) for name, images, bits in (row(one, str, int, bytes) for one in rows)}

    def record(self, search: Search, architecture: str, right: Right, seconds: float, device: str) -> None:
        """Keep what a network told right of the first `len(right)` images. Once this returns, it is on the disk.

        What is known already stands; more images of the same network take its place.
        """
        correct, bits = int(right.sum()), np.packbits(right).tobytes()
        key = (search.step, search.total, architecture)
        with self.database as db:
            db.execute(
                """INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET images = excluded.images, correct = excluded.correct,
                       right = excluded.right, seconds = seconds + excluded.seconds,
                       device = excluded.device, at = excluded.at
                   WHERE excluded.images > images""",
                (*key, len(right), correct, bits, seconds, device, _now()),
            )

    def close_generation(
        self, search: Search, generation: Generation, judged: Mapping[str, tuple[int, int]]
    ) -> None:
        """A generation has been judged. judged: by digest, after how many images, and how many right."""
        number, *figures = attrs.astuple(generation, recurse=False)[:-1]
        with self.database as db:
            db.executemany(
                """UPDATE candidate SET images = ?, correct = ?
                   WHERE search = ? AND generation = ? AND architecture = ?""",
                [(*found, search.number, number, name) for name, found in judged.items()],
            )
            db.execute(
                "INSERT OR IGNORE INTO generation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (search.number, number, *figures, json.dumps(generation.parents), _now()),
            )

    def close_search(self, search: Search, winner: str) -> None:
        """The search has come to its end."""
        with self.database as db:
            db.execute(
                "UPDATE search SET ended = coalesce(ended, ?), winner = ? WHERE search = ?",
                (_now(), winner, search.number),
            )

    def last(self) -> Search | None:
        """The search begun last."""
        found = self.database.execute(
            "SELECT search, account, step, total, ended IS NOT NULL FROM search ORDER BY search DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        number, account, step, total, ended = row(found, int, str, int, int, int)
        return Search(number, account, step, total, bool(ended))

    def best(self, count: int = 1) -> list[Score]:
        """The best networks of the search begun last, of those scored on all images; the best first."""
        rows = self.database.execute(
            """SELECT DISTINCT n.architecture, n.line, n.flops, n.params, s.correct, s.images
               FROM search JOIN candidate c USING (search) JOIN network n USING (architecture)
               JOIN score s ON s.architecture = n.architecture AND s.step = search.step AND s.total = search.total
               WHERE search.search = (SELECT max(search) FROM search) AND s.images = s.total
               ORDER BY s.correct DESC, n.flops, n.architecture LIMIT ?""",
            (count,),
        )
        found = [row(one, str, str, int, int, int, int) for one in rows]
        return [Score(Entry(*one[:4]), one[4], max(1, one[5])) for one in found]

    def generations(self, search: Search) -> list[Generation]:
        """How the generations of a search went, those that have ended."""
        rows = self.database.execute(
            "SELECT generation, best, spread, spent, saved, volume, parents FROM generation WHERE search = ? "
            "ORDER BY generation",
            (search.number,),
        )
        found = [row(one, int, int, float, int, int, float | None, str) for one in rows]
        return [Generation(*one[:6], tuple(map(str, told(one[6], list)))) for one in found]

    def named(self, prefix: str) -> list[Entry]:
        """The networks whose digest begins so."""
        rows = self.database.execute(
            "SELECT architecture, line, flops, params FROM network WHERE substr(architecture, 1, ?) = ? LIMIT 9",
            (len(prefix), prefix),
        )
        return [Entry(*row(one, str, str, int, int)) for one in rows]

    def counts(self) -> tuple[int, int]:
        """How many searches there were, and how many networks have been looked at."""
        found = self.database.execute("SELECT (SELECT count(*) FROM search), (SELECT count(*) FROM score)")
        searches, scores = found.fetchone()
        return searches, scores


def _texts(proposed: Proposed) -> tuple[str, str]:
    return json.dumps(proposed.parents), json.dumps(dict(proposed.costs))


def _unpacked(bits: bytes, images: int) -> Right:
    if images > 8 * len(bits):
        raise NotAJournal(f"a row tells of {images} images, and holds {8 * len(bits)} answers")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=images).astype(np.bool_)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
