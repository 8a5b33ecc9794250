"""What happened in the last search of a run, read from its journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from spacelang import notation
from spacelang.architecture import Architecture, NotAnArchitecture
from spacelang.outside import finite, shown
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.search.account import account_of
from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_file import look
from spacelang_runtime.search.journal_rows import GenerationSummary, NotAJournal, row, told


@frozen
class SummaryRow:
    """A network that the search asked for, as it came first. accuracy, loss: on the images it was judged on; loss:
    None where it was not kept. left: others were judged on more. costs: by measure."""

    name: str
    architecture: Architecture
    generation: int
    operator: str
    parents: tuple[str, ...]
    costs: Mapping[str, int]
    accuracy: float
    left: bool
    loss: float | None = None


@frozen
class SearchSummary:
    """members: by digest. winner: digest, None while the search has not ended. account: what was asked for.
    unended: whether another search has begun since, and not ended."""

    account: Mapping[str, Any]
    total: int
    ended: bool
    winner: str | None
    members: Mapping[str, SummaryRow]
    generations: tuple[GenerationSummary, ...]
    unended: bool = False

    @property
    def best(self) -> str | None:
        """The winner; while there is none, the best so far."""
        full = [digest for digest, member in self.members.items() if not member.left]

        def key(digest: str) -> tuple[float, float]:
            member = self.members[digest]
            return member.loss or 0.0, -member.accuracy

        return self.winner or min(full, key=key, default=None)

    def ancestors(self, digest: str) -> dict[str, SummaryRow]:
        """A network and all that it descends from."""
        found: dict[str, SummaryRow] = {}
        waiting = [digest]
        while waiting:
            name = waiting.pop()
            if name in self.members and name not in found:
                found[name] = self.members[name]
                waiting += self.members[name].parents
        return found


def summary_of(run: RunFolder) -> SearchSummary | None:
    """The last search of a run; None where there was none."""
    with look(run.folder) as journal:
        search = journal.last()
        if search is None:
            return None
        winner = journal.database.execute("SELECT winner FROM search WHERE search = ?", (search.number,)).fetchone()
        return SearchSummary(
            account=account_of(search.account),
            total=search.total,
            ended=search.ended,
            winner=row(winner, str | None)[0],
            members=dict(_members(journal, search.number)),
            generations=tuple(journal.generations(search)),
            unended=journal.unended() is not None,
        )


def _members(journal: Journal, number: int) -> Iterator[tuple[str, SummaryRow]]:
    rows = journal.database.execute(
        """SELECT architecture, line, generation, operator, parents, costs, images, correct, loss,
               max(images) OVER ()
           FROM candidate JOIN network USING (architecture)
           WHERE search = ? AND images IS NOT NULL ORDER BY generation DESC, place DESC""",
        (number,),
    )
    kinds = (str, str, int, str, str, str, int, int, float | None, int)
    for found in rows:  # the first time comes last
        digest, line, generation, operator, parents, costs, images, correct, loss, most = row(found, *kinds)
        try:
            architecture = notation.read(line)
        except NotAnArchitecture as reason:
            raise NotAJournal(f"a row holds {shown(line)}: {reason}") from None
        yield (
            digest,
            SummaryRow(
                name=digest[:8],
                architecture=architecture,
                generation=generation,
                operator=operator,
                parents=tuple(map(str, told(parents, list))),
                costs=_costs(costs),
                accuracy=correct / max(1, images),
                left=images < most,
                loss=loss,
            ),
        )


def _costs(text: str) -> Mapping[str, int]:
    costs: dict[str, int] = told(text, dict)
    if not all(map(finite, costs.values())):
        raise NotAJournal(f"a row holds {shown(text)}, which are no costs")
    return costs
