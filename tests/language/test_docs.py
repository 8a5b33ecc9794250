"""Every example of the documentation is executed, and every table of defaults is compared with the defaults."""

import os
import re
import shutil
from fractions import Fraction
from pathlib import Path

import attrs
import pytest
from grammar_page import page

from spacelang.check import compile_text
from spacelang.expression import decimal
from spacelang.project import loader
from spacelang.recipe import Evolve, Refine, Train
from spacelang.render import render
from spacelang.source import Source

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    DOCS / f"{name}.md" for name in ("language", "tutorial", "from-autoformer", "from-nni", "from-configspace")
]
COMMAND = re.compile(r"^\$ spacelang ([^\n]*)\n(.*?)(?=^\$ |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\S+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path) -> list[tuple[str, str, str]]:
    """The fenced blocks of a page: language, the words behind it, text."""
    return [(kind, words or "", text) for kind, words, text in BLOCK.findall(path.read_text(encoding="utf-8"))]


EXAMPLES = [
    pytest.param(path, words, text, id=f"{path.stem}-{number}")
    for path in PAGES
    for number, (kind, words, text) in enumerate(blocks(path))
    if kind == "space" and not words.endswith(".space")
]
FRAME = {"image": "32", "patch": "4", "classes": "10"}
STAGE = {"depth": "2", "embed": "64"}
LAYER = {"heads": "2"}


def completed(scope: str, fragment: str) -> str:
    """A fragment of a scope in a whole file that says, besides it, only what must be said."""
    said = set(re.findall(r"^\s*(\w+)\s*(?:=|in)\s", fragment if scope in ("root", "stage", "layer") else "", re.M))

    def lines(known: dict[str, str]) -> str:
        return "\n".join(f"{name} = {value}" for name, value in known.items() if name not in said)

    root = fragment if scope == "root" else ""
    stage = fragment if scope == "stage" else ""
    layer = "" if "each layer" in stage else f"each layer {{\n{fragment if scope == 'layer' else lines(LAYER)}\n}}"
    one = f"edition 2026\nspace example\n{lines(FRAME)}\n{root}\nstage 1 {{\n{lines(STAGE)}\n{stage}\n{layer}\n}}\n"
    return one + (f"{scope} {{\n{fragment}}}\n" if scope in ("train", "evolve", "refine") else "")


@pytest.mark.parametrize(("path", "words", "text"), EXAMPLES)
def test_an_example_is_right_or_as_wrong_as_it_says(path: Path, words: str, text: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "spaces" / "digits.space", tmp_path)
    scope, _, code = words.partition(" ")
    whole = text if scope in ("", "wrong") else completed(scope, text)
    name = str(tmp_path / "x.space")
    found = compile_text(Source(name, whole), loader(name)).diagnostics
    if scope == "wrong":
        assert {d.code for d in found} == {code}
    elif scope in ("", "root", "stage", "layer", "train"):
        assert found == ()
    else:  # a bound says nothing of the few networks that stand around an example
        assert {d.code for d in found} <= {"E0348", "W0505"}


def test_the_message_shown_in_the_reference_is_what_is_said() -> None:
    found = blocks(DOCS / "language.md")
    (at,) = [i for i, (kind, _, _) in enumerate(found) if kind == "text"]
    source = Source("x.space", found[at - 1][2])
    assert render(source, compile_text(source).diagnostics) == found[at][2]


@pytest.mark.parametrize(("heading", "recipe"), [("train", Train()), ("evolve", Evolve()), ("refine", Refine())])
def test_the_tables_of_the_recipes_show_their_defaults(heading: str, recipe: Train | Evolve | Refine) -> None:
    text = (DOCS / "language.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section, re.MULTILINE))
    known = {field.name: getattr(recipe, field.name) for field in attrs.fields(type(recipe))}
    numbers = {n: decimal(v) for n, v in known.items() if isinstance(v, int | Fraction)}
    assert {name: default for name, default in rows.items() if name in numbers} == numbers
    assert set(rows) == set(known) - {"mutate", "steps", "bounds"}


@pytest.mark.parametrize("page", ["tutorial", "command-line"])
def test_what_a_page_shows_of_a_terminal_is_what_is_printed(
    page: str, spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = 0
    for kind, words, text in blocks(DOCS / f"{page}.md"):
        if kind == "space":
            (tmp_path / words).write_text(text, encoding="utf-8")
        if kind == "console":
            for command, expected in COMMAND.findall(text):
                said = spacelang(*command.split())
                assert (said.out + said.err).strip() == expected.strip(), command
                shown += 1
    assert shown >= 5


def test_the_page_about_the_grammar_is_made_from_the_grammar_at_hand() -> None:
    made = page((ROOT / "grammars" / "space.lark").read_text(encoding="utf-8"))
    path = DOCS / "grammar.md"
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


WRITTEN = sorted(path for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "editors").rglob("*.md")))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, place in re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)", text):
        page = path.parent / target if target else path
        assert page.exists(), target
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) if place else []
        assert not place or place in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
