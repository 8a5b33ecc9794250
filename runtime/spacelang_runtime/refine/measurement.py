"""What a run's journal knows of measurements, in tables of its own beside those of searches.

    measurement  account: recipe, bounds and space as JSON; step and total images of its scores; began, ended
    sample       measurement, place: the key; architecture; given: the choice that it was drawn for, as JSON

The scores themselves are the journal's: a network has one score for the same weights and images, whoever asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from spacelang.expression import decimal
from spacelang.refine.sample import Sample
from spacelang_runtime.search.journal import Entry, Journal, Search

_SCHEMA = """
CREATE TABLE IF NOT EXISTS measurement (
    measurement INTEGER PRIMARY KEY, account TEXT NOT NULL, step INTEGER NOT NULL, total INTEGER NOT NULL,
    began TEXT NOT NULL, ended TEXT, UNIQUE (account, step, total)
);
CREATE TABLE IF NOT EXISTS sample (
    measurement INTEGER NOT NULL REFERENCES measurement, place INTEGER NOT NULL,
    architecture TEXT NOT NULL REFERENCES network, given TEXT,
    PRIMARY KEY (measurement, place)
) WITHOUT ROWID;
"""


def begin(journal: Journal, key: Search, entries: Sequence[Entry], samples: Sequence[Sample]) -> int:
    """The number of a measurement with its networks kept: the one begun before, or a new one."""
    with journal.database as db:
        for statement in _SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.execute(
            "INSERT OR IGNORE INTO measurement (account, step, total, began) VALUES (?, ?, ?, ?)",
            (key.account, key.step, key.total, _now()),
        )
        (number,) = db.execute(
            "SELECT measurement FROM measurement WHERE account = ? AND step = ? AND total = ?",
            (key.account, key.step, key.total),
        ).fetchone()
        db.executemany(
            "INSERT OR IGNORE INTO network (architecture, line, flops, params) VALUES (?, ?, ?, ?)",
            [(entry.architecture, entry.line, entry.flops, entry.params) for entry in entries],
        )
        db.executemany(
            "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?)",
            [
                (number, place, entry.architecture, _given(sample))
                for place, (entry, sample) in enumerate(zip(entries, samples, strict=True))
            ],
        )
    return int(number)


def close(journal: Journal, number: int) -> None:
    """The measurement has come to its end."""
    with journal.database as db:
        db.execute("UPDATE measurement SET ended = coalesce(ended, ?) WHERE measurement = ?", (_now(), number))


def _given(sample: Sample) -> str | None:
    if sample.given is None:
        return None
    given = sample.given
    return json.dumps({"stage": given.stage, given.dimension: decimal(given.option)})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
