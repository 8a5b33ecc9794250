"""The search: score what evolution asks for, keep every score as it comes, end with the best network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

import torch
from attrs import asdict, frozen
from torch import Tensor

from spacelang import interchange, notation
from spacelang.architecture import Architecture, to_json
from spacelang.lower.chain import digest
from spacelang.lower.cost import MEASURES
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve
from spacelang_runtime.data import Dataset
from spacelang_runtime.evaluate import evaluate
from spacelang_runtime.evolution import Candidate, Evolution
from spacelang_runtime.journal import Entry, Journal, Search, open_journal
from spacelang_runtime.run import Run, write_best
from spacelang_runtime.supernet import Supernet

BATCH = 256


@frozen
class Scored:
    """A candidate that has its score. known: it had it before, from this search or another of the run.

    done, asked: networks told so far and to be asked for in all. best: the share right of the best so far.
    """

    candidate: Candidate
    generation: int
    accuracy: float
    known: bool
    best: float
    done: int
    asked: int
    seconds: float


@frozen
class Outcome:
    """What a search found. scored: how many networks were scored anew. images: each was scored on."""

    best: Candidate
    accuracy: float
    correct: int
    images: int
    scored: int
    seconds: float


Score = Callable[[Architecture], int]


def evolve(
    run: Run,
    lowered: Lowered,
    recipe: Evolve,
    model: Supernet,
    dataset: Dataset,
    device: torch.device,
    step: int,
    observe: Callable[[Scored], None],
    images: int | None = None,
) -> Outcome:
    """Search the space of a run. images: how many of the held-out split to score on; None: all.

    A search with the same recipe, weights and images goes on where it was stopped, and ends with the same
    answer as one that was not.
    """
    batches = _held_out(dataset, device, images)
    count = sum(len(labels) for _, labels in batches)

    def score(architecture: Architecture) -> int:
        return evaluate(model, batches, dataset.normalise, device, architecture).first

    with open_journal(run.folder) as journal:
        search = journal.search(_account(lowered, recipe), step, count)
        outcome = _search(journal, search, Evolution(lowered, recipe), score, str(device), observe)
    write_best(run, _record(outcome, recipe, step))
    return outcome


def _search(
    journal: Journal,
    search: Search,
    evolution: Evolution,
    score: Score,
    device: str,
    observe: Callable[[Scored], None],
) -> Outcome:
    recipe = evolution.recipe
    correct = journal.known(search)
    asked = recipe.population + recipe.generations * (recipe.crossover + recipe.mutation)
    done = scored = 0
    best = 0.0
    began = time.monotonic()
    while not evolution.finished:
        generation = evolution.generation
        candidates = evolution.ask()
        journal.propose(search, generation, [(_entry(c), c.operator, c.parents) for c in candidates])
        for candidate in candidates:
            digest = candidate.architecture.digest
            known = digest in correct
            if not known:
                start = time.monotonic()
                correct[digest] = score(candidate.architecture)
                journal.record(search, digest, correct[digest], time.monotonic() - start, device)
                scored += 1
            done += 1
            accuracy = correct[digest] / search.images
            best = max(best, accuracy)
            spent = time.monotonic() - began
            observe(Scored(candidate, generation, accuracy, known, best, done, asked, spent))
        evolution.tell(candidates, {c.architecture.digest: correct[c.architecture.digest] for c in candidates})
    winner = evolution.ranked()[0]
    digest = winner.architecture.digest
    journal.close_search(search, digest)
    spent = time.monotonic() - began
    return Outcome(winner, correct[digest] / search.images, correct[digest], search.images, scored, spent)


def _held_out(dataset: Dataset, device: torch.device, images: int | None) -> list[tuple[Tensor, Tensor]]:
    """The search split on the device, read once for all candidates."""
    batch = min(BATCH, images) if images else BATCH
    batches: Iterable[tuple[Tensor, Tensor]] = dataset.search_images(batch)
    if images:
        batches = islice(batches, -(-images // batch))
    return [(pictures.to(device), labels.to(device)) for pictures, labels in batches]


def _account(lowered: Lowered, recipe: Evolve) -> str:
    """The space, the recipe and the further costs as text: what makes two searches the same."""
    record = {"space": interchange.digest(lowered.space), **asdict(recipe)}
    if lowered.chain.measures != MEASURES:
        record["costs"] = digest(lowered.chain)
    return json.dumps(record, default=str, sort_keys=True)


def _entry(candidate: Candidate) -> Entry:
    architecture = candidate.architecture
    return Entry(architecture.digest, notation.write(architecture), candidate.flops, candidate.params)


def _record(outcome: Outcome, recipe: Evolve, step: int) -> Mapping[str, object]:
    best = outcome.best
    return {
        "name": best.architecture.name,
        "line": notation.write(best.architecture),
        "flops": best.flops,
        "params": best.params,
        "accuracy": outcome.accuracy,
        "correct": outcome.correct,
        "images": outcome.images,
        "step": step,
        "bounds": [asdict(bound) for bound in recipe.bounds],
        "architecture": to_json(best.architecture),
    }
