"""Scores written into a journal by a thread of its own, while the next network is computed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_rows import Conditions, Search
from spacelang_runtime.search.scoring import Verdict


def recorded(
    journal: Journal, under: Search | Conditions, verdicts: Iterator[Verdict]
) -> Generator[Verdict, None, None]:
    """The verdicts as they come, each being written meanwhile.

    To wait until the disk has a score takes as long as to score a small network. At most one is on its way: it has
    to be on the disk before the next one is written, and all of them are once this ends or is closed. Until then
    nothing else may use the journal. What goes wrong in writing is raised here.
    """
    with ThreadPoolExecutor(1, "journal") as writer:
        writing: Future[None] | None = None
        for one in verdicts:
            if writing is not None:
                writing.result()
            writing = writer.submit(journal.record, under, one.digest, one.answers, one.seconds, one.device)
            yield one
        if writing is not None:
            writing.result()
