"""Tokens to a tree, with all syntax errors of a text at once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from attrs import evolve, frozen
from lark import Lark, Token
from lark.exceptions import UnexpectedToken

from spacelang import resources
from spacelang.diagnostics import Diagnostic
from spacelang.source import Source, Span
from spacelang.syntax import tree
from spacelang.syntax.build import Builder
from spacelang.syntax.explain import explain
from spacelang.syntax.scan import scan

_MOST_ERRORS = 20
_MOST_TOKENS = 200_000  # read in all attempts together
_MOST_OPERATORS = 100  # in one statement, so that no later pass recurses without bound
_OPERATORS = {"AND", "OR", "NOT", "RELATION", "PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "LPAR"}


@frozen
class Parsed:
    """A tree and what was wrong with its text. Statements that could not be read are left out of the tree."""

    file: tree.File
    diagnostics: tuple[Diagnostic, ...]


@cache
def _lark() -> Lark:
    # Building the tables takes a third of a second and reading them back a few milliseconds. They are kept in
    # the user's own cache; where there is none to write to, they are built anew.
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spacelang"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        tables: str | bool = str(home / "grammar.lark-cache") if os.access(home, os.W_OK) else False
    except OSError:
        tables = False
    grammar = (resources.folder("grammars") / "space.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", lexer="basic", start="file", propagate_positions=True, strict=False, cache=tables
    )


def parse(source: Source) -> Parsed:
    """The tree of a text. Errors never stop it: a statement that cannot be read is left out and reported."""
    lark = _lark()
    tokens, found = scan(source, lark)
    most = max(1, min(_MOST_ERRORS, _MOST_TOKENS // (len(tokens) + 1)))
    for _ in range(most):
        builder = Builder()
        position, file = _attempt(lark, tokens, builder)
        if file is not None:
            bad = [d.label.span for d in builder.found]
            return Parsed(tree.File(_without(file.statements, bad)), (*found, *builder.found))
        first, last = _statement(tokens, position)
        problem = explain(tokens, position, first, len(source.text))
        found.append(problem)
        if first == last:  # nothing to leave out: the text ended inside a block
            break
        if problem.code == "E0122" and position + 1 < len(tokens) and tokens[position + 1].type == "LBRACE":
            first, last = position, position + 1  # the brace stands on the next line: read on as if on this one
        del tokens[first:last]
    return Parsed(tree.File(()), tuple(found))


def _attempt(lark: Lark, tokens: list[Token], builder: Builder) -> tuple[int, tree.File | None]:
    """Where reading stopped, and the tree if it did not."""
    parser = lark.parse_interactive()
    operators = 0
    for i, token in enumerate(tokens):
        operators = 0 if token.type == "_LINE" else operators + (token.type in _OPERATORS)
        if operators > _MOST_OPERATORS:
            return i, None
        try:
            parser.feed_token(token)
        except UnexpectedToken:
            return i, None
    try:
        return len(tokens), builder.transform(parser.feed_eof())  # type: ignore[no-untyped-call]
    except UnexpectedToken:
        return len(tokens), None


def _without(statements: tuple[tree.Statement, ...], bad: list[Span]) -> tuple[tree.Statement, ...]:
    """The statements that hold none of the bad places; of a block, those of its own that do not."""
    kept: list[tree.Statement] = []
    for statement in statements:
        if isinstance(statement, tree.Block):
            statement = evolve(statement, body=_without(statement.body, bad))
        if not any(statement.span.start <= span.start < statement.span.end for span in bad):
            kept.append(statement)
    return tuple(kept)


def _statement(tokens: list[Token], position: int) -> tuple[int, int]:
    """The tokens of the statement around a position, as first and one after last; inner blocks are part of it."""
    first = position
    depth = 0
    while first > 0 and tokens[first - 1].type != "_LINE":
        depth += {"RBRACE": 1, "LBRACE": -1}.get(tokens[first - 1].type, 0)
        if depth < 0 and not (first > 1 and tokens[first - 2].type == "IN"):
            break
        first -= 1
    last, depth = first, 0
    while last < len(tokens):
        kind = tokens[last].type
        if (kind == "_LINE" or (kind == "RBRACE" and last > position)) and depth <= 0 and last >= position:
            break
        depth += {"LBRACE": 1, "RBRACE": -1}.get(kind, 0)
        last += 1
    return first, last
