"""The product's searches and races as `found.py` asks for them: the one place that knows where they live."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oracle.trees import Oracle
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve
from spacelang_runtime.search.algorithms import ALGORITHMS, Algorithm
from spacelang_runtime.search.evolution import ACCURACY, Evolution, Goals
from spacelang_runtime.search.images import batch_of
from spacelang_runtime.search.racing import RISK, Race, looks
from spacelang_runtime.search.scoring import judged

__all__ = ["ALGORITHMS", "Algorithm", "raced", "searched"]

FINE = 1e9  # scores are whole numbers to a search: so many to a point


def searched(oracle: Oracle, algorithm: Algorithm, seed: int, budget: int) -> tuple[float, int]:
    """The truth of the network that scores best of `budget` different ones, and how many were scored.

    The words of the recipe are its defaults; `nsga2` has MACs as its second goal, as `evolve` gives it.
    """
    goals = Goals((ACCURACY, "flops")) if algorithm == "nsga2" else Goals()
    recipe = Evolve(generations=10_000, bounds=(oracle.bound,), seed=seed)
    evolution = Evolution(oracle.lowered, recipe, algorithm, goals, budget)
    while not evolution.finished:
        candidates = evolution.ask()
        fresh = {c.digest: c.genotype for c in candidates if c.digest not in evolution.scores}
        told = oracle.scores(list(fresh.values()), list(fresh), seed)
        new = {digest: round(score * FINE) for digest, score in zip(fresh, told, strict=True)}
        evolution.tell(candidates, {**evolution.scores, **new})
    picked = evolution.ranked()[0]
    return float(oracle.truth([picked.genotype])[0]), len(evolution.seen)


def raced(right: NDArray[np.bool_], lowered: Lowered) -> tuple[NDArray[np.float64], float]:
    """Networks in the order of a random search by the recipe's words: a population in full, then generations that
    race against the weakest of the parents.

    right [networks, images]: on each image, in the order they are looked at. Returns how many images each tells
    right, -inf where it was left, and the images spent a network.
    """
    networks, images = right.shape
    recipe = Evolve()
    children = recipe.crossover + recipe.mutation
    after = looks(images, batch_of(lowered.space.frame, images))
    risk = RISK / (max(1, networks - recipe.population) * max(1, len(after)))
    full = np.full(networks, -np.inf)
    full[: recipe.population] = right[: recipe.population].sum(1)
    spent = right[: recipe.population].size
    for start in range(recipe.population, networks, children):
        weakest = np.argsort(-full, kind="stable")[recipe.parents - 1]
        race = Race(right[weakest], after, risk)
        for child in range(start, min(start + children, networks)):
            used = judged(right[child], race, images)
            assert used is not None, "a network with every answer is judged"
            spent += used
            if used == images:
                full[child] = right[child].sum()
    return full, spent / networks
