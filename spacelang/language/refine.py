"""How a space is measured and moved.

The name of each field is its word in the language; beside its default stands what it may be, in which unit, what
it means, and what other systems call it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, get_args

from attrs import frozen

from spacelang.expression import Number
from spacelang.language.bound import Bound
from spacelang.language.dimensions import DIMENSIONS, step
from spacelang.language.domain import COUNT, SEED, SOME, Numbers, OneOf
from spacelang.language.evolve import SCORES, Score
from spacelang.language.word import BEGIN, Word, line

Rounding = Literal["zero", "floor"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)


def _step(word: Word) -> Any:
    """The field of a dimension's step: as far as its own options are apart, where it is not said."""
    meaning, otherwise = f"How far one step moves the options of `{word.name}`.", "as far as its options are apart"
    return line(None, step(word.name), "", meaning, otherwise=otherwise, later=word.later, type_=Number | None)


@frozen(these={word.name: _step(word) for word in DIMENSIONS})
class Steps:
    """How far one step moves the options of a dimension, a field for each; None: as far as its own options are
    apart."""


@frozen
class Refine:
    """How a space is measured, and how its options move by what was measured.

    The number of samples and of rounds are the source's (Chen et al., 2021, §2.3), as is the top 50; it does not
    give its threshold. Why these defaults, docs/refining.md says. Without bounds, those of the search hold.
    """

    samples: int = line(
        1000,
        Numbers(2, 10**6, whole=True),
        "networks",
        "Networks drawn inside the bounds, by which the space is measured.",
    )
    top: int = line(
        50,
        COUNT,
        "networks",
        "How many of the samples are the best; the same share is taken of those that have a choice.",
    )
    per_choice: int = line(100, SOME, "networks", "How many networks every choice is judged by, at least.")
    threshold: Number = line(
        Fraction(1, 500),
        Numbers(Fraction(1, 10**6), 1),
        "",
        "The error that one step has to be worth, as a share: 0.002 is a fifth of a point.",
    )
    score: Score = line(
        "loss",
        OneOf(SCORES),
        "",
        "By what the errors of networks are told: those that their losses stand for (`loss`), which are surer, or "
        "those counted (`accuracy`).",
        later=True,
    )
    rounding: Rounding = line(
        "zero",
        OneOf(ROUNDINGS),
        "",
        "How slope / threshold becomes whole steps: toward `zero`, or the paper's `floor`, which moves one step up "
        "on the least negative slope.",
    )
    confidence: Number = line(
        Fraction(99, 100),
        Numbers(0, Fraction(999, 1000)),
        "",
        "Of the interval in which the slope of a dimension that moves holds no zero.",
    )
    rounds: int = line(2, Numbers(1, 100, whole=True), "rounds", "How many next spaces are tried at most.")
    supernet: int | None = line(
        None,
        Numbers(1000, 10**12, whole=True),
        "parameters",
        "The most parameters that the largest network may have.",
    )
    networks: int | None = line(
        None, Numbers(1, 10**14, whole=True), "networks", "The most networks that the space may hold."
    )
    steps: Steps = Steps()
    bounds: tuple[Bound, ...] = ()
    seed: int = line(0, SEED, "", BEGIN)
