"""Every code stands for one thing, has a page, and its page tells the truth."""

import re
import shutil
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.codes import TITLES, page
from spacelang.project import loader
from spacelang.source import Source

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "errors"
CODE = re.compile(r'"([EW]0\d{3})"')

# Two examples are too long to be shown, and the pages say so.
CHAIN = 'edition 2026\nspace x\nextends "chain_1.space"\n'
LONGER = {"E0109": lambda text: text * 20_000, "E0157": lambda text: text + "€\n" * 200, "E0606": lambda _: CHAIN}


def used() -> set[str]:
    """All codes that the compiler's source mentions outside the catalogue."""
    files = (path for path in (ROOT / "spacelang").rglob("*.py") if path.name != "codes.py")
    return {code for path in files for code in CODE.findall(path.read_text(encoding="utf-8"))}


def examples(code: str) -> tuple[str, str]:
    """The wrong and the right example of a page."""
    blocks = re.findall(r"^```space\n(.*?)^```", page(code), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2, "a page has one wrong example and one right one"
    return blocks[0], blocks[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a shipped space, a broken one, one that declares a measure, and a chain of files each of which
    extends the next."""
    place = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "spaces" / "digits.space", place)
    text = (ROOT / "spaces" / "digits.space").read_text(encoding="utf-8")
    (place / "broken.space").write_text(text.replace("embed in {8, 16}", "embed in 8..16 step 7"), encoding="utf-8")
    (place / "measured.space").write_text(f"{text}measure energy mJ\n", encoding="utf-8")
    for number in range(1, 20):
        head = f"edition 2026\nspace chain_{number}\n"
        (place / f"chain_{number}.space").write_text(head + f'extends "chain_{number + 1}.space"\n')
    return place


def found(text: str, folder: Path) -> list[str]:
    name = str(folder / "x.space")
    return [d.code for d in compile_text(Source(name, text), loader(name)).diagnostics]


def test_every_code_in_use_is_in_the_catalogue_and_every_code_of_it_in_use() -> None:
    assert used() == set(TITLES)
    assert len(TITLES) >= 60


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(TITLES)


@pytest.mark.parametrize("code", TITLES)
def test_a_page_begins_with_the_title_of_its_code(code: str) -> None:
    assert page(code).splitlines()[0] == f"# {code}: {TITLES[code]}"


@pytest.mark.parametrize("code", TITLES)
def test_the_wrong_example_has_that_very_mistake_and_no_other(code: str, folder: Path) -> None:
    wrong = LONGER.get(code, str)(examples(code)[0])
    codes = found(wrong, folder)
    if code in ("E0157", "E0608"):  # the findings that there are, the errors of the other file, are told, too
        assert code in codes
    else:
        assert set(codes) == {code}


@pytest.mark.parametrize("code", TITLES)
def test_of_the_right_example_nothing_is_said(code: str, folder: Path) -> None:
    assert found(examples(code)[1], folder) == []


def test_the_message_of_a_code_is_never_longer_than_a_line_of_its_own() -> None:
    assert all(len(title) <= 72 and title[-1] not in ".:" for title in TITLES.values())
