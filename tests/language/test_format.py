"""The canonical layout: the same statements and comments, whatever blanks they came with, once and for all."""

import os
import random
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacelang.cli.commands import app
from spacelang.source import Source
from spacelang.syntax import parse
from spacelang.syntax.foreign import comments
from spacelang.syntax.format import formatted

ROOT = Path(__file__).resolve().parents[2]
RULER = "\n" + "=" * 60 + "\n"
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.txt"))
LAYOUTS = sorted((ROOT / "tests" / "golden" / "format").glob("*.txt"))
SHIPPED = sorted((ROOT / "spaces").glob("*.space"))


def laid_out(text: str) -> str:
    result = formatted(Source("x.space", text))
    assert result.text is not None, (text, result.diagnostics)
    return result.text


def meaning(text: str) -> object:
    """The tree without its places."""
    parsed = parse(Source("x.space", text))
    assert not parsed.diagnostics, parsed.diagnostics
    return attrs.asdict(parsed.file, filter=lambda field, _: field.name != "span")


def said(text: str) -> list[str]:
    return [str(comment) for comment in comments(text)]


# A text is made in two steps: its statements, from which nothing but words and signs is taken; and the blanks,
# line ends and comments between them, as a careless hand would put them.

BREAK = "\n"  # a token of its own: here a statement, or the line of a block's brace, ends
WORD = re.compile(r"[0-9]+(?:\.[0-9]+)?\w*|\w+|\.\.|[<>=!]=|[^\s]")
names = st.sampled_from(["a", "embed", "learning_rate"])
sums = st.sampled_from(["1", "0.5", "4.5G", "a", "previous.embed", "-3", "- -a", "1 + 2 * a", "(a - 1) * -(2 / b)"])
sums |= st.sampled_from(["min(a, b)", "max(a, (b), -3) % 4", "((1))", "a - (b - (c - min(1, (d) / 2)))"])
conditions = st.sampled_from(["a <= 1 < b", "not a == 1 and (b != 2 or c >= 3)", "(not (a > min(1, 2)))"])
sums, conditions = sums.map(WORD.findall), conditions.map(WORD.findall)
expressions = sums | conditions
items = st.lists(expressions, min_size=1, max_size=5)


def a_set(options: list[list[str]], comma: bool) -> list[str]:
    inside = [word for option in options for word in (*option, ",")]
    return ["{", *(inside if comma else inside[:-1]), "}"]


domains = st.one_of(
    st.builds(a_set, items, st.booleans()),
    st.builds(lambda a, b: [*a, "..", *b], sums, sums),
    st.builds(lambda a, b, c: [*a, "..", *b, "step", *c], sums, sums, sums),
)
simple = st.one_of(
    st.just(["edition", "2026"]),
    st.just(["extends", '"other # one.space"']),
    st.builds(lambda name, value: [name, "=", *value], names, expressions),
    st.builds(lambda name, domain: [name, "in", *domain], names, domains),
    st.builds(lambda condition: ["require", *condition], conditions),
    st.builds(lambda condition: ["require", "each", "layer", ":", *condition], conditions),
)


def a_block(head: list[str], body: list[list[str]], open_line: bool) -> list[str]:
    inside = [word for statement in body for word in (*statement, BREAK)][:-1]
    between = [BREAK] if open_line or len(body) > 1 else []
    return [*head, "{", *between, *inside, *between, "}"]


heads = st.sampled_from([["each", "stage"], ["stage", "1"], ["train"]])
statements = st.recursive(
    simple,
    lambda inner: st.builds(a_block, heads, st.lists(inner, max_size=3), st.booleans()),
    max_leaves=4,
)
files = st.lists(statements, max_size=4)
REMARKS = (
    "# a remark",
    "#",
    '#\ttight: in = { } ( "quoted',
    "# `stage 1 {`, and so on: längere Zeilen — auch mit 4×4  ",
)


def careless(file: list[list[str]], chance: random.Random, blanks_only: bool = False) -> str:
    """The words of a file with blanks, line ends and comments wherever they may stand."""
    text = ""
    depth, last = 0, BREAK
    flow = [word for statement in file for word in (*statement, BREAK)]
    for word in flow:
        if word == BREAK:
            if not blanks_only:
                text += chance.choice(["", "", "  " + chance.choice(REMARKS)])
            text += chance.choice(["\n", "\r\n"])
            text += "" if blanks_only else _idle(chance)
        else:
            needed = (last[-1].isalnum() or last[-1] == "_") and (word[0].isalnum() or word[0] in '_"')
            text += chance.choice([" ", "\t", "   "] if needed else ["", "", " ", "  "])
            if depth and last != BREAK and not blanks_only and chance.random() < 0.15:
                text += chance.choice(["", " " + chance.choice(REMARKS)]) + "\n" + _idle(chance)
            text += word
        of_set = word == "{" and (depth or last == "in")
        if word == "(" or of_set:
            depth += 1
        elif word == ")" or (word == "}" and depth):
            depth -= 1
        last = word
    return text


def _idle(chance: random.Random) -> str:
    """Empty lines and lines of comments."""
    lines = ["", "", "   ", *REMARKS, "      # far in"]
    return "".join(chance.choice(lines) + "\n" for _ in range(chance.choice([0, 0, 1, 3])))


@settings(max_examples=150, deadline=None)
@given(files, st.integers(0, 2**32))
def test_laying_out_keeps_meaning_and_comments_and_is_done_once(file: list[list[str]], seed: int) -> None:
    text = careless(file, random.Random(seed))
    once = laid_out(text)
    assert laid_out(once) == once
    assert meaning(once) == meaning(text)
    assert said(once) == said(text)


@settings(max_examples=100, deadline=None)
@given(files, st.integers(0, 2**32), st.integers(0, 2**32))
def test_blanks_inside_lines_do_not_matter(file: list[list[str]], one: int, other: int) -> None:
    first, second = (careless(file, random.Random(seed), blanks_only=True) for seed in (one, other))
    assert laid_out(first) == laid_out(second)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
def test_a_shipped_space_comes_back_from_any_indentation(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    text = path.read_text(encoding="utf-8")
    messy = "".join(
        chance.choice(["", " ", "\t", "     "]) + line.strip() + chance.choice(["", "  "]) + "\n"
        for line in text.split("\n")[:-1]
    )
    assert laid_out(messy) == text


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_spaces_are_in_the_canonical_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert laid_out(text) == text


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda p: p.stem)
def test_layout(path: Path) -> None:
    text, _, expected = path.read_text(encoding="utf-8").partition(RULER)
    text += "\n"
    once = laid_out(text)
    assert laid_out(once) == once, "printed twice, it is the same"
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        path.write_text(text[:-1] + RULER + once, encoding="utf-8")
    else:
        assert once == expected


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_every_golden_text_is_laid_out_once_or_refused(path: Path) -> None:
    text = path.read_text(encoding="utf-8").partition(RULER)[0] + "\n"
    result = formatted(Source("x.space", text))
    if result.text is None:
        assert result.diagnostics
    else:
        assert laid_out(result.text) == result.text
        assert said(result.text) == said(text)


def test_a_file_with_syntax_errors_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.space"
    path.write_text("a  =\n")
    result = CliRunner().invoke(app, ["fmt", str(path)])
    assert result.exit_code == 1
    assert "x.space:1" in result.stderr
    assert path.read_text() == "a  =\n"


def test_check_and_diff_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.space"
    path.write_text("a  = 1\n")
    assert CliRunner().invoke(app, ["fmt", "--check", str(path)]).exit_code == 1
    shown = CliRunner().invoke(app, ["fmt", "--diff", str(path)])
    assert shown.exit_code == 0
    assert "-a  = 1\n+a = 1\n" in shown.stdout
    assert path.read_text() == "a  = 1\n"
    assert CliRunner().invoke(app, ["fmt", str(path)]).exit_code == 0
    assert path.read_text() == "a = 1\n"
    assert CliRunner().invoke(app, ["fmt", "--check", str(path)]).exit_code == 0


def test_standard_input_goes_to_standard_output() -> None:
    assert CliRunner().invoke(app, ["fmt", "-"], input="a  = 1").stdout == "a = 1\n"
