"""Score the networks that a space is judged by, with inherited weights; keep every score as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np
from attrs import frozen

from spacelang import notation
from spacelang.recipe import Score
from spacelang.refine.sample import Sample
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.run import Run
from spacelang_runtime.failure import Failure
from spacelang_runtime.refine.measurement import begin, close, keep
from spacelang_runtime.search.answers import UNKNOWN, Answers
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.journal_rows import Entry, Search
from spacelang_runtime.search.journal_writer import recorded
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.scoring import Stretch, Task


@frozen
class Progress:
    """How far a measurement is. done, asked: different networks. mean: error of those so far, as a share."""

    done: int
    asked: int
    mean: float
    seconds: float


@frozen
class Errors:
    """The error of each network, in their order, as a share. loss: their mean cross-entropy, None where it was not
    kept. number: of the measurement in the journal. images: each was scored on. scored: anew, in all."""

    errors: tuple[float, ...]
    loss: float | None
    number: int
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
    score: Score = "loss",
) -> Errors:
    """The errors of drawn networks on the held-out split.

    account: the recipe, bounds and space as text: what makes two measurements the same. waves: score the networks,
    here or on several processes, all on all images. step: of training, that the weights are of. Scores are shared
    with all searches and measurements of the run that have the same weights and images; what was scored before a
    measurement was stopped is not scored again. score: errors are those counted, or those that losses stand for
    (`smoothed`).
    """
    entries = [Entry(s.architecture.digest, notation.write(s.architecture), s.flops, s.params) for s in samples]
    total = waves.images
    began = time.monotonic()
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        key = Search(0, account, step, total, False, waves.begin)
        number = begin(journal, key, entries, samples)
        if score == "loss" and journal.lossless(key):
            raise Failure(
                f"{run.folder / 'journal.sqlite'} has scores from before losses were kept",
                "go on by what it has: --score accuracy; or move it away, and networks are scored anew",
            )
        there = journal.known(key)
        known = {name: one for name, one in there.items() if len(one) == total}
        by_digest = {entry.architecture: sample for entry, sample in zip(entries, samples, strict=True)}
        tasks = [
            Task(sample.architecture, name, there.get(name, UNKNOWN))
            for name, sample in by_digest.items()
            if name not in known
        ]
        tasks.sort(key=lambda task: (-by_digest[task.digest].flops, task.digest))
        done = [known[name].correct for name in by_digest if name in known]
        with closing(recorded(journal, key, waves(tasks, Stretch(total)))) as verdicts:
            for verdict in verdicts:
                known[verdict.digest] = verdict.answers
                done.append(verdict.answers.correct)
                mean = 1 - sum(done) / len(done) / total
                observe(Progress(len(done), len(by_digest), mean, time.monotonic() - began))
        close(journal, number)
    answers = [known[entry.architecture] for entry in entries]
    losses = np.array([one.loss for one in answers])
    return Errors(
        smoothed(answers) if score == "loss" else tuple(1 - one.correct / total for one in answers),
        None if np.isnan(losses).any() else float(losses.mean()),
        number,
        total,
        len(tasks),
        time.monotonic() - began,
    )


def smoothed(answers: Sequence[Answers]) -> tuple[float, ...]:
    """The error that the loss of each network stands for: on the least-squares line of error on loss over them all.

    It has the unit and the mean of the errors counted, and less of the luck of which images were held out: two
    networks differ by their losses far more surely than by what they tell right. Where losses do not differ, or
    rise where errors fall, there is no such line, and the errors are those counted.
    """
    errors = np.array([1 - one.correct / len(one) for one in answers])
    losses = np.array([one.loss for one in answers])
    apart = losses - losses.mean()
    slope = float(apart @ errors) / (float(apart @ apart) or 1.0)
    return tuple((errors.mean() + slope * apart if slope > 0 else errors).tolist())


def judged(run: Run, number: int, judgement: dict[str, object]) -> None:
    """Keep what followed from a measurement in the run's journal."""
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        keep(journal, number, judgement)
