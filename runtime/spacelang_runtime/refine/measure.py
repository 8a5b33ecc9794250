"""Score the networks that a space is judged by, with inherited weights; keep every score as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import frozen

from spacelang import notation
from spacelang.refine.sample import Sample
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.run import Run
from spacelang_runtime.refine.measurement import begin, close
from spacelang_runtime.search.journal import Entry, Search
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.scoring import UNKNOWN, Task


@frozen
class Progress:
    """How far a measurement is. done, asked: different networks. mean: error of those so far, as a share."""

    done: int
    asked: int
    mean: float
    seconds: float


@frozen
class Errors:
    """The error of each network, in their order, as a share. images: each was scored on. scored: anew, in all."""

    errors: tuple[float, ...]
    images: int
    scored: int
    seconds: float


def measure(
    run: Run,
    samples: Sequence[Sample],
    account: str,
    waves: Dispatcher,
    step: int,
    observe: Callable[[Progress], None],
) -> Errors:
    """The errors of drawn networks on the held-out split.

    account: the recipe, bounds and space as text: what makes two measurements the same. waves: score the networks,
    here or on several processes, all on all images. step: of training, that the weights are of. Scores are shared
    with all searches and measurements of the run that have the same weights and images; what was scored before a
    measurement was stopped is not scored again.
    """
    entries = [Entry(s.architecture.digest, notation.write(s.architecture), s.flops, s.params) for s in samples]
    total = waves.images
    began = time.monotonic()
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        key = Search(0, account, step, total, False)
        number = begin(journal, key, entries, samples)
        known = journal.known(key)
        correct = {name: int(right.sum()) for name, right in known.items() if len(right) == total}
        by_digest = {entry.architecture: sample for entry, sample in zip(entries, samples, strict=True)}
        tasks = [
            Task(sample.architecture, name, known.get(name, UNKNOWN))
            for name, sample in by_digest.items()
            if name not in correct
        ]
        tasks.sort(key=lambda task: (-by_digest[task.digest].flops, task.digest))
        done = [correct[name] for name in by_digest if name in correct]
        for verdict in waves(tasks):
            journal.record(key, verdict.digest, verdict.right, verdict.seconds, verdict.device)
            correct[verdict.digest] = verdict.correct
            done.append(verdict.correct)
            mean = 1 - sum(done) / len(done) / total
            observe(Progress(len(done), len(by_digest), mean, time.monotonic() - began))
        close(journal, number)
    errors = tuple(1 - correct[entry.architecture] / total for entry in entries)
    return Errors(errors, total, len(tasks), time.monotonic() - began)
