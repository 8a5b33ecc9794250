"""Each golden file is a text of the language and all that is said of it, word for word.

Above the line of `=` stands the text, below it what `spacelang check` prints. To rewrite them after a change,
and then read the difference: SPACELANG_GOLDEN=write pytest tests/language/test_golden.py
"""

import os
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.diagnostics import errors
from spacelang.render import render
from spacelang.source import Source

FOLDER = Path(__file__).resolve().parents[1] / "golden"
RULER = "\n" + "=" * 60 + "\n"
FILES = sorted(FOLDER.glob("*.txt"))


def answer(text: str) -> str:
    source = Source("x.space", text)
    result = compile_text(source)
    assert (result.space is None) == bool(errors(result.diagnostics)), "a space, or errors: never both or neither"
    return render(source, result.diagnostics) or "ok\n"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_golden(path: Path) -> None:
    text, _, expected = path.read_text(encoding="utf-8").partition(RULER)
    text += "\n"
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        path.write_text(text[:-1] + RULER + answer(text), encoding="utf-8")
    else:
        assert answer(text) == expected


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 60


def test_every_code_is_of_one_kind() -> None:
    """A code means one thing: in all golden files it comes with one severity and never twice at one place."""
    for path in FILES:
        text = path.read_text(encoding="utf-8").partition(RULER)[0] + "\n"
        found = compile_text(Source("x.space", text)).diagnostics
        places = [(d.code, d.label.span, d.message) for d in found]
        assert len(places) == len(set(places)), f"{path.name} says the same thing twice"
