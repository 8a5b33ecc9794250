"""Score the networks that a space is judged by, with inherited weights; keep every score as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from attrs import frozen

from spacelang import notation
from spacelang.recipe import Score
from spacelang.refinement.sample import Sample
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.refine.measurement import begin, close, keep, latest
from spacelang_runtime.search.answers import UNKNOWN, Answers
from spacelang_runtime.search.images import beginning
from spacelang_runtime.search.journal_file import look, open_journal
from spacelang_runtime.search.journal_rows import Conditions, NetworkRow
from spacelang_runtime.search.journal_writer import journal_writer
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.scoring import Fidelity, Subnet


@frozen
class Progress:
    """How far a measurement is. run: that it is of. done, asked: different networks. mean: error of those so far,
    as a share."""

    run: str
    done: int
    asked: int
    mean: float
    seconds: float


@frozen(eq=False)
class Measurement:
    """What each network does on the held-out images, in their order. number: of the measurement in the journal.
    images: each was scored on. scored: networks anew."""

    answers: tuple[Answers, ...]
    number: int
    images: int
    scored: int
    seconds: float


def measure(
    run: RunFolder,
    samples: Sequence[Sample],
    account: str,
    dispatch: Dispatcher,
    step: int,
    observe: Callable[[Progress], None],
    score: Score = "loss",
) -> Measurement:
    """The answers of drawn networks on the held-out split.

    account: the recipe, bounds and space as text: what makes two measurements the same. dispatch: has the networks
    scored, here or on several processes, all on all images. step: of training, that the weights are of. Scores are
    shared with all searches and measurements of the run that have the same weights and images; what was scored
    before a measurement was stopped is not scored again. score: what is to be compared; scores without losses are
    refused where these are.
    """
    entries = [
        NetworkRow(s.architecture.digest, notation.write(s.architecture), s.flops, s.params) for s in samples
    ]
    total = dispatch.images
    began = time.monotonic()
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        under = Conditions(step, total, dispatch.begin)
        number = begin(journal, account, under, entries, samples)
        if score == "loss" and journal.lossless(under):
            raise Failure(
                f"{run.folder / 'journal.sqlite'} has scores from before losses were kept",
                "go on by what it has: --score accuracy; or move it away, and networks are scored anew",
            )
        there = journal.known(under)
        known = {name: one for name, one in there.items() if len(one) == total}
        by_digest = {entry.architecture: sample for entry, sample in zip(entries, samples, strict=True)}
        subnets = [
            Subnet(sample.architecture, name, there.get(name, UNKNOWN))
            for name, sample in by_digest.items()
            if name not in known
        ]
        subnets.sort(key=lambda subnet: (-by_digest[subnet.digest].flops, subnet.digest))
        done = [known[name].correct for name in by_digest if name in known]
        with journal_writer(journal) as writer:
            for verdict in writer.recorded(under, dispatch(subnets, Fidelity(total))):
                known[verdict.digest] = verdict.answers
                done.append(verdict.answers.correct)
                mean = 1 - sum(done) / len(done) / total
                observe(Progress(run.name, len(done), len(by_digest), mean, time.monotonic() - began))
        close(journal, number)
    answers = tuple(known[entry.architecture] for entry in entries)
    return Measurement(answers, number, total, len(subnets), time.monotonic() - began)


def looked_up(
    run: RunFolder, samples: Sequence[Sample], account: str, step: int, score: Score
) -> Measurement | None:
    """What a run's journal has of a measurement that had come to its end, without its weights or images; None where
    some of it is missing."""
    began = time.monotonic()
    with look(run.folder) as journal:
        found = latest(journal, account, step)
        if found is None:
            return None
        number, total = found
        known = journal.known(Conditions(step, total, beginning(run.space.train.seed, total)))
    answers = tuple(known.get(sample.architecture.digest, UNKNOWN) for sample in samples)
    if any(len(one) != total or (score == "loss" and np.isnan(one.loss)) for one in answers):
        return None
    return Measurement(answers, number, total, 0, time.monotonic() - began)


def judged(run: RunFolder, number: int, judgement: dict[str, object]) -> None:
    """Keep what followed from a measurement in the run's journal."""
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        keep(journal, number, judgement)
