"""The journal of a run's searches: every score, as it comes, in SQLite. Its tables are told in docs/journal.md.

A score belongs to the weights it was taken with (the training step of the run), to the images it was taken on
(how many of the held-out split, from its beginning) and to an architecture; once `record` returns it is on the
disk, so that a search that is killed loses at most what is in flight (`journal_writer`). Scores are shared by all
searches of a run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs
from attrs import frozen

from spacelang.recipe import Score
from spacelang_runtime.search.answers import Answers, packed, unpacked
from spacelang_runtime.search.journal_rows import (
    MOST,
    Conditions,
    Finalist,
    GenerationSummary,
    NetworkRow,
    NewScore,
    NotAJournal,
    PartialScore,
    Proposed,
    ScoreRow,
    Search,
    row,
    told,
)

_LAST = "(SELECT search FROM search ORDER BY ended DESC, search DESC LIMIT 1)"  # what has not ended comes last


@frozen(eq=False)
class Journal:
    """An open journal."""

    database: sqlite3.Connection

    @property
    def whole(self) -> bool:
        """Whether all its scores were taken of images that were decoded whole; before version 3, large JPEGs were
        decoded at a reduced size."""
        reduced = self.database.execute("SELECT EXISTS (SELECT 1 FROM score WHERE NOT whole)").fetchone()
        return not reduced[0]

    def search(self, account: str, step: int, total: int, begin: int = 0) -> Search:
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
        return Search(number, account, step, total, bool(ended), begin)

    def propose(self, search: Search, generation: int, candidates: Sequence[Proposed]) -> None:
        """Keep a generation's candidates."""
        with self.database as db:
            db.executemany(
                "INSERT OR IGNORE INTO network VALUES (?, ?, ?, ?)",
                [(c.entry.architecture, c.entry.line, c.entry.flops, c.entry.params) for c in candidates],
            )
            db.executemany(
                "INSERT OR IGNORE INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
                [
                    (search.number, generation, place, c.entry.architecture, c.operator, *_texts(c))
                    for place, c in enumerate(candidates)
                ],
            )

    def known(self, under: Search | Conditions) -> dict[str, Answers]:
        """The answers of each network already looked at, on the first images, with these weights."""
        rows = self.database.execute(
            "SELECT architecture, right, losses, images FROM score WHERE step = ? AND total = ? AND begin = ?",
            (under.step, under.total, under.begin),
        )
        return {one[0]: _answers(*row(one, str, bytes, bytes | None, int)[1:]) for one in rows}

    def lossless(self, under: Search | Conditions) -> bool:
        """Whether some scores with these weights are from before losses were kept."""
        found = self.database.execute(
            "SELECT EXISTS (SELECT 1 FROM score WHERE step = ? AND total = ? AND begin = ? AND losses IS NULL)",
            (under.step, under.total, under.begin),
        ).fetchone()
        return bool(found[0])

    def record(self, *scores: NewScore) -> None:
        """Keep what networks did. Once this returns, all of them are on the disk; where it fails, none is.

        What is known already stands; more images of the same network take its place, and so do those of another
        beginning.
        """
        with self.database as db:
            db.executemany(
                """INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
                   ON CONFLICT DO UPDATE SET images = excluded.images, correct = excluded.correct,
                       right = excluded.right, seconds = seconds + excluded.seconds,
                       device = excluded.device, at = excluded.at, loss = excluded.loss, losses = excluded.losses,
                       whole = CASE WHEN excluded.begin != begin THEN 1 ELSE whole END, begin = excluded.begin
                   WHERE excluded.images > images OR excluded.begin != begin""",
                list(map(_score, scores)),
            )

    def close_generation(
        self, search: Search, generation: GenerationSummary, judged: Mapping[str, PartialScore]
    ) -> None:
        """A generation has been judged. judged: by digest."""
        figures = attrs.astuple(attrs.evolve(generation, parents=()), recurse=False)
        number, best, spread, spent, saved, volume, _, images, loss = figures
        with self.database as db:
            db.executemany(
                """UPDATE candidate SET images = ?, correct = ?, loss = ?
                   WHERE search = ? AND generation = ? AND architecture = ?""",
                [(*attrs.astuple(found), search.number, number, name) for name, found in judged.items()],
            )
            kept = json.dumps(generation.parents)
            db.execute(
                "INSERT OR IGNORE INTO generation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (search.number, number, best, spread, spent, saved, volume, kept, _now(), images, loss),
            )

    def close_search(self, search: Search, winner: str, finalists: Sequence[Finalist] = ()) -> None:
        """The search has come to its end. finalists: the winner first, then as they rank; in the place of those
        that it had when it ended before."""
        with self.database as db:
            db.execute("DELETE FROM finalist WHERE search = ?", (search.number,))
            db.executemany(
                "INSERT INTO finalist VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(search.number, place, *attrs.astuple(one)) for place, one in enumerate(finalists)],
            )
            db.execute(
                "UPDATE search SET ended = ?, winner = ? WHERE search = ?",
                (_now(), winner, search.number),
            )

    def last(self) -> Search | None:
        """The last search: the one that ended last, whose best network is that of the run; before any has ended,
        the one begun last."""
        return self._search(f"search = {_LAST}")

    def unended(self) -> Search | None:
        """The search begun last that has not ended, where another has: none of it counts yet."""
        return self._search(
            "ended IS NULL AND EXISTS (SELECT 1 FROM search WHERE ended IS NOT NULL) ORDER BY search DESC LIMIT 1"
        )

    def _search(self, which: str) -> Search | None:
        found = self.database.execute(
            f"SELECT search, account, step, total, ended IS NOT NULL FROM search WHERE {which}"
        ).fetchone()
        if found is None:
            return None
        number, account, step, total, ended = row(found, int, str, int, int, int)
        return Search(number, account, step, total, bool(ended))

    def best(self, count: int = 1, by: Score = "loss") -> list[ScoreRow]:
        """The best networks of the last search, the best first: its finalists as they were placed; before
        there are any, those looked at on the most images."""
        placed = self.database.execute(
            f"""SELECT n.architecture, n.line, n.flops, n.params, f.correct, f.images, f.loss
               FROM finalist f JOIN network n USING (architecture)
               WHERE search = {_LAST} ORDER BY place LIMIT ?""",
            (count,),
        ).fetchall()
        order = "s.correct DESC, s.loss" if by == "accuracy" else "s.loss IS NULL, s.loss, s.correct DESC"
        rows = placed or self.database.execute(
            f"""SELECT DISTINCT n.architecture, n.line, n.flops, n.params, s.correct, s.images, s.loss
                FROM search JOIN candidate c USING (search) JOIN network n USING (architecture)
                JOIN score s ON s.architecture = n.architecture AND s.step = search.step AND s.total = search.total
                WHERE search.search = {_LAST}
                ORDER BY n.architecture IS search.winner DESC, s.images DESC, {order}, n.flops, n.architecture
                LIMIT ?""",
            (count,),
        )
        found = [row(one, str, str, int, int, int, int, float | None) for one in rows]
        return [ScoreRow(NetworkRow(*one[:4]), one[4], max(1, one[5]), one[6]) for one in found]

    def finalists(self, search: Search) -> list[Finalist]:
        """The finalists of a search that has ended, the winner first."""
        rows = self.database.execute(
            "SELECT architecture, images, correct, loss, low, high FROM finalist WHERE search = ? ORDER BY place",
            (search.number,),
        )
        of = (str, int, int, float | None)
        return [
            Finalist(*row(one[:4], *of), *row(one[4:], float | None, float | None, least=-MOST)) for one in rows
        ]

    def generations(self, search: Search) -> list[GenerationSummary]:
        """How the generations of a search went, those that have ended."""
        rows = self.database.execute(
            """SELECT generation, best, spread, spent, saved, volume, parents, images, loss FROM generation
               WHERE search = ? ORDER BY generation""",
            (search.number,),
        )
        kinds = (int, int, float, int, int, float | None, str, int | None, float | None)
        found = [row(one, *kinds) for one in rows]
        return [GenerationSummary(*one[:6], tuple(map(str, told(one[6], list))), *one[7:]) for one in found]

    def named(self, prefix: str) -> list[NetworkRow]:
        """The networks whose digest begins so."""
        rows = self.database.execute(
            "SELECT architecture, line, flops, params FROM network WHERE substr(architecture, 1, ?) = ? LIMIT 9",
            (len(prefix), prefix),
        )
        return [NetworkRow(*row(one, str, str, int, int)) for one in rows]

    def counts(self) -> tuple[int, int]:
        """How many searches there were, and how many networks have been looked at."""
        found = self.database.execute("SELECT (SELECT count(*) FROM search), (SELECT count(*) FROM score)")
        searches, scores = found.fetchone()
        return searches, scores


def _texts(proposed: Proposed) -> tuple[str, str]:
    return json.dumps(proposed.parents), json.dumps(dict(proposed.costs))


def _score(new: NewScore) -> tuple[object, ...]:
    under, answers = new.under, new.answers
    right, losses = packed(answers)
    loss = None if losses is None else answers.loss
    did = len(answers), answers.correct, right, new.seconds, new.device, _now(), loss, losses
    return under.step, under.total, new.architecture, *did, under.begin


def _answers(right: bytes, losses: bytes | None, images: int) -> Answers:
    if images > 8 * len(right) or (losses is not None and len(losses) != 2 * images):
        many = f"{8 * len(right)} answers" + ("" if losses is None else f" and {len(losses) // 2} losses")
        raise NotAJournal(f"a row tells of {images} images, and holds {many}")
    return unpacked(right, losses, images)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
