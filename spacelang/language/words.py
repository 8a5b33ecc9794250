"""The whole table: the names that each scope knows, and what a word stands for."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from attrs import frozen

from spacelang.expression import Binary, Call, Constant, Name, Negative, decimal
from spacelang.infix import show
from spacelang.language.dimensions import HEAD_DIM, LAYER, STAGE
from spacelang.language.domain import Numbers, OneOf, SumOf
from spacelang.language.measures import MEASURES
from spacelang.language.recipes import LINES
from spacelang.language.trunk import TRUNK
from spacelang.language.vocabulary import BLOCKS, KEYWORDS, VALUES
from spacelang.language.word import ByStages, Level, Word

TABLE: Mapping[Level, tuple[Word, ...]] = {"root": TRUNK, "stage": STAGE, "layer": LAYER, **LINES}
"""Every name that takes a value, by the scope that it belongs to."""


@frozen
class Meaning:
    """What a word stands for. unit: what its number counts. default: what holds where it is not said. values: what
    it may be."""

    text: str
    unit: str = ""
    default: str = ""
    values: str = ""


def _named(*words: Word) -> Mapping[str, Meaning]:
    return {word.name: Meaning(word.meaning, word.unit, _default(word), _values(word)) for word in words}


def _default(word: Word) -> str:
    match word.default:
        case None:
            return word.otherwise
        case str() as text:
            return text
        case ByStages(one, several):
            said = [f"`{several}` with several stages"] if several else []
            return ", ".join([*said, f"`{one}` with one" + ("" if several else " stage")])
        case int() | Fraction() as number:
            return decimal(number)
        case Binary() | Call() | Constant() | Name() | Negative() as expression:
            return show(expression)
        case other:
            return str(other)


def _values(word: Word) -> str:
    match word.domain:
        case OneOf(words):
            return ", ".join(f"`{one}`" for one in words)
        case SumOf(words):
            return ", ".join(f"`{one}`" for one in words) + ", joined by `+`"
        case Numbers() as domain:
            return str(domain) if word.level in LINES else ""


NAMES: Mapping[Level, Mapping[str, Meaning]] = {
    **{level: _named(*words) for level, words in TABLE.items()},
    "root": _named(*TRUNK, *STAGE, *LAYER),
    "stage": _named(*STAGE, HEAD_DIM, *LAYER),
    "layer": _named(*LAYER, HEAD_DIM),
}
"""The settings and choices of each scope, with what may be said of a nearer one there."""
MEANT = {measure.name: measure.meaning for measure in MEASURES}


def meaning(word: str, level: str = "root") -> Meaning | None:
    """What a word stands for where it stands: in its own scope first, then wherever it is known."""
    if word in KEYWORDS:
        return Meaning(KEYWORDS[word])
    near = (level, "layer", "stage", "root", "train", "evolve", "refine")
    scopes = (scope for scope in near if scope in NAMES)
    found = next((NAMES[scope][word] for scope in scopes if word in NAMES[scope]), None)  # type: ignore[index]
    if found is not None:
        return found
    text = BLOCKS.get(word) or MEANT.get(word) or VALUES.get(word)
    return Meaning(text) if text else None
