"""What no token of the language begins with: signs of other languages, each said with ours, and hidden marks.

Every foreign stretch of a text becomes blanks of the same length, so that places hold; where it plainly stands
for something of ours, the token that is meant takes its place, and reading goes on.
"""

from __future__ import annotations

import re

from lark import Token

from spacelang.diagnostics import MOST_FINDINGS, Diagnostic, Fix, Label
from spacelang.source import Span

MOST_TOKENS = 40_000  # words, numbers and signs; beyond it a text is refused before its meaning is looked at

# A comment may hold anything but control characters and marks that reorder text.
_FOREIGN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<slashes>//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)
      | (?P<quoted>"[^"\n]*"?|'[^'\n]*'?)
      | (?P<index>(?<=[A-Za-z0-9_])\[[^\[\]\n]*\])
      | (?P<open>\[) | (?P<close>\])
      | (?P<end>;)
      | (?P<logic>&&?|\|\|?|!(?!=))
      | (?P<relation>!=[=<>]+|=>|=<|<>|===|≤|≥|≠)
      | (?P<power>\*\*|\^)
      | (?P<sign>:=|[×·÷−–—…])
      | (?P<other>[^A-Za-z0-9_\ \t\f\r\n\#={}(),:.<>!+\-*/%\[\]"';&|≤≥≠×·÷−–—…^]+|\r(?!\n))
    """,
    re.VERBOSE,
)
# What can make a text seem to say what it does not: everywhere; and, outside comments, what cannot be seen at all.
_DECEIVING = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_HIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\xa0\xad\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]")
_PATH_FOLLOWS = re.compile(r"\b(?:extends|narrows)[ \t\f]*\Z")
_RELATIONS = {"=>": ">=", "=<": "<=", "<>": "!=", "===": "==", "≤": "<=", "≥": ">=", "≠": "!="}
_LOGIC = {"&": "and", "&&": "and", "|": "or", "||": "or", "!": "not"}
_SIGNS = {":=": "=", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "…": ".."}
_TYPES = {"=": "EQUAL", "*": "STAR", "/": "SLASH", "-": "MINUS", "..": "_DOTS"}


def native(text: str, found: list[Diagnostic]) -> tuple[str, list[Token]]:
    """The text with blanks for all that is foreign, and the tokens that take their places, in order."""
    meant: list[Token] = []
    pieces: list[str] = []
    behind = 0
    for number, match in enumerate(_FOREIGN.finditer(text)):
        if number == MOST_TOKENS:
            found.append(too_many(Span(match.start(), match.end())))
            return "", []
        stretch = match.group()
        if match.lastgroup == "comment":
            if hidden := _DECEIVING.search(stretch):
                at = match.start() + hidden.start()
                found.append(_hidden(hidden.group(), Span(at, at + 1)))
        else:
            kind, value = _said(match, found)
            if kind:
                meant.append(Token(kind, value, start_pos=match.start(), end_pos=match.end()))
        del found[2 * MOST_FINDINGS :]
        pieces += (text[behind : match.start()], _blanks(stretch))
        behind = match.end()
    return "".join(pieces) + text[behind:], meant


def _blanks(stretch: str) -> str:
    return re.sub(r"[^\n]", " ", stretch) if "\n" in stretch else " " * len(stretch)


def too_many(span: Span) -> Diagnostic:
    """The finding for a text of more words and signs than are read."""
    message = f"the text has more than {MOST_TOKENS:,} words, numbers and signs"
    return Diagnostic("E0109", message, Label(span), help="one file describes one space")


def comments(text: str) -> list[Token]:
    """The comments of a text in order, without the blanks at their ends."""
    return [
        Token("COMMENT", match.group().rstrip(" \t\f\r"), start_pos=match.start(), end_pos=match.end())
        for match in _FOREIGN.finditer(text)
        if match.lastgroup == "comment"
    ]


def _said(match: re.Match[str], found: list[Diagnostic]) -> tuple[str, str]:
    """What is found at a foreign stretch: the type and value of the token that is meant, or two empty texts."""
    text, span = match.group(), Span(match.start(), match.end())

    def say(code: str, message: str, help_: str | None, replacement: str | None = None) -> None:
        fix = None if replacement is None else Fix(span, replacement)
        found.append(Diagnostic(code, message, Label(span), help=help_, fix=fix))

    match match.lastgroup:
        case "slashes":
            say("E0134", "a comment begins with `#`", "write `# …`; each line of a comment has its own `#`")
        case "quoted" if _PATH_FOLLOWS.search(match.string, max(0, span.start - 40), span.start):
            inside = text.strip("\"'")
            if text != f'"{inside}"':
                say("E0601", "a path stands in double quotes", f'write `"{inside}"`', f'"{inside}"')
            return "STRING", f'"{inside}"'
        case "quoted":
            word = text.strip("\"'")
            plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word)
            number = re.fullmatch(r"[0-9]+(\.[0-9]+)?[A-Za-z]*", word)
            help_ = f"write `{word}`" if plain or number else "write a word of letters, digits and `_`"
            say("E0105", "values are words and numbers, without quotes", help_, word if plain or number else None)
            return ("NAME", word) if plain else ("NUMBER", word) if number else ("", "")
        case "index":
            help_ = "speak of all layers or stages with `each`, and of the stage before with `previous.embed`"
            say("E0150", "nothing is picked out by a number in brackets", help_)
        case "open":
            whole = re.compile(r"\[([^\[\]]*)\]").match(match.string, match.start())
            fix = Fix(Span(span.start, whole.end()), f"{{{whole.group(1)}}}") if whole else None
            shown = f"{{{_one_line(whole.group(1))}}}" if whole else "{ }"
            message, help_ = "sets are written in braces", f"write `{shown}`" if whole else "write `{ }` for `[ ]`"
            found.append(Diagnostic("E0104", message, Label(span), help=help_, fix=fix))
            return "LBRACE", "["
        case "close":
            return "RBRACE", "]"
        case "end":
            say("E0106", "a statement ends with its line, not with `;`", "delete it, or begin a new line", "")
            return "_LINE", ";"
        case "logic":
            word = _LOGIC[text]
            say("E0131", f"`{text}` is written `{word}`", f"write `{word}`", word + " " * (text == "!"))
            return word.upper(), word
        case "relation":
            ours = _RELATIONS.get(text, "!=")
            say("E0132", f"`{text}` is written `{ours}`", f"write `{ours}`", ours)
            return "RELATION", ours
        case "power":
            say("E0133", f"there are no powers: `{text}` means nothing here", "write a product: `2 * 2`")
            return "STAR", "*"
        case "sign":
            ours = _SIGNS[text]
            say("E0151", f"`{text}` is written `{ours}`", f"write `{ours}`", ours)
            return _TYPES[ours], ours
        case _ if hidden := _HIDDEN.search(text):
            at = span.start + hidden.start()
            found.append(_hidden(hidden.group(), Span(at, at + 1)))
        case _ if text == "\r":
            found.append(_hidden(text, span))
        case _:
            say("E0103", f"`{text[:12]}` means nothing here", "delete it")
    return "", ""


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:36]} …"


def _hidden(character: str, span: Span) -> Diagnostic:
    blank = character.isspace()
    same = "delete it: what a text says and what it seems to say must be the same"
    return Diagnostic(
        "E0107",
        f"a character that cannot be seen stands here (U+{ord(character):04X})",
        Label(span),
        help="write a space for it" if blank else same,
        fix=Fix(span, " " if blank else ""),
    )
