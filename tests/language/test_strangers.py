"""The ten files of the stranger's test: what is said of them now is what the page about it shows last."""

import os
import re
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.render import render
from spacelang.source import Source

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decisions" / "strangers-test.md"
FILE = re.compile(r"^## (\d+)\. .*?\n(?=## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(space|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = [match.group() for match in FILE.finditer(PAGE.read_text(encoding="utf-8") + "\n")]


def parts(section: str) -> tuple[str, str, str]:
    """The file, the first output and the last one."""
    (_, text), (_, first), (_, last) = BLOCK.findall(section)
    return text, first, last


def answer(text: str) -> str:
    source = Source("x.space", text)
    return render(source, compile_text(source).diagnostics)


def test_there_are_ten_files() -> None:
    assert len(SECTIONS) == 10


@pytest.mark.parametrize("number", range(10))
def test_the_last_output_is_that_of_today(number: int) -> None:
    section = SECTIONS[number]
    text, _, last = parts(section)
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page.replace(section.rstrip("\n"), section.replace(last, answer(text)).rstrip("\n")))
    else:
        assert answer(text) == last


@pytest.mark.parametrize("number", range(10))
def test_following_the_fixes_leaves_fewer_errors(number: int) -> None:
    """With every fix that is offered applied, again and again, at most a few things are left to think about."""
    text = parts(SECTIONS[number])[0]
    before = len(compile_text(Source("x.space", text)).diagnostics)
    for _ in range(100):
        found = compile_text(Source("x.space", text)).diagnostics
        fixes = [d.fix for d in found if d.fix is not None]
        if not fixes:
            break
        fix = max(fixes, key=lambda fix: fix.span.start)
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    left = [d for d in compile_text(Source("x.space", text)).diagnostics if d.severity == "error"]
    assert len(left) < before
    assert all(d.fix is None for d in left)
