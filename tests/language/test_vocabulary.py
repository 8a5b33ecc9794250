"""The table of words: one home for each, from which the values of the language follow."""

import attrs
import pytest

from spacelang.architecture import Layer
from spacelang.expression import decimal
from spacelang.language.dimensions import DIMENSIONS, LAYER, LAYER_DIMENSIONS, NUMBERS, domain
from spacelang.language.domain import Numbers, OneOf
from spacelang.language.meant import meant
from spacelang.language.measures import EXACT, MEASURES
from spacelang.language.recipes import LINES, RECIPES
from spacelang.language.vocabulary import BLOCKS, CONSTANTS, FUNCTIONS, KEYWORDS
from spacelang.language.words import NAMES, TABLE, meaning
from spacelang.lower.cost import Cost
from spacelang.recipe import Evolve, Refine, Steps, Train
from spacelang.space import StageSpace


def names(kind: type) -> list[str]:
    return [field.name for field in attrs.fields(kind)]


def test_the_values_of_the_language_have_the_words_of_the_table() -> None:
    assert names(Layer) == list(LAYER_DIMENSIONS)  # in canonical order
    assert set(names(StageSpace)) == set(NUMBERS)
    assert names(Steps) == [word.name for word in DIMENSIONS]
    assert names(Cost) == list(EXACT)


@pytest.mark.parametrize("recipe", [Train, Evolve, Refine])
def test_every_line_of_a_recipe_is_a_word(recipe: type) -> None:
    (level,) = [level for level, kind in RECIPES.items() if kind is recipe]
    assert [word.name for word in LINES[level]] == [
        n for n in names(recipe) if n not in ("mutate", "steps", "bounds")
    ]


@pytest.mark.parametrize("level", TABLE)
def test_a_default_is_what_its_word_may_be(level: str) -> None:
    for word in TABLE[level]:  # type: ignore[index]
        match word.domain:
            case Numbers() as known if isinstance(word.default, int):
                assert word.default in known, word.name
            case OneOf(words) if isinstance(word.default, str):
                assert word.default in words, word.name


def test_a_word_has_a_meaning_and_its_synonyms_lead_to_it() -> None:
    for words in TABLE.values():
        for word in words:
            assert word.meaning.endswith("."), word.name
            for other in word.synonyms:
                assert meant(other, [word.name]) == word.name, other
    for measure in MEASURES:
        assert all(meant(other, [measure.name]) == measure.name for other in measure.synonyms)


def test_a_synonym_is_no_word_of_its_scope() -> None:
    for words in TABLE.values():
        known = {word.name for word in words}
        assert not known & {other for word in words for other in word.synonyms}


def test_the_dimensions_of_a_layer_are_told_apart_by_their_first_letters() -> None:
    letters = [name[0] for name in LAYER_DIMENSIONS]
    assert len(set(letters)) == len(letters)


def test_a_dimension_that_came_later_has_a_default_in_its_domain() -> None:
    for word in LAYER:
        if word.later:
            assert isinstance(word.default, int)
            assert word.default in domain(word.name)


def test_every_word_is_told_where_it_stands() -> None:
    for level, known in NAMES.items():
        for name, told in known.items():
            assert meaning(name, level) == told
    for word in (*KEYWORDS, *BLOCKS, *CONSTANTS, *FUNCTIONS, *(measure.name for measure in MEASURES)):
        assert meaning(word) is not None


def test_domains_say_in_words_what_they_hold() -> None:
    assert str(domain("heads")) == "a whole number from 1 to 10000000"
    assert str(domain("mlp")) == "a number more than 0, up to 10000000"
    assert [decimal(end) for end in (domain("depth").low, domain("depth").high)] == ["1", "1000"]
