"""How right an answer is, as VQA's own evaluation has it (Antol et al., 2015, and its public rules)."""

from __future__ import annotations

import re
from collections.abc import Sequence

ENOUGH = 3  # people who must agree with an answer


def accuracy(answer: str, given: Sequence[str]) -> float:
    """The share of an answer, from 0 to 1, against those that people gave.

    With ten people: for each of them, the answer counts min(1, agreeing others / 3); the mean of these ten. So 0,
    1, 2, 3, 4 or more who gave it are worth 0, 0.3, 0.6, 0.9, 1. With fewer than four, of which a table has one:
    the share of those who gave it.
    """
    same = sum(other == answer for other in given)
    if len(given) <= ENOUGH:
        return same / len(given)
    agreeing = same * min(1.0, (same - 1) / ENOUGH) + (len(given) - same) * min(1.0, same / ENOUGH)
    return agreeing / len(given)


_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(number) for number, word in enumerate(_DIGITS)} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_NEGATED = (
    *("ai", "are", "ca", "could", "did", "does", "do", "had", "has", "have", "is", "might", "must", "need"),
    *("ought", "should", "was", "were", "wo", "would"),
)
_SHORTENED = {f"{stem}nt": f"{stem}n't" for stem in _NEGATED} | {
    f"{who}{end}": f"{who}'{end}"
    for who, ends in {
        "they": ("re", "ve", "d"),
        "you": ("re", "ve", "d", "ll"),
        "we": ("ve",),
        "i": ("m", "ve"),
        "he": ("s",),
        "she": ("s",),
        "that": ("s",),
        "there": ("s", "re"),
        "what": ("s", "re", "ll", "ve"),
        "who": ("s", "d", "ll", "ve"),
        "where": ("s", "d", "ve"),
        "how": ("s", "d", "ll"),
        "could": ("ve",),
        "should": ("ve",),
        "would": ("ve",),
        "might": ("ve",),
    }.items()
    for end in ends
}
_MARKS = ';/[]"{}()=+\\_-><@`,?!'


def normalised(answer: str) -> str:
    """An answer as VQA's evaluation compares it: lower case; punctuation removed, or a blank where it stands
    between two words; no full stops but in decimals; numbers up to ten as digits; no articles; apostrophes put
    back."""
    text = " ".join(answer.lower().split())
    attached = re.search(r"\d,\d", text) is not None
    out = text
    for mark in _MARKS:
        loose = f"{mark} " in text or f" {mark}" in text or attached
        out = out.replace(mark, "" if loose else " ")
    out = re.sub(r"\.(?!\d)", "", out)
    words = (_NUMBERS.get(word, word) for word in out.split())
    return " ".join(_SHORTENED.get(word, word) for word in words if word not in _ARTICLES)
