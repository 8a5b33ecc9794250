"""Colours: what the lexer for Pygments and the grammar for editors make of the language."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Name, Number, Operator

from spacelang.highlight import SpaceLexer
from spacelang.language.vocabulary import BLOCKS, CONSTANTS, FUNCTIONS, KEYWORDS, OPERATORS

ROOT = Path(__file__).resolve().parents[2]
GRAMMAR = ROOT / "editors" / "vscode" / "syntaxes" / "space.tmLanguage.json"
SHIPPED = sorted((ROOT / "spaces").glob("*.space"))


def lexed(text: str) -> list[tuple[object, str]]:
    return list(SpaceLexer(ensurenl=False, stripnl=False).get_tokens(text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_space_has_a_colour_everywhere_and_comes_back_whole(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tokens = lexed(text)
    assert not [token for token in tokens if token[0] is Error]
    assert "".join(value for _, value in tokens) == text


@given(st.text(st.sampled_from('ab1.{}()#"=<>!+-*/%,: \n🦊')))
def test_any_text_comes_back_whole(text: str) -> None:
    assert "".join(value for _, value in lexed(text)) == text


def test_words_have_the_colour_of_what_they_are() -> None:
    text = "space s3  # in\neach stage { depth in {1, 2} }\nrequire each layer: mlp <= 3.5 and window != global\n"
    kinds = {value: kind for kind, value in lexed(text)}
    assert kinds["s3"] is Name.Namespace
    assert kinds["# in"] is Comment.Single
    assert kinds["each"] is Keyword
    assert kinds["stage"] is kinds["layer"] is Name.Class
    assert kinds["depth"] is Name.Attribute
    assert kinds["in"] is kinds["and"] is Operator.Word
    assert kinds["3.5"] is Number.Float
    assert kinds["global"] is Keyword.Constant


def test_the_lexer_is_found_by_its_entry_point() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."pygments.lexers"]\nspace = "spacelang.highlight:SpaceLexer"\n' in text


def test_the_grammar_of_editors_knows_the_words_of_the_language() -> None:
    coloured = {
        word
        for pattern in json.loads(GRAMMAR.read_text(encoding="utf-8"))["patterns"]
        for group in re.findall(r"\\b\(([a-z|]+)\)", pattern.get("match", ""))
        for word in group.split("|")
    }
    # `token` is a value and a name alike, and takes the colour of a name.
    assert coloured == {*KEYWORDS, *BLOCKS, *CONSTANTS, *FUNCTIONS}
    assert set(OPERATORS) < set(KEYWORDS)
