"""The file of a run's journal: opened to write into, or to look at."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spacelang_runtime.failure import Failure
from spacelang_runtime.search.journal import Journal, NotAJournal

NAME = "journal.sqlite"
VERSION, OLDEST = 3, 2  # tables are the same since 2; from 3 on, images were decoded whole for a score
_SCHEMA = """
CREATE TABLE network (
    architecture TEXT PRIMARY KEY, line TEXT NOT NULL, flops INTEGER NOT NULL, params INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE score (
    step INTEGER NOT NULL, total INTEGER NOT NULL, architecture TEXT NOT NULL REFERENCES network,
    images INTEGER NOT NULL, correct INTEGER NOT NULL, right BLOB NOT NULL,
    seconds REAL NOT NULL, device TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (step, total, architecture)
) WITHOUT ROWID;
CREATE TABLE search (
    search INTEGER PRIMARY KEY, account TEXT NOT NULL, step INTEGER NOT NULL, total INTEGER NOT NULL,
    began TEXT NOT NULL, ended TEXT, winner TEXT REFERENCES network, UNIQUE (account, step, total)
);
CREATE TABLE candidate (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, operator TEXT NOT NULL, parents TEXT NOT NULL,
    costs TEXT NOT NULL, images INTEGER, correct INTEGER,
    PRIMARY KEY (search, generation, place)
) WITHOUT ROWID;
CREATE INDEX candidates ON candidate (search, architecture);
CREATE TABLE generation (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL,
    best INTEGER NOT NULL, spread REAL NOT NULL, spent INTEGER NOT NULL, saved INTEGER NOT NULL,
    volume REAL, parents TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (search, generation)
) WITHOUT ROWID;
"""

_DAMAGED = "restore it, or move it away and search again"


@contextmanager
def open_journal(folder: Path, patience: float = 30.0) -> Iterator[Journal]:
    """The journal of a run's folder, to write into; it is made where there is none. patience: seconds to wait for
    another process that writes.

    Raises `Failure` where the file is not a journal, is of another version, or cannot be written.
    """
    path = folder / NAME
    with _opened(path, lambda: sqlite3.connect(path, timeout=patience)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        # Each score survives a power cut: a commit comes back when it is on the disk.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        _prepare(database, path)
        yield _journal(database)


@contextmanager
def look(folder: Path) -> Iterator[Journal]:
    """The journal of a run's folder, to look at: it needs no right to write, and makes nothing; an empty one where
    there is none. Raises `Failure` where the file is not a journal, or is of another version.
    """
    path = folder / NAME
    with ExitStack() as stack:
        if not path.exists():
            yield stack.enter_context(_empty(path))
            return
        place = path if os.access(folder, os.W_OK) and os.access(path, os.W_OK) else _copied(path, stack)
        uri = f"{place.absolute().as_uri()}?mode=ro"
        database = stack.enter_context(_opened(path, lambda: sqlite3.connect(uri, timeout=30, uri=True)))
        yield _journal(database) if _require_known(database, path) else stack.enter_context(_empty(path))


@contextmanager
def _empty(path: Path) -> Iterator[Journal]:
    with _opened(path, lambda: sqlite3.connect(":memory:")) as database:
        _prepare(database, path)
        yield _journal(database)


def _copied(path: Path, stack: ExitStack) -> Path:
    """A copy of a journal with what is not in its main file yet: to be read, it has to lie where one may write."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="spacelang-")))
    try:
        for part in (path, path.with_name(f"{NAME}-wal")):
            if part.exists():
                shutil.copyfile(part, folder / part.name)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", "give read access to it") from None
    return folder / NAME


@contextmanager
def _opened(path: Path, connect: Callable[[], sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
    database = None
    try:
        database = connect()
        yield database
    except sqlite3.DatabaseError as error:
        raise Failure(f"cannot use {path}: {error}", _remedy(error)) from None
    except NotAJournal as reason:
        raise Failure(f"{path} is damaged: {reason}", _DAMAGED) from None
    finally:
        if database is not None:
            database.close()


def _remedy(error: sqlite3.DatabaseError) -> str:
    """What helps. Only a file that is damaged is to be moved away: every score goes with it."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return "free some space and run the same command again; what was scored is kept"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process is using it: wait for its end, and run the same command again"
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return _DAMAGED
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "give write access to it and its folder"
        case _:
            return "restore the file as spacelang wrote it; moving it away gives up all its scores"


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    if _require_known(database, path):
        return
    database.execute("BEGIN IMMEDIATE")
    if not _require_known(database, path):  # still: another process may have made it meanwhile
        for statement in _SCHEMA.split(";")[:-1]:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.commit()


def _require_known(database: sqlite3.Connection, path: Path) -> int:
    """The version of a journal, 0 for one that has no tables yet. Raises `Failure` for one that cannot be read."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise Failure(f"{path} was written by a newer version", "update spacelang")
    if 0 < version < OLDEST:
        raise Failure(f"{path} was written by an older version", "move it away and search again")
    return version


def _journal(database: sqlite3.Connection) -> Journal:
    return Journal(database, database.execute("PRAGMA user_version").fetchone()[0] >= 3)
