"""One statement on its way to the grammar, with what was found in it."""

from __future__ import annotations

from attrs import define, field
from lark import Token

from spacelang.diagnostics import MOST_FINDINGS, Diagnostic, Fix, Label
from spacelang.source import Source, Span
from spacelang.syntax.scan import place


@define
class StatementTokens:
    """The tokens of one statement up to its end, and the token that ends it (`_LINE`, a block's `{`, `}`)."""

    source: Source
    tokens: list[Token]
    end: Token | None
    found: list[Diagnostic]
    kinds: list[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.kinds = [token.type for token in self.tokens]

    def say(self, code: str, message: str, at: Span, help_: str, fix: Fix | None = None) -> None:
        if len(self.found) < 2 * MOST_FINDINGS:
            self.found.append(Diagnostic(code, message, Label(at), help=help_, fix=fix))

    def excerpt(self, first: int, last: int | None = None) -> str:
        """The text from one of its tokens to another, both included; to the last one where none is named."""
        end = place(self.tokens[-1 if last is None else last]).end
        return self.source.excerpt(Span(place(self.tokens[first]).start, end))

    def short(self, first: int, otherwise: str) -> str:
        """The text from one of its tokens on where a message can quote it as it stands, else a stand-in."""
        text = self.excerpt(first).replace("[", "{").replace("]", "}")
        return text if len(text) <= 30 and "\n" not in text and "#" not in text else otherwise
