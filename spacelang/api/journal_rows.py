"""What a journal of a search by one's own score holds, as values, and how what is read from it is checked: tables
of SQLite take anything, and a damaged file may hold it."""

from __future__ import annotations

from attrs import frozen

from spacelang.api.goals import GoalValues
from spacelang.outside import finite, shown


@frozen
class GenerationRow:
    """What a generation was made from. answers: how many had come, in all. fresh: how many of its networks were
    new. kept: the lines of the networks that were kept."""

    number: int
    answers: int
    fresh: int
    kept: tuple[str, ...]


@frozen
class CandidateRow:
    """A candidate: the line of its network, what made it, the lines of its parents."""

    generation: int
    line: str
    operator: str
    parents: tuple[str, ...]


@frozen
class AnswerRow:
    """The score of a network, None where it failed."""

    line: str
    score: GoalValues | None


@frozen
class JournalContents:
    """What a journal holds of a search: its generations and their candidates in order, and all answers in the order
    told."""

    generations: tuple[GenerationRow, ...] = ()
    candidates: tuple[CandidateRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()


def generation(*columns: object) -> GenerationRow:
    """A row of that table. Raises `NotAJournal`."""
    from spacelang_runtime.search.journal_rows import row

    number, came, new, kept = row(columns, int, int, int, str)
    return GenerationRow(number, came, new, _lines(kept))


def candidate(*columns: object) -> CandidateRow:
    """A row of that table. Raises `NotAJournal`."""
    from spacelang_runtime.search.journal_rows import row

    at, line, operator, parents = row(columns, int, str, str, str)
    return CandidateRow(at, line, operator, _lines(parents))


def answer(*columns: object) -> AnswerRow:
    """A row of that table. Raises `NotAJournal`."""
    from spacelang_runtime.search.journal_rows import NotAJournal, row, told

    line, score = row(columns, str, str)
    numbers = None if score == "null" else tuple(told(score, list))
    if numbers is not None and not (numbers and all(map(finite, numbers))):
        raise NotAJournal(f"a row holds {shown(score)}, which is never written there")
    return AnswerRow(line, numbers)


def agreeing(held: JournalContents) -> JournalContents:
    """What a journal holds, which goes together. Raises `NotAJournal` where it does not."""
    from spacelang_runtime.search.journal_rows import NotAJournal

    scored = {answer.line for answer in held.answers if answer.score is not None}
    goals = {len(answer.score) for answer in held.answers if answer.score is not None}
    if len(goals) > 1:
        raise NotAJournal(f"its scores have {' and '.join(map(str, sorted(goals)))} numbers")
    if [one.number for one in held.generations] != list(range(len(held.generations))):
        raise NotAJournal("a generation is missing")
    if any(one.generation >= len(held.generations) for one in held.candidates):
        raise NotAJournal("a network is of no generation")
    for one in held.generations:
        if one.answers > len(held.answers) or not scored.issuperset(one.kept):
            raise NotAJournal(f"generation {one.number} was made from answers that are not there")
    return held


def _lines(text: str) -> tuple[str, ...]:
    """Lines of networks, as JSON keeps them. Raises `NotAJournal`."""
    from spacelang_runtime.search.journal_rows import NotAJournal, told

    found = told(text, list)
    if not all(isinstance(line, str) for line in found):
        raise NotAJournal(f"a row holds {shown(text)}, which is never written there")
    return tuple(found)
