"""What is known of one word."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs import frozen

from spacelang.expression import Expression, Number
from spacelang.language.domain import Domain

BEGIN = "Where random numbers begin."  # what every `seed` means
Level = Literal["root", "stage", "layer", "train", "evolve", "mutate", "refine", "steps"]


@frozen
class ByStages:
    """A default that follows from the number of stages; None: there is none then."""

    one: str | None
    several: str | None


Default = Number | str | Expression | ByStages | None


@frozen
class Word:
    """A name that takes a value.

    level: the scope that it belongs to. default: what holds where it is not said; None: it has to be said, or
    `otherwise` tells what holds. unit: what its number counts. synonyms: what other systems call it. later: whether
    it came after the first form of a space's JSON and of a network's line; it is left out of these where it says
    nothing but its default, so that they, and what is known by them, stay what they were.
    """

    name: str
    level: Level
    domain: Domain
    default: Default
    unit: str
    meaning: str
    synonyms: tuple[str, ...] = ()
    otherwise: str = ""
    later: bool = False


def line(
    default: Any,
    domain: Domain,
    unit: str,
    meaning: str,
    synonyms: str = "",
    *,
    otherwise: str = "none",
    later: bool = False,
    type_: Any = None,
) -> Any:
    """A field of a recipe that is a word: its name, its default and all that is known of it stand in one place.

    otherwise: what holds where the default is None. synonyms: with blanks between them. type_: where the field has
    no annotation.
    """
    word = {
        "domain": domain,
        "unit": unit,
        "meaning": meaning,
        "synonyms": tuple(synonyms.split()),
        "otherwise": otherwise,
        "later": later,
    }
    return attrs.field(default=default, metadata={"word": word}, type=type_)


def words(level: Level, recipe: type[Any]) -> tuple[Word, ...]:
    """The words that the fields of a recipe are, in order."""
    return tuple(
        Word(field.name, level, default=field.default, **field.metadata["word"])
        for field in attrs.fields(recipe)
        if "word" in field.metadata
    )
