"""The journal of a search by one's own score, in SQLite: what was proposed, and every answer as it comes.

    search      what was asked for, as JSON: the same words go on with it
    generation  what its networks were made from: the answers that had come, the networks kept
    candidate   the networks proposed, generation by generation, with the operator and the parents that made them
    answer      in the order told: the score as a JSON list of numbers, null for one that failed

Once `answer` returns, it outlives the process; what took longer than a twentieth of a second to come outlives a
power cut as well. A file is open in one search at a time; a process that dies lets it go.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import define, frozen

from spacelang.api.goals import Values
from spacelang_runtime.failure import Failure

KIND, VERSION = 0x736C6F73, 1
_DEAR = 0.05  # seconds: answers that are worth waiting for the disk
_SCHEMA = """
CREATE TABLE search (search INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE, began TEXT NOT NULL);
CREATE TABLE generation (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL,
    answers INTEGER NOT NULL, fresh INTEGER NOT NULL, kept TEXT NOT NULL,
    PRIMARY KEY (search, generation)
) WITHOUT ROWID;
CREATE TABLE candidate (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL, place INTEGER NOT NULL,
    line TEXT NOT NULL, operator TEXT NOT NULL, parents TEXT NOT NULL,
    PRIMARY KEY (search, generation, place)
) WITHOUT ROWID;
CREATE TABLE answer (
    search INTEGER NOT NULL REFERENCES search, number INTEGER NOT NULL,
    line TEXT NOT NULL, score TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (search, number)
) WITHOUT ROWID;
"""


@frozen
class Generation:
    """What a generation was made from. answers: how many had come. fresh: how many of its networks were new. kept:
    the lines of the networks that were kept."""

    number: int
    answers: int
    fresh: int
    kept: tuple[str, ...]


@frozen
class Row:
    """A candidate: the line of its network, what made it, the lines of its parents."""

    generation: int
    line: str
    operator: str
    parents: tuple[str, ...]


@frozen
class Answer:
    """The score of a network, None where it failed."""

    line: str
    score: Values | None


@define(eq=False)
class Journal:
    """An open journal, at one search of it. synced: when an answer was last forced onto the disk."""

    database: sqlite3.Connection
    search: int
    synced: float = 0.0

    def propose(self, generation: Generation, rows: Sequence[Row]) -> None:
        """Keep a generation."""
        with self.database as db:
            db.execute(
                "INSERT INTO generation VALUES (?, ?, ?, ?, ?)",
                (self.search, generation.number, generation.answers, generation.fresh, json.dumps(generation.kept)),
            )
            db.executemany(
                "INSERT INTO candidate VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self.search, row.generation, place, row.line, row.operator, json.dumps(row.parents))
                    for place, row in enumerate(rows)
                ],
            )

    def answer(self, number: int, answer: Answer) -> None:
        """Keep an answer, the `number`-th from 0."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        late = time.monotonic() - self.synced > _DEAR
        # Forcing the disk takes milliseconds. Where answers come faster, that would be most of a search's time.
        self.database.execute(f"PRAGMA synchronous = {'FULL' if late else 'NORMAL'}")
        with self.database as db:
            db.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?, ?)",
                (self.search, number, answer.line, json.dumps(answer.score), now),
            )
        if late:
            self.synced = time.monotonic()

    def generations(self) -> list[Generation]:
        """The generations, in order."""
        rows = self._rows("SELECT generation, answers, fresh, kept FROM generation WHERE search = ? ORDER BY 1")
        return [Generation(number, came, new, tuple(json.loads(kept))) for number, came, new, kept in rows]

    def candidates(self) -> list[Row]:
        """The candidates, in the order proposed."""
        rows = self._rows(
            "SELECT generation, line, operator, parents FROM candidate WHERE search = ? ORDER BY generation, place"
        )
        return [Row(at, line, operator, tuple(json.loads(parents))) for at, line, operator, parents in rows]

    def answers(self) -> list[Answer]:
        """The answers, in the order told."""
        rows = self._rows("SELECT line, score FROM answer WHERE search = ? ORDER BY number")
        return [
            Answer(line, None if (found := json.loads(score)) is None else tuple(found)) for line, score in rows
        ]

    def _rows(self, query: str) -> list[Any]:
        return list(self.database.execute(query, (self.search,)))

    def close(self) -> None:
        """Let the file go."""
        self.database.close()


def open_journal(path: Path, account: str) -> Journal:
    """The journal of a file, at the search of this account; both are made where they are not there.

    Raises `Failure` where the file is something else, is in use, or cannot be written.
    """
    database = None
    try:
        # Calls from several threads are the searcher's to order.
        database = sqlite3.connect(path, timeout=1, check_same_thread=False)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        _prepare(database, path)
        with database as db:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            db.execute("INSERT OR IGNORE INTO search (account, began) VALUES (?, ?)", (account, now))
        (number,) = database.execute("SELECT search FROM search WHERE account = ?", (account,)).fetchone()
        return Journal(database, number)
    except sqlite3.Error as error:
        if database is not None:
            database.close()
        raise _refused(path, error) from None
    except Failure:
        if database is not None:
            database.close()
        raise


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    (kind,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if kind == KIND and version > VERSION:
        raise Failure(f"{path} was written by a newer version", "update spacelang")
    if kind != KIND and (tables or version):
        raise Failure(f"{path} is no journal of a search by one's own score", "name another file")
    if not version:
        marks = f"PRAGMA application_id = {KIND}; PRAGMA user_version = {VERSION};"
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {marks} COMMIT;")


def _refused(path: Path, error: sqlite3.Error) -> Failure:
    said = str(error)
    if "locked" in said:
        return Failure(f"{path} is in use: another search has it open", "end that one, or name another file")
    if "not a database" in said:
        return Failure(f"{path} is no journal of a search by one's own score", "name another file")
    full = any(word in said for word in ("full", "disk I/O"))
    return Failure(
        f"cannot use {path}: {said}",
        "free some space and search again; what was answered is kept"
        if full
        else "name a file in a folder that can be written",
    )
