"""Tokens to a tree, with all syntax errors of a text at once."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache

from attrs import evolve, frozen
from lark import Lark, Token
from lark.exceptions import UnexpectedToken

from spacelang.diagnostics import Diagnostic
from spacelang.source import Source, Span
from spacelang.syntax import tables, tree
from spacelang.syntax.build import Builder
from spacelang.syntax.scan import place, put, scan

_MOST_ERRORS = 50
_MOST_OPERATORS = 100  # in one statement, so that no later pass recurses without bound
_FOREIGN = {"E0103", "E0105", "E0107", "E0134", "E0150"}  # after which a statement lacks something
_LEFT_OUT = {"E0109", "E0110", "E0128", "E0135", "E0141"}  # without a fix, something is not read at all
_OPERATORS = {"AND", "OR", "NOT", "RELATION", "PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "LPAR"}


@frozen
class Parsed:
    """A tree and what was wrong with its text. Statements that could not be read are left out of the tree."""

    file: tree.File
    diagnostics: tuple[Diagnostic, ...]
    whole: bool = True  # whether every statement could be read


@cache
def _lark() -> Lark:
    return tables.parser()


def parse(source: Source) -> Parsed:
    """The tree of a text. Errors never stop it: a statement that cannot be read is left out and reported."""
    tokens, found = scan(source, _lark())
    builder = Builder()
    file, whole = _read(list(tokens), builder, [], most=1)
    if whole and not found and not builder.found:
        return Parsed(file, ())
    from spacelang.syntax.balance import balanced  # a text that is right need not wait for these
    from spacelang.syntax.slips import mended

    tokens = mended(source, balanced(source, tokens, found), found)
    builder = Builder()
    file, whole = _read(tokens, builder, found, _MOST_ERRORS)
    bad = [d.label.span for d in builder.found]
    bad += [d.label.span for d in found if d.code in _FOREIGN and d.fix is None]
    kept = _without(file.statements, bad)
    whole = whole and not bad and not any(d.code in _LEFT_OUT and d.fix is None for d in found)
    return Parsed(tree.File(kept), (*found, *builder.found), whole)


def tokens(source: Source) -> list[Token]:
    """The tokens of a text, line ends inside brackets left out."""
    return scan(source, _lark())[0]


def _read(tokens: list[Token], builder: Builder, found: list[Diagnostic], most: int) -> tuple[tree.File, bool]:
    """The tree of the tokens, and whether all of them were read. most: errors, after which reading ends.

    Where a statement cannot go on, the parser's stacks return to where it began, and reading goes on behind it:
    each token is read once, however many errors there are.
    """
    if tokens:
        tokens.append(put("_LINE", "\n", tokens[-1]))
    foreign = sorted(d.label.span.start for d in found if d.code in _FOREIGN)
    parser = _lark().parse_interactive()
    state = parser.parser_state
    heights = len(tokens) * [0]  # of the stack of states, before each token
    errors = operators = i = 0
    while i < len(tokens) and errors < most:
        token = tokens[i]
        operators = 0 if token.type in ("_LINE", "LBRACE") else operators + (token.type in _OPERATORS)
        heights[i] = len(state.state_stack)
        try:
            if operators > _MOST_OPERATORS:
                raise UnexpectedToken(token, set())  # type: ignore[no-untyped-call]
            parser.feed_token(token)
            # Reading a token may first reduce what stands before it: the height behind it tells.
            heights[i] = min(heights[i], len(state.state_stack) - 1)
            i += 1
        except UnexpectedToken:
            from spacelang.syntax.explain import explain  # a text that is right need not wait for it

            errors += 1
            first, last = _statement(tokens, i)
            problem = explain(tokens, i, first)
            if not _spoken_of(tokens[first : max(last, i + 1)], foreign):
                found.append(problem)
            if problem.code == "E0122" and i + 1 < len(tokens) and tokens[i + 1].type == "LBRACE":
                i += 1  # the brace stands on the next line: read on as if on this one
                continue
            # What was left out before stands on no stack, and has no height.
            height = next(height for height in heights[first : i + 1] if height)
            del state.state_stack[height:]
            del state.value_stack[height - 1 :]
            i = max(last, first + (first == i))
    if errors == most:
        return tree.File(()), False
    try:
        return builder.transform(parser.feed_eof()), not errors  # type: ignore[no-untyped-call]
    except UnexpectedToken:  # a statement was left out together with the brace that closed its block
        return tree.File(()), False


def _spoken_of(statement: list[Token], foreign: list[int]) -> bool:
    """Whether something foreign was found in a statement: it cannot be expected to read on without it."""
    start, end = place(statement[0]).start, place(statement[-1]).end
    at = bisect_left(foreign, start)
    return at < len(foreign) and foreign[at] < end


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
        if depth < 0:
            if not (first > 1 and tokens[first - 2].type in ("IN", "EQUAL")):
                break
            depth = 0  # the brace of a set
        first -= 1
    last, depth = first, 0
    while last < len(tokens):
        kind = tokens[last].type
        if (kind == "_LINE" or kind == "RBRACE") and depth <= 0 and last >= position:
            break
        depth += {"LBRACE": 1, "RBRACE": -1}.get(kind, 0)
        last += 1
    return first, last
