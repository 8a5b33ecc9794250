"""The ten files of the stranger's test, and ten from papers' tables: what is said of them now is what the pages
about them show last."""

import os
import re
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.render import render
from spacelang.source import Source

DECISIONS = Path(__file__).resolve().parents[2] / "docs" / "decisions"
PAGES = [DECISIONS / "strangers-test.md", DECISIONS / "papers-tables.md"]
FILE = re.compile(r"^## (\d+)\. .*?\n(?=## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(space|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {
    (page, number): match.group()
    for page in PAGES
    for number, match in enumerate(FILE.finditer(page.read_text(encoding="utf-8") + "\n"))
}


def parts(section: str) -> tuple[str, str, str]:
    """The file, the first output and the last one."""
    (_, text), (_, first), (_, last) = BLOCK.findall(section)
    return text, first, last


def answer(text: str) -> str:
    source = Source("x.space", text)
    return render(source, compile_text(source).diagnostics)


def test_there_are_ten_files_on_each_page() -> None:
    assert {*SECTIONS} == {(page, number) for page in PAGES for number in range(10)}


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_last_output_is_that_of_today(path: Path, number: int) -> None:
    section = SECTIONS[path, number]
    text, _, last = parts(section)
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        page = path.read_text(encoding="utf-8")
        path.write_text(page.replace(section.rstrip("\n"), section.replace(last, answer(text)).rstrip("\n")))
    else:
        assert answer(text) == last


@pytest.mark.parametrize("number", range(10))
def test_following_the_fixes_leaves_fewer_errors(number: int) -> None:
    """With every fix that is offered applied, again and again, at most a few things are left to think about."""
    text = parts(SECTIONS[PAGES[0], number])[0]
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
