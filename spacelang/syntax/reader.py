"""The tokens of a text on their way to be put right, and the blocks that indentation alone has opened."""

from __future__ import annotations

from attrs import define, field
from lark import Token

from spacelang.diagnostics import Diagnostic
from spacelang.source import Source


@define
class TokenReader:
    """The tokens on their way through, and the blocks that indentation alone has opened."""

    source: Source
    tokens: list[Token]
    found: list[Diagnostic]
    at: int = 0
    depth: int = 0
    kept: list[Token] = field(factory=list)
    indented: list[tuple[int, int]] = field(factory=list)  # column of the header, depth inside
    dropped: set[int] = field(factory=set)  # closing braces of blocks that are none

    def column(self, token: Token) -> int:
        return self.source.position(token.start_pos or 0).column

    def following(self) -> Token | None:
        """The first token of the next line that has one."""
        ahead = (self.tokens[i] for i in range(self.at, len(self.tokens)))
        return next((token for token in ahead if token.type != "_LINE"), None)
