"""What happened in the last search of a run, read from its journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang_runtime.engine.run import Run
from spacelang_runtime.search.journal import Generation, Journal
from spacelang_runtime.search.journal_file import look


@frozen
class Member:
    """A network that the search asked for, as it came first. accuracy: on the images it was judged on; left: not on
    all, since it lost its race. costs: by measure."""

    name: str
    architecture: Architecture
    generation: int
    operator: str
    parents: tuple[str, ...]
    costs: Mapping[str, int]
    accuracy: float
    left: bool


@frozen
class SearchSummary:
    """members: by digest. winner: digest, None while the search has not ended. account: what was asked for."""

    account: Mapping[str, Any]
    total: int
    ended: bool
    winner: str | None
    members: Mapping[str, Member]
    generations: tuple[Generation, ...]

    @property
    def best(self) -> str | None:
        """The winner; while there is none, the best so far."""
        full = [digest for digest, member in self.members.items() if not member.left]
        return self.winner or max(full, key=lambda digest: self.members[digest].accuracy, default=None)

    def ancestors(self, digest: str) -> dict[str, Member]:
        """A network and all that it descends from."""
        found: dict[str, Member] = {}
        waiting = [digest]
        while waiting:
            name = waiting.pop()
            if name in self.members and name not in found:
                found[name] = self.members[name]
                waiting += self.members[name].parents
        return found


def summary_of(run: Run) -> SearchSummary | None:
    """The last search of a run; None where there was none."""
    with look(run.folder) as journal:
        search = journal.last()
        if search is None:
            return None
        winner = journal.database.execute("SELECT winner FROM search WHERE search = ?", (search.number,)).fetchone()
        return SearchSummary(
            account=json.loads(search.account),
            total=search.total,
            ended=search.ended,
            winner=winner[0],
            members=dict(_members(journal, search.number, search.total)),
            generations=tuple(journal.generations(search)),
        )


def _members(journal: Journal, number: int, total: int) -> Iterator[tuple[str, Member]]:
    rows = journal.database.execute(
        """SELECT architecture, line, generation, operator, parents, costs, images, correct
           FROM candidate JOIN network USING (architecture)
           WHERE search = ? AND images IS NOT NULL ORDER BY generation DESC, place DESC""",
        (number,),
    )
    for digest, line, generation, operator, parents, costs, images, correct in rows:  # the first time comes last
        yield (
            digest,
            Member(
                name=digest[:8],
                architecture=notation.read(line),
                generation=generation,
                operator=operator,
                parents=tuple(json.loads(parents)),
                costs=json.loads(costs),
                accuracy=correct / images,
                left=images < total,
            ),
        )
