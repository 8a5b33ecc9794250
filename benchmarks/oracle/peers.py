"""Optuna's samplers on an oracle, as its users meet a bound: by `constraints_func`.

A trial names a network by its depth, its width, and the heads and MLP ratio of each of its layers, each a
categorical choice. What lies outside of the bound is not scored, and counts as a trial.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import optuna

from oracle.trees import Oracle
from spacelang.lower.chain import Genotype, cost

Sampler = Literal["NSGA-II", "TPE"]


def asked(oracle: Oracle, sampler: Sampler, seed: int, trials: int) -> tuple[float | None, int]:
    """The truth of the network that scores best in so many trials, and how many of them were inside the bound. None
    where none was."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", ".*constraints_func.*", FutureWarning)  # Optuna 5 and 6 still know it
    space = _Space(oracle)
    told: dict[Genotype, float] = {}

    def objective(trial: optuna.Trial) -> float:
        genotype = space.suggested(trial)
        miss = space.miss(genotype)
        trial.set_user_attr("miss", miss)
        if miss > 0:
            return 0.0  # neither sampler reads the value of a trial that breaks its constraint
        if genotype not in told:
            digest = oracle.lowered.architecture(genotype).digest
            told[genotype] = float(oracle.scores([genotype], [digest], seed)[0])
        return told[genotype]

    study = optuna.create_study(direction="maximize", sampler=made(sampler, seed))
    study.optimize(objective, n_trials=trials)
    inside = sum(trial.user_attrs["miss"] <= 0 for trial in study.trials)
    if not told:
        return None, inside
    return float(oracle.truth([max(told, key=told.__getitem__)])[0]), inside


def made(sampler: Sampler, seed: int) -> optuna.samplers.BaseSampler:
    """A sampler with its own settings, told of the constraint."""
    constraint: Callable[[optuna.trial.FrozenTrial], list[float]] = lambda trial: [trial.user_attrs["miss"]]  # noqa: E731
    match sampler:
        case "NSGA-II":
            return optuna.samplers.NSGAIISampler(seed=seed, constraints_func=constraint)
        case "TPE":
            return optuna.samplers.TPESampler(seed=seed, constraints_func=constraint)


class _Space:
    """Where the genes that a trial names lie in a space of one stage."""

    def __init__(self, oracle: Oracle) -> None:
        self.chain, self.bound = oracle.lowered.chain, oracle.bound
        (cells,) = oracle.lowered.legal.stages
        self.cells = {(cell.depth, cell.embed): number for number, cell in enumerate(cells)}
        self.options = [{(o.heads, o.mlp): i for i, o in enumerate(cell.options)} for cell in cells]
        self.depths, self.widths = (sorted(set(values)) for values in zip(*self.cells, strict=True))
        self.heads, self.ratios = (sorted(set(values)) for values in zip(*self.options[0], strict=True))
        self.ratios = [float(ratio) for ratio in self.ratios]  # halves: exact

    def suggested(self, trial: optuna.Trial) -> Genotype:
        """The network that a trial names."""
        depth = trial.suggest_categorical("depth", self.depths)
        cell = self.cells[depth, trial.suggest_categorical("embed", self.widths)]
        layers = []
        for layer in range(depth):
            heads = trial.suggest_categorical(f"heads{layer}", self.heads)
            ratio = trial.suggest_categorical(f"mlp{layer}", self.ratios)
            layers.append(self.options[cell][heads, ratio])
        return Genotype((cell,), (tuple(layers),))

    def miss(self, genotype: Genotype) -> float:
        """By how much a network misses the bound; at most 0 inside."""
        spent = cost(self.chain, genotype)[self.chain.measures.index(self.bound.measure)]
        assert self.bound.low is not None
        assert self.bound.high is not None
        return float(max(self.bound.low - spent, spent - self.bound.high))
