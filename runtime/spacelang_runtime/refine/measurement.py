"""What a run's journal knows of measurements, beside its searches.

    measurement  account: recipe, bounds and space as JSON; step and total images of its scores; began, ended;
                 judgement: what followed, as JSON
    sample       measurement, place: the key; architecture; given: the choice that it was drawn for, as JSON

The scores themselves are the journal's: a network has one score for the same weights and images, whoever asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from spacelang.expression import decimal
from spacelang.refinement.sample import Sample
from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_rows import Conditions, NetworkRow, row, told


def begin(
    journal: Journal, account: str, under: Conditions, entries: Sequence[NetworkRow], samples: Sequence[Sample]
) -> int:
    """The number of a measurement with its networks kept: the one begun before, or a new one."""
    key = (account, under.step, under.total)
    with journal.database as db:
        db.execute(
            "INSERT OR IGNORE INTO measurement (account, step, total, began) VALUES (?, ?, ?, ?)",
            (*key, _now()),
        )
        (number,) = db.execute(
            "SELECT measurement FROM measurement WHERE account = ? AND step = ? AND total = ?",
            key,
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


def keep(journal: Journal, number: int, judgement: Mapping[str, object]) -> None:
    """What followed from a measurement, as JSON values."""
    close(journal, number)  # it was killed before, where all had been scored
    with journal.database as db:
        db.execute("UPDATE measurement SET judgement = ? WHERE measurement = ?", (json.dumps(judgement), number))


def latest(journal: Journal, account: str, step: int) -> tuple[int, int] | None:
    """The number and the images of the last measurement of this account with these weights; None where there was
    none."""
    query = (
        "SELECT measurement, total FROM measurement WHERE account = ? AND step = ?"
        " ORDER BY measurement DESC LIMIT 1"
    )
    found = journal.database.execute(query, (account, step)).fetchone()
    return None if found is None else row(found, int, int)


def judgements(journal: Journal) -> list[tuple[int, dict[str, object]]]:
    """The training step of each measurement that was judged, and what followed, in the order begun."""
    rows = journal.database.execute(
        "SELECT step, judgement FROM measurement WHERE judgement IS NOT NULL ORDER BY measurement"
    )
    found = [row(one, int, str) for one in rows]
    return [(step, told(text, dict)) for step, text in found]


def _given(sample: Sample) -> str | None:
    if sample.given is None:
        return None
    given = sample.given
    return json.dumps({"stage": given.stage, given.dimension: decimal(given.option)})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
