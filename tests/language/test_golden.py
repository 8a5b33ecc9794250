"""Each golden file is a text of the language and all that is said of it, word for word.

Above the line of `=` stands the text, below it what `spacelang check` prints. To rewrite them after a change,
and then read the difference: SPACELANG_GOLDEN=write pytest tests/language/test_golden.py
"""

import os
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.diagnostics import Fix, errors
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


def parts(path: Path) -> tuple[str, str]:
    """The text and what is said of it, line ends as they are in the file."""
    text, _, expected = path.read_bytes().decode().partition(RULER)
    return text + "\n", expected


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_golden(path: Path) -> None:
    text, expected = parts(path)
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        path.write_bytes((text[:-1] + RULER + answer(text)).encode())
    else:
        assert answer(text) == expected


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 150


def test_every_code_is_of_one_kind() -> None:
    """A code means one thing: in all golden files it comes with one severity and never twice at one place."""
    for path in FILES:
        found = compile_text(Source("x.space", parts(path)[0])).diagnostics
        places = [(d.code, d.label.span, d.message) for d in found]
        assert len(places) == len(set(places)), f"{path.name} says the same thing twice"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_fix_mends_what_it_is_offered_for(path: Path) -> None:
    """With its fix applied, a finding is gone, and nothing that hides behind it is of the same kind there."""
    source = Source("x.space", parts(path)[0])
    for found in compile_text(source).diagnostics:
        if found.fix is not None:
            mended = mend(source, found.fix)
            same = [d for d in compile_text(mended).diagnostics if d.code == found.code]
            before = [d for d in compile_text(source).diagnostics if d.code == found.code]
            assert len(same) < len(before), f"{found.code} stays after its fix:\n{mended.text}"


def mend(source: Source, fix: Fix) -> Source:
    text = source.text
    return Source(source.name, text[: fix.span.start] + fix.replacement + text[fix.span.end :])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_an_error_says_what_to_do(path: Path) -> None:
    for found in compile_text(Source("x.space", parts(path)[0])).diagnostics:
        assert found.help or found.notes, f"{found.code} leaves its reader alone"
