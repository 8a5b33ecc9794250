"""The product's searches and races as `found.py` asks for them: the one place that knows where they live."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from oracle.trees import Oracle
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve, Score
from spacelang_runtime.search.algorithms import ALGORITHMS, Algorithm
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.candidate import ACCURACY, Goals, Result
from spacelang_runtime.search.evolution import Evolution
from spacelang_runtime.search.finalists import race as final_race
from spacelang_runtime.search.halving import going_on, rungs
from spacelang_runtime.search.images import batch_of, cuts
from spacelang_runtime.search.method import FINALISTS
from spacelang_runtime.search.racing import RISK, Race
from spacelang_runtime.search.scoring import Fidelity, judged

__all__ = ["ALGORITHMS", "Algorithm", "Answers", "Score", "halved", "raced", "searched"]

FINE = 1e9  # accuracy is a whole number to a front: so much to a point


def searched(oracle: Oracle, algorithm: Algorithm, seed: int, budget: int) -> tuple[float, int]:
    """The truth of the network that ranks first of `budget` different ones, and how many were scored.

    The words of the recipe are its defaults; `nsga2` has MACs as its second goal, as `evolve` gives it.
    """
    goals = Goals((ACCURACY, "flops")) if algorithm == "nsga2" else Goals()
    recipe = Evolve(generations=10_000, bounds=(oracle.bound,), seed=seed)
    evolution = Evolution(oracle.lowered, recipe, algorithm, goals, budget)
    while not evolution.finished:
        candidates = evolution.ask()
        fresh = {c.digest: c.genotype for c in candidates if c.digest not in evolution.scores}
        told = oracle.scores(list(fresh.values()), list(fresh), seed)
        new = {
            digest: Result(-score, correct=round(score * FINE)) for digest, score in zip(fresh, told, strict=True)
        }
        evolution.tell(candidates, {**evolution.scores, **new})
    picked = evolution.ranked()[0]
    return float(oracle.truth([picked.genotype])[0]), len(evolution.seen)


def raced(told: list[Answers], score: Score, lowered: Lowered) -> tuple[NDArray[np.float64], float]:
    """Networks in the order of a random search by the recipe's words: a population in full, then generations that
    race against the weakest of the parents.

    told: the answers of each network, on the images in the order they are looked at. Returns what counts against
    each, infinite where it was left, and the images spent a network.
    """
    recipe, images = Evolve(), len(told[0])
    after = cuts(images, batch_of(lowered.space.frame, images))
    risk = RISK / max(1, len(told) - recipe.population)
    errors = [one.errors(score) for one in told]
    full = np.full(len(told), np.inf)
    full[: recipe.population] = [one.mean() for one in errors[: recipe.population]]
    spent = recipe.population * images
    for start in range(recipe.population, len(told), recipe.crossover + recipe.mutation):
        weakest = np.argsort(full, kind="stable")[recipe.parents - 1]
        fidelity = Fidelity(images, Race(errors[weakest], score, after, risk))
        for child in range(start, min(start + recipe.crossover + recipe.mutation, len(told))):
            used = _used(told[child], fidelity)
            spent += used
            if used == images:
                full[child] = errors[child].mean()
    return full, spent / len(told)


def halved(told: list[Answers], score: Score, lowered: Lowered) -> tuple[NDArray[np.float64], float]:
    """The same networks by successive halving, generation by generation; then the finalists. Returns what counts
    against each finalist that saw all images, infinite for the others, and the images spent a network."""
    recipe, images = Evolve(), len(told[0])
    names = [f"{number:06}" for number in range(len(told))]
    errors = {name: one.errors(score) for name, one in zip(names, told, strict=True)}
    seen: dict[int, dict[str, float]] = {}
    used = dict.fromkeys(names, 0)
    starts = [0, *range(recipe.population, len(told), recipe.crossover + recipe.mutation), len(told)]
    for start, end in pairwise(starts):
        going = names[start:end]
        for stop in rungs(images):
            used |= dict.fromkeys(going, stop)
            rung = seen.setdefault(stop, {})
            rung |= {name: float(errors[name][:stop].mean()) for name in going}
            going = going_on(going, rung)
    ranked = sorted(names, key=lambda name: (-used[name], seen[used[name]][name], name))
    first, *others = finalists = ranked[:FINALISTS]
    after = cuts(images, batch_of(lowered.space.frame, images))
    fidelity = Fidelity(images, final_race(told[int(first)], score, after, len(finalists)))
    used[first] = images
    used |= {name: max(used[name], _used(told[int(name)], fidelity)) for name in others}
    full = np.array([errors[name].mean() if used[name] == images else np.inf for name in names])
    return full, sum(used.values()) / len(told)


def _used(told: Answers, fidelity: Fidelity) -> int:
    used = judged(told, fidelity)
    assert used is not None, "a network with every answer is judged"
    return used
