"""The lines of the recipes, as words: read from the fields of the recipes themselves."""

from __future__ import annotations

from spacelang.language.domain import Numbers, OneOf
from spacelang.language.evolve import Evolve, Mutate
from spacelang.language.refine import Refine, Steps
from spacelang.language.train import Train
from spacelang.language.word import Level, Word, words

RECIPES: dict[Level, type[Train | Evolve | Refine]] = {"train": Train, "evolve": Evolve, "refine": Refine}
INSIDE: dict[str, Level] = {"evolve": "mutate", "refine": "steps"}  # the block that a recipe has in it
LINES: dict[Level, tuple[Word, ...]] = {
    **{level: words(level, recipe) for level, recipe in RECIPES.items()},
    "mutate": words("mutate", Mutate),
    "steps": words("steps", Steps),
}


def numbers(level: Level) -> dict[str, Numbers]:
    """The lines of a recipe, or of the block in it, that are numbers, and what they may be."""
    return {word.name: word.domain for word in LINES[level] if isinstance(word.domain, Numbers)}


def choices(level: Level) -> dict[str, tuple[str, ...]]:
    """The lines of a recipe that are one of a few words, and which."""
    return {word.name: word.domain.words for word in LINES[level] if isinstance(word.domain, OneOf)}
