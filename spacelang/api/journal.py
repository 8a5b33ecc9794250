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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from attrs import define

from spacelang.api.journal_rows import (
    AnswerRow,
    CandidateRow,
    GenerationRow,
    JournalContents,
    agreeing,
    answer,
    candidate,
    generation,
)
from spacelang_runtime.failure import Failure

KIND, VERSION = 0x736C6F73, 1
DAMAGED = "restore it, or move it away and search again"
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


@define(eq=False)
class SearcherJournal:
    """An open journal, at one search of it. synced: when an answer was last forced onto the disk."""

    path: Path
    database: sqlite3.Connection
    search: int
    synced: float = 0.0

    def propose(self, generation: GenerationRow, rows: Sequence[CandidateRow]) -> None:
        """Keep a generation; of one that was kept already, the same again."""
        with refused(self.path), self.database as db:
            db.execute(
                "INSERT OR REPLACE INTO generation VALUES (?, ?, ?, ?, ?)",
                (self.search, generation.number, generation.answers, generation.fresh, json.dumps(generation.kept)),
            )
            db.executemany(
                "INSERT OR REPLACE INTO candidate VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self.search, row.generation, place, row.line, row.operator, json.dumps(row.parents))
                    for place, row in enumerate(rows)
                ],
            )

    def answer(self, number: int, given: AnswerRow) -> None:
        """Keep an answer, the `number`-th from 0."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        late = time.monotonic() - self.synced > _DEAR
        # Forcing the disk takes milliseconds. Where answers come faster, that would be most of a search's time.
        with refused(self.path):
            self.database.execute(f"PRAGMA synchronous = {'FULL' if late else 'NORMAL'}")
            with self.database as db:
                db.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?)",
                    (self.search, number, given.line, json.dumps(given.score), now),
                )
        if late:
            self.synced = time.monotonic()

    def held(self) -> JournalContents:
        """What is kept. Raises `Failure` where a row holds what was never written there."""
        with refused(self.path):
            made = self._rows("generation, answers, fresh, kept", "generation")
            rows = self._rows("generation, line, operator, parents", "candidate", "generation, place")
            told = self._rows("line, score", "answer", "number")
            return agreeing(
                JournalContents(
                    tuple(generation(*one) for one in made),
                    tuple(candidate(*one) for one in rows),
                    tuple(answer(*one) for one in told),
                )
            )

    def _rows(self, columns: str, table: str, order: str = "1") -> list[tuple[object, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE search = ? ORDER BY {order}"
        return self.database.execute(query, (self.search,)).fetchall()  # what is half read keeps the file locked

    def close(self) -> None:
        """Let the file go."""
        self.database.close()


def open_journal(path: Path, account: str) -> SearcherJournal:
    """The journal of a file, at the search of this account; both are made where they are not there.

    Raises `Failure` where the file is something else, is in use, or cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(refused(path))
        # Calls from several threads are the searcher's to order.
        database = sqlite3.connect(path, timeout=1, check_same_thread=False)
        stack.callback(database.close)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        _prepare(database, path)
        with database as db:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            db.execute("INSERT OR IGNORE INTO search (account, began) VALUES (?, ?)", (account, now))
        (number,) = database.execute("SELECT search FROM search WHERE account = ?", (account,)).fetchone()
        stack.pop_all()
        return SearcherJournal(path, database, number)


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


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Inside, what is wrong with the file of a journal is raised as `Failure`, with what helps."""
    from spacelang_runtime.search.journal_rows import NotAJournal

    try:
        yield
    except sqlite3.Error as error:
        raise _refused(path, error) from None
    except NotAJournal as reason:
        raise Failure(f"{path} is damaged: {reason}", DAMAGED) from None
    except UnicodeDecodeError:  # of what SQLite itself says of a damaged file
        raise Failure(f"{path} is damaged", DAMAGED) from None


def _refused(path: Path, error: sqlite3.Error) -> Failure:
    said = str(error)
    if "closed database" in said:
        return Failure(f"{path} was let go: this search is closed", "open it again, with the same words")
    if "locked" in said:
        return Failure(f"{path} is in use: another search has it open", "end that one, or name another file")
    if "not a database" in said:
        return Failure(f"{path} is no journal of a search by one's own score", "name another file")
    damaged = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # what is no text has no code
    if damaged in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):  # of statements that are ours
        return Failure(f"{path} is damaged: {_shortened(said)}", DAMAGED)
    full = any(word in said for word in ("full", "disk I/O"))
    return Failure(
        f"cannot use {path}: {said}",
        "free some space and search again; what was answered is kept"
        if full
        else "name a file in a folder that can be written",
    )


def _shortened(said: str) -> str:
    return said if len(said) <= 80 else f"{said[:77]}…"
