"""Recipes: how a space is trained, evolved and refined, as values, and the bounds that they keep.

The name of each field is its word in the language: `spacelang.language` has them, with all that is known of each.
"""

from __future__ import annotations

from spacelang.language.bound import EACH_STAGE, Bound, from_record, to_record
from spacelang.language.evolve import SCORES, Evolve, Mutate, Score
from spacelang.language.refine import ROUNDINGS, Refine, Rounding, Steps
from spacelang.language.train import (
    BATCHES,
    RATE_LAWS,
    RULES,
    SAMPLINGS,
    BatchSharing,
    OptimizerName,
    RateLaw,
    Sampling,
    Sandwich,
    Train,
)

__all__ = [
    "BATCHES",
    "EACH_STAGE",
    "RATE_LAWS",
    "ROUNDINGS",
    "RULES",
    "SAMPLINGS",
    "SCORES",
    "BatchSharing",
    "Bound",
    "Evolve",
    "Mutate",
    "OptimizerName",
    "RateLaw",
    "Refine",
    "Rounding",
    "Sampling",
    "Sandwich",
    "Score",
    "Steps",
    "Train",
    "from_record",
    "to_record",
]
