"""The tables of a journal, and how those of an older version come to be of this one. docs/journal.md tells them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from spacelang_runtime.failure import Failure

VERSION, OLDEST = 5, 2

_SCHEMA = """
CREATE TABLE network (
    architecture TEXT PRIMARY KEY, line TEXT NOT NULL, flops INTEGER NOT NULL, params INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE score (
    step INTEGER NOT NULL, total INTEGER NOT NULL, architecture TEXT NOT NULL REFERENCES network,
    images INTEGER NOT NULL, correct INTEGER NOT NULL, right BLOB NOT NULL,
    seconds REAL NOT NULL, device TEXT NOT NULL, at TEXT NOT NULL,
    loss REAL, losses BLOB, whole INTEGER NOT NULL DEFAULT 1, begin INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (step, total, architecture)
) WITHOUT ROWID;
CREATE TABLE search (
    search INTEGER PRIMARY KEY, account TEXT NOT NULL, step INTEGER NOT NULL, total INTEGER NOT NULL,
    began TEXT NOT NULL, ended TEXT, winner TEXT REFERENCES network, UNIQUE (account, step, total)
);
CREATE TABLE candidate (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, operator TEXT NOT NULL, parents TEXT NOT NULL,
    costs TEXT NOT NULL, images INTEGER, correct INTEGER, loss REAL,
    PRIMARY KEY (search, generation, place)
) WITHOUT ROWID;
CREATE INDEX candidates ON candidate (search, architecture);
CREATE TABLE generation (
    search INTEGER NOT NULL REFERENCES search, generation INTEGER NOT NULL,
    best INTEGER NOT NULL, spread REAL NOT NULL, spent INTEGER NOT NULL, saved INTEGER NOT NULL,
    volume REAL, parents TEXT NOT NULL, at TEXT NOT NULL, images INTEGER, loss REAL,
    PRIMARY KEY (search, generation)
) WITHOUT ROWID;
CREATE TABLE finalist (
    search INTEGER NOT NULL REFERENCES search, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, images INTEGER NOT NULL, correct INTEGER NOT NULL,
    loss REAL, low REAL, high REAL,
    PRIMARY KEY (search, place)
) WITHOUT ROWID;
CREATE TABLE measurement (
    measurement INTEGER PRIMARY KEY, account TEXT NOT NULL, step INTEGER NOT NULL, total INTEGER NOT NULL,
    began TEXT NOT NULL, ended TEXT, judgement TEXT, UNIQUE (account, step, total)
);
CREATE TABLE sample (
    measurement INTEGER NOT NULL REFERENCES measurement, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, given TEXT,
    PRIMARY KEY (measurement, place)
) WITHOUT ROWID;
"""

# What versions 2, 3 and 4 lack. In 2, large JPEGs were decoded at a reduced size before they were scored; in all of
# them, the images of every run began at the first.
_SINCE = (
    ("score", "loss REAL"),
    ("score", "losses BLOB"),
    ("score", "whole INTEGER NOT NULL DEFAULT 1"),
    ("score", "begin INTEGER NOT NULL DEFAULT 0"),
    ("candidate", "loss REAL"),
    ("generation", "images INTEGER"),
    ("generation", "loss REAL"),
    ("measurement", "judgement TEXT"),
)


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """The tables of this version: new ones in a new file, and in an older one what it lacks, in one transaction.
    Raises `Failure` for a file of another version."""
    if version_of(database, path) == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    version = version_of(database, path)  # again: another process may have made the tables meanwhile
    if version < VERSION:
        for statement in _statements(database, version):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.commit()


def version_of(database: sqlite3.Connection, path: Path) -> int:
    """The version of a journal, 0 for one that has no tables yet. Raises `Failure` for one that cannot be read."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise Failure(f"{path} was written by a newer version", "update spacelang")
    if 0 < version < OLDEST:
        raise Failure(f"{path} was written by an older version", "move it away and search again")
    return version


def _statements(database: sqlite3.Connection, version: int) -> list[str]:
    """What makes the tables of this version from those of another; 0: from none."""
    every = _SCHEMA.split(";")[:-1]
    if version == 0:
        return every
    there = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    made = [table for table in every if "CREATE TABLE" in table and table.split()[2] not in there]
    added = [
        f"ALTER TABLE {table} ADD COLUMN {column}"
        for table, column in _SINCE
        if table in there and column.split()[0] not in _columns(database, table)
    ]
    marked = ["UPDATE score SET whole = 0"] if version == 2 else []
    return [*made, *added, *marked]


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
