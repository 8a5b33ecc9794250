"""Numbers as other languages write them: `1e-3`, `.5`, `10%`, `4.5g`, `4.5 G`, `1_000`, `224x224`."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from lark import Token

from spacelang.diagnostics import Fix
from spacelang.expression import decimal
from spacelang.source import Span
from spacelang.syntax.scan import place
from spacelang.syntax.statement import StatementTokens

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z_][A-Za-z0-9_]*)")
_COUNTS = {"K": "K", "M": "M", "G": "G", "T": "T", "B": "G", "thousand": "K", "million": "M", "billion": "G"}
_TIMES = {
    "us": "us",
    "usec": "us",
    "microseconds": "us",
    "ms": "ms",
    "msec": "ms",
    "milliseconds": "ms",
    "millisecond": "ms",
    "s": "s",
    "sec": "s",
    "seconds": "s",
    "second": "s",
}
_SUFFIXES = {*_COUNTS.values(), *_TIMES.values()}
_LARGEST_EXPONENT = 15


def of_numbers(statement: StatementTokens) -> list[Token] | None:
    """The tokens with each number written in another way put right, or None where there is none."""
    kept: list[Token] = []
    changed = False
    i = 0
    while i < len(statement.tokens):
        window = statement.tokens[i : i + 4]
        count, text = _slip(statement, window, kept[-1].type if kept else "")
        if text is None:
            kept.append(window[0])
        else:
            at = Span(place(window[0]).start, place(window[count - 1]).end)
            kept.append(Token("NUMBER", text, start_pos=at.start, end_pos=at.end))
            changed = True
        i += count
    return kept if changed else None


def _slip(statement: StatementTokens, tokens: list[Token], before: str) -> tuple[int, str | None]:
    """How many of the first tokens are one number in another notation, and that number in ours."""
    token = tokens[0]
    if token.type not in ("NUMBER", "DOT"):
        return 1, None
    kinds = [t.type for t in tokens]
    touching = [place(a).end == place(b).start for a, b in pairwise(tokens)]

    def say(count: int, code: str, message: str, text: str, why: str = "") -> tuple[int, str]:
        at = Span(place(token).start, place(tokens[count - 1]).end)
        statement.say(code, message, at, f"write `{text}`{why}", Fix(at, text))
        return count, text

    match kinds:
        case ["DOT", "NUMBER", *_] if touching[0] and before not in ("NAME", "_DOTS"):
            return say(2, "E0146", "a number begins with a digit", f"0.{tokens[1]}")
        case ["NUMBER", "DOT", *rest] if touching[0] and rest[:1] != ["NAME"]:
            return say(2, "E0154", "a number ends with a digit", str(token))
        case ["NUMBER", "PERCENT"] | ["NUMBER", "PERCENT", "COMMA" | "RBRACE", *_] if str(token).isdigit():
            return say(2, "E0145", "a share is a number from 0 to 1", decimal(Fraction(int(token), 100)))
        case ["NUMBER", "NAME", *_] if (suffix := _suffix(str(tokens[1]))) and str(token)[-1].isdigit():
            return say(2, "E0148", "a suffix clings to its number", f"{token}{suffix}")
        case ["NUMBER", "MINUS" | "PLUS", "NUMBER", *_] if all(touching[:2]) and re.fullmatch(
            r".*[0-9][eE]", token
        ):
            text = _plain(f"{token}{tokens[1]}{tokens[2]}")
            return say(3, "E0127", "numbers have no exponents", text) if text else (1, None)
    match = _NUMBER.fullmatch(str(token))
    if not match:
        return 1, None
    digits, suffix = match.group(1), match.group(2)
    if text := _plain(str(token)):
        return say(1, "E0127", "numbers have no exponents", text)
    if suffix in ("k", "m", "g", "t"):
        return say(1, "E0125", "suffixes are capital letters", f"{digits}{suffix.upper()}")
    if re.fullmatch(r"[xX][0-9]+", suffix) and digits != "0":
        why = ": an image and a window are square, and one side is given"
        return say(1, "E0126", "one side is enough", digits, why)
    if re.fullmatch(r"(_[0-9]+)+", suffix):
        return say(1, "E0147", "numbers have no underscores", digits + suffix.replace("_", ""))
    if suffix not in _SUFFIXES and (ours := _suffix(suffix)):
        why = "" if ours in _TIMES.values() else ": the measure has the unit"
        return say(1, "E0155", f"`{suffix}` is no suffix of a number", f"{digits}{ours}", why)
    return 1, None


def _suffix(word: str) -> str | None:
    """Our suffix for a word such as `g`, `GFLOPs`, `MMACs`, `B`, `million` or `msec`."""
    if word.lower() in _TIMES:
        return _TIMES[word.lower()]
    match = re.fullmatch(
        r"([KkMmGgTtB])(?:FLOPS|FLOPs|MACS|MACs|params|flops|macs)?|(thousand|million|billion)", word
    )
    return _COUNTS[match.group(2) or match.group(1).upper()] if match else None


def _plain(text: str) -> str | None:
    """`1e-3` as `0.001`, `4.5e9` as `4500000000`."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)[eE]([+-]?[0-9]{1,3})", text)
    if not match or abs(int(match.group(2))) > _LARGEST_EXPONENT:
        return None
    return decimal(Fraction(match.group(1)) * Fraction(10) ** int(match.group(2)))
