"""The file of a run's journal: opened to write into, or to look at."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spacelang_runtime.failure import Failure
from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_rows import NotAJournal
from spacelang_runtime.search.journal_tables import VERSION, prepare, version_of

NAME = "journal.sqlite"
_DAMAGED = "restore it, or move it away and search again"


@contextmanager
def open_journal(folder: Path, patience: float = 30.0) -> Iterator[Journal]:
    """The journal of a run's folder, to write into; it is made where there is none. patience: seconds to wait for
    another process that writes.

    Raises `Failure` where the file is not a journal, is of another version, or cannot be written.
    """
    path = folder / NAME
    # More than one thread may use it, one after the other (`journal_writer`).
    with _opened(path, lambda: sqlite3.connect(path, timeout=patience, check_same_thread=False)) as database:
        _log_ahead(database, patience)
        # Each score survives a power cut: a commit comes back when it is on the disk.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        prepare(database, path)
        yield Journal(database)


def _log_ahead(database: sqlite3.Connection, patience: float) -> None:
    """Have the database write ahead of itself. SQLite does not wait for another process that is changing the same
    at that moment, whatever its timeout is: so it is asked again."""
    end = time.monotonic() + patience
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


@contextmanager
def look(folder: Path) -> Iterator[Journal]:
    """The journal of a run's folder, to look at: it needs no right to write, and makes nothing; an empty one where
    there is none, and a copy in memory of one that an older version wrote.

    Raises `Failure` where the file is not a journal, or is of another version.
    """
    path = folder / NAME
    with ExitStack() as stack:
        if not path.exists():
            yield stack.enter_context(_empty(path))
            return
        place = path if os.access(folder, os.W_OK) and os.access(path, os.W_OK) else _copied(path, stack)
        uri = f"{place.absolute().as_uri()}?mode=rw"  # what a writer that was killed has left has to be recovered
        database = stack.enter_context(_opened(path, lambda: sqlite3.connect(uri, timeout=30, uri=True)))
        database.execute("PRAGMA query_only = ON")
        if version_of(database, path) == VERSION:
            yield Journal(database)
            return
        copy = stack.enter_context(_opened(path, lambda: sqlite3.connect(":memory:")))
        database.backup(copy)
        prepare(copy, path)
        yield Journal(copy)


@contextmanager
def _empty(path: Path) -> Iterator[Journal]:
    with _opened(path, lambda: sqlite3.connect(":memory:")) as database:
        prepare(database, path)
        yield Journal(database)


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
    except UnicodeDecodeError:  # of what SQLite itself says of a damaged file
        raise Failure(f"{path} is damaged", _DAMAGED) from None
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
