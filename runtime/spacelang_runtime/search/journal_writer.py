"""What a search writes into its journal, by a thread of its own, while the next networks are computed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from threading import Semaphore

from attrs import frozen

from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_rows import (
    Conditions,
    GenerationSummary,
    NewScore,
    PartialScore,
    Proposed,
    Search,
)
from spacelang_runtime.search.scoring import Verdict

MOST = 16  # on their way to the disk: whoever has more to write waits
LOOK = 0.1  # seconds of waiting, between two looks whether the thread still lives

Write = NewScore | Callable[[], None]


@frozen(eq=False)
class JournalWriter:
    """Writes into a journal in the order in which it is asked to. What went wrong in writing is raised by the next
    call, or at the end. As long as it is open, nothing else may use the journal."""

    journal: Journal
    _coming: SimpleQueue[Write | None]
    _room: Semaphore
    _thread: Future[None]

    def propose(self, search: Search, generation: int, candidates: Sequence[Proposed]) -> None:
        """As `Journal.propose`."""
        self._put(partial(self.journal.propose, search, generation, candidates))

    def recorded(self, under: Search | Conditions, verdicts: Iterator[Verdict]) -> Generator[Verdict, None, None]:
        """The verdicts as they come, each being written meanwhile."""
        for one in verdicts:
            self._put(NewScore(under, one.digest, one.answers, one.seconds, one.device))
            yield one

    def close_generation(
        self, search: Search, generation: GenerationSummary, judged: Mapping[str, PartialScore]
    ) -> None:
        """As `Journal.close_generation`."""
        self._put(partial(self.journal.close_generation, search, generation, judged))

    def _put(self, write: Write) -> None:
        while not self._thread.done():
            if self._room.acquire(timeout=LOOK):
                self._coming.put(write)
                return
        self._thread.result()  # it failed


@contextmanager
def journal_writer(journal: Journal) -> Iterator[JournalWriter]:
    """A writer into a journal. Once this ends, however it does, all that it was given is on the disk.

    To wait until the disk has a score takes as long as to score a small network. So scores that come while others
    are being written are then written together; a process that is killed loses those that were on their way, at
    most `MOST`.
    """
    coming: SimpleQueue[Write | None] = SimpleQueue()
    room = Semaphore(MOST)
    with ThreadPoolExecutor(1, "journal") as threads:
        thread = threads.submit(_write, journal, coming, room)
        try:
            yield JournalWriter(journal, coming, room, thread)
        finally:
            coming.put(None)
            thread.result()


def _write(journal: Journal, coming: SimpleQueue[Write | None], room: Semaphore) -> None:
    """Write what comes, until None does."""
    while True:
        scores: list[NewScore] = []
        for one in (coming.get(), *_there(coming)):
            if isinstance(one, NewScore):
                scores.append(one)
                continue
            _record(journal, scores, room)
            if one is None:
                return
            one()
            room.release()
        _record(journal, scores, room)


def _there(coming: SimpleQueue[Write | None]) -> Iterator[Write | None]:
    """What has come by now."""
    while True:
        try:
            yield coming.get_nowait()
        except Empty:
            return


def _record(journal: Journal, scores: list[NewScore], room: Semaphore) -> None:
    """Write scores together, and forget them."""
    if scores:
        journal.record(*scores)
        room.release(len(scores))
        scores.clear()
