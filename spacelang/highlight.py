"""The colours of a `.space` text, for all that highlights with Pygments: Sphinx, MkDocs, rich, LaTeX."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from spacelang.language.vocabulary import BLOCKS, CONSTANTS, FUNCTIONS, KEYWORDS, OPERATORS


class SpaceLexer(RegexLexer):  # type: ignore[misc]  # Pygments ships no types
    """Pygments' view of the language: it knows words and shapes, and not whether they are right."""

    name = "Space"
    aliases: ClassVar = ["space", "spacelang"]
    filenames: ClassVar = ["*.space"]
    mimetypes: ClassVar = ["text/x-space"]
    version_added = ""

    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r'"[^"\n]*"', String.Double),
            (r"(space)([ \t]+)([A-Za-z_]\w*)", bygroups(Keyword.Declaration, Whitespace, Name.Namespace)),
            (words(("extends", "narrows"), suffix=r"\b"), Keyword.Namespace),
            (words(OPERATORS, suffix=r"\b"), Operator.Word),
            (words(tuple(KEYWORDS), suffix=r"\b"), Keyword),
            (words(tuple(BLOCKS), suffix=r"\b(?=[^\n#]*[{:])"), Name.Class),
            (words(tuple(FUNCTIONS), suffix=r"\b(?=\s*\()"), Name.Builtin),
            (r"[A-Za-z_]\w*(?=[ \t]*=(?!=)|[ \t]+in\b)", Name.Attribute),
            (words(tuple(CONSTANTS), suffix=r"\b"), Keyword.Constant),
            (r"[A-Za-z_]\w*", Name.Variable),
            (r"\d+\.\d+\w*", Number.Float),
            (r"\d+\w*", Number.Integer),
            (r"\.\.|<=|>=|==|!=|[-+*/%<>=]", Operator),
            (r"[{}(),:.]", Punctuation),
        ]
    }
