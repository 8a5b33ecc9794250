"""The journal of a run's searches: every score, as it comes, in SQLite.

A score belongs to the weights it was taken with (the training step of the run), to the images it was taken on
(how many of the held-out split, from its beginning) and to an architecture; it is written before the next
candidate starts, so that a search that is killed loses at most the one in flight. Scores are shared by all
searches of a run.

    score      step, images, architecture: the key; correct: images told right; seconds, device, at
    network    architecture: its digest; line: as text; flops, params
    search     recipe and bounds as JSON; step and images of its scores; when it began and ended; its winner
    candidate  search, generation, place: the key; architecture; operator; parents (digests)
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from spacelang_runtime.failure import Failure

VERSION = 1
_SCHEMA = """
CREATE TABLE network (
    architecture TEXT PRIMARY KEY, line TEXT NOT NULL, flops INTEGER NOT NULL, params INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE score (
    step INTEGER NOT NULL, images INTEGER NOT NULL, architecture TEXT NOT NULL REFERENCES network,
    correct INTEGER NOT NULL, seconds REAL NOT NULL, device TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (step, images, architecture)
) WITHOUT ROWID;
CREATE TABLE search (
    search INTEGER PRIMARY KEY, recipe TEXT NOT NULL, step INTEGER NOT NULL, images INTEGER NOT NULL,
    began TEXT NOT NULL, ended TEXT, winner TEXT REFERENCES network, UNIQUE (recipe, step, images)
);
CREATE TABLE candidate (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, operator TEXT NOT NULL, parents TEXT NOT NULL,
    PRIMARY KEY (search, generation, place)
) WITHOUT ROWID;
"""


@frozen
class Entry:
    """A network as the journal knows it. architecture: its digest. line: its text."""

    architecture: str
    line: str
    flops: int
    params: int


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
    """One search of a run: number, recipe and bounds (JSON text), the weights and images it scored with."""

    number: int
    recipe: str
    step: int
    images: int
    ended: bool


@frozen(eq=False)
class Journal:
    """An open journal."""

    database: sqlite3.Connection

    def search(self, recipe: str, step: int, images: int) -> Search:
        """The search of this recipe with these weights and images: the one begun before, or a new one."""
        with self.database as db:
            db.execute(
                "INSERT OR IGNORE INTO search (recipe, step, images, began) VALUES (?, ?, ?, ?)",
                (recipe, step, images, _now()),
            )
        row = self.database.execute(
            "SELECT search, ended IS NOT NULL FROM search WHERE recipe = ? AND step = ? AND images = ?",
            (recipe, step, images),
        ).fetchone()
        return Search(row[0], recipe, step, images, bool(row[1]))

    def propose(
        self, search: Search, generation: int, candidates: Sequence[tuple[Entry, str, tuple[str, ...]]]
    ) -> None:
        """Keep a generation's candidates: each with the operator that made it and its parents."""
        with self.database as db:
            db.executemany(
                "INSERT OR IGNORE INTO network VALUES (?, ?, ?, ?)",
                [(e.architecture, e.line, e.flops, e.params) for e, _, _ in candidates],
            )
            db.executemany(
                "INSERT OR IGNORE INTO candidate VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (search.number, generation, place, entry.architecture, operator, json.dumps(parents))
                    for place, (entry, operator, parents) in enumerate(candidates)
                ],
            )

    def known(self, search: Search) -> dict[str, int]:
        """How many images each network already scored told right, by digest, with this search's weights."""
        rows = self.database.execute(
            "SELECT architecture, correct FROM score WHERE step = ? AND images = ?", (search.step, search.images)
        )
        return dict(rows.fetchall())

    def record(self, search: Search, architecture: str, correct: int, seconds: float, device: str) -> None:
        """Keep one score. Once this returns, it is on the disk."""
        with self.database as db:
            db.execute(
                "INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?, ?, ?, ?)",
                (search.step, search.images, architecture, correct, seconds, device, _now()),
            )

    def close_search(self, search: Search, winner: str) -> None:
        """The search has come to its end."""
        with self.database as db:
            db.execute(
                "UPDATE search SET ended = coalesce(ended, ?), winner = ? WHERE search = ?",
                (_now(), winner, search.number),
            )

    def best(self, count: int = 1) -> list[Score]:
        """The best networks of the search begun last, the best first."""
        rows = self.database.execute(
            """SELECT DISTINCT n.architecture, n.line, n.flops, n.params, s.correct, s.images
               FROM search JOIN candidate c USING (search) JOIN network n USING (architecture)
               JOIN score s ON s.architecture = n.architecture AND s.step = search.step AND s.images = search.images
               WHERE search.search = (SELECT max(search) FROM search)
               ORDER BY s.correct DESC, n.flops, n.architecture LIMIT ?""",
            (count,),
        )
        return [Score(Entry(*row[:4]), row[4], row[5]) for row in rows]

    def named(self, prefix: str) -> list[Entry]:
        """The networks whose digest begins so."""
        rows = self.database.execute(
            "SELECT architecture, line, flops, params FROM network WHERE substr(architecture, 1, ?) = ? LIMIT 9",
            (len(prefix), prefix),
        )
        return [Entry(*row) for row in rows]

    def counts(self) -> tuple[int, int]:
        """How many searches there were, and how many scores."""
        row = self.database.execute("SELECT (SELECT count(*) FROM search), (SELECT count(*) FROM score)")
        searches, scores = row.fetchone()
        return searches, scores


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal of a run's folder; it is made where there is none.

    Raises `Failure` where the file is not a journal, is of a newer version, or cannot be written.
    """
    path = folder / "journal.sqlite"
    database = None
    try:
        database = sqlite3.connect(path, timeout=30)
        database.execute("PRAGMA journal_mode = WAL")
        # Each score survives a power cut: a commit comes back when it is on the disk.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        _prepare(database, path)
        yield Journal(database)
    except sqlite3.DatabaseError as error:
        raise Failure(
            f"cannot use {path}: {error}",
            "free some space and run the same command again; what was scored is kept"
            if "full" in str(error)
            else "check that the folder can be written; if the file is damaged, move it away and search again",
        ) from None
    finally:
        if database is not None:
            database.close()


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise Failure(f"{path} was written by a newer version", "update spacelang")
    if version == 0:
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
