"""No text, however hostile, makes the compiler crash, hang or grow: it is read, or refused at once."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacelang.check import compile_text
from spacelang.codes import TITLES
from spacelang.diagnostics import errors
from spacelang.formats import Report, written
from spacelang.render import render
from spacelang.source import Source

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "spaces").glob("*.space"))]
VOCABULARY = r"""
edition 2026 space extends narrows each in step require and or not stage layer train evolve mutate
image patch classes depth embed heads qkv mlp window head_dim previous flops params min max global
= == => := <= < { } ( ) [ ] , ; : . .. ... + - * / % ** && || ! // /* */ # " ' \\ @
1 0 -1 4.5G 4.5g 1e9 0x1 224x224 1_000 .5 5. 99999999999999999999 é 全
"""
WORDS = [*VOCABULARY.split(), "\n", "\n  ", "\r", "\t", "\0", "\ufeff", "\u202e", "\u200b"]


def judged(text: str) -> None:
    """The text is a space or has errors, each of a known code, with a place inside the text and words to show."""
    source = Source("x.space", text)
    result = compile_text(source)
    assert (result.space is None) == bool(errors(result.diagnostics))
    for found in result.diagnostics:
        assert found.code in TITLES
        for label in (found.label, *found.others):
            assert 0 <= label.span.start <= label.span.end <= max(1, len(text))
    assert "Traceback" not in render(source, result.diagnostics)
    written([Report(source, result.diagnostics)], "json")


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    judged(text)


@quick
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from(["", " "]))
def test_any_words_in_any_order_are_judged(words: list[str], between: str) -> None:
    judged(between.join(words))


@quick
@given(st.sampled_from(SHIPPED), st.randoms(use_true_random=False))
def test_real_files_with_pieces_lost_doubled_and_swapped_are_judged(text: str, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        a, b = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        b = min(b, a + 40)
        match chance.randrange(4):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:b] + text[a:b] + text[b:]
            case 2:
                text = text[:a] + chance.choice(WORDS) + text[a:]
            case _:
                lines = text.splitlines(keepends=True)
                chance.shuffle(lines)
                text = "".join(lines)
    judged(text)


HEAD = "edition 2026\nspace x\nimage = 32\npatch = 4\nclasses = 10\n"
STAGE = "stage {} {{\n  depth = 1\n  embed = 32\n  each layer {{\n    heads = 1\n    window = 1\n  }}\n}}\n"
BODY = HEAD + STAGE.format(1)
LARGE = HEAD + "".join(
    STAGE.format(n)
    .replace("embed = 32", "embed in {\n" + "".join(f"    {32 * n + i},  # option {i}\n" for i in range(9)) + "}")
    .replace("depth = 1", "# so deep\n" * 90 + "depth in 1..3")
    .replace("heads = 1", "heads in {\n" + "".join(f"    {n + i},\n" for i in range(6)) + "}")
    for n in range(1, 17)
)
HOSTILE = {
    "a space of two thousand lines": LARGE,
    "nested parentheses": HEAD + "classes = " + "(" * 100_000 + "1" + ")" * 100_000,
    "nested blocks": "a {\n" * 100_000,
    "nested indentation": "\n".join(" " * n + "a:" for n in range(800)),
    "closing braces": "}" * 300_000,
    "a long chain of operators": BODY + "require each stage: embed > " + " + ".join(["1"] * 100_000),
    "a long chain of comparisons": BODY + "require each stage: " + " < ".join(["1"] * 90_000),
    "a long chain of not": BODY + "require each stage: " + "not " * 90_000 + "embed > 1",
    "a huge number": HEAD + "classes = " + "9" * 300_000,
    "huge products": BODY + "require each layer: " + " * ".join(["99999999999999"] * 99) + " > heads",
    "huge powers": BODY + "require each layer: " + " / ".join(["heads", *["1.000000000000001"] * 99]) + " > 1",
    "a huge range": BODY.replace("embed = 32", "embed in 1..10000000"),
    "a set of a hundred thousand options": BODY.replace(
        "embed = 32", f"embed in {{{','.join(map(str, range(100_000)))}}}"
    ),
    "an enormous depth": BODY.replace("depth = 1", "depth = 999999999999"),
    "deep stages with a bound": HEAD
    + "".join(STAGE.format(n) for n in range(1, 17)).replace("depth = 1", "depth = 1000")
    + "evolve { require flops <= 1K }",
    "thousands of stages": HEAD + "".join(STAGE.format(n) for n in range(1, 3000)),
    "the same stage thousands of times": HEAD + STAGE.format(1) * 3000,
    "all combinations": BODY.replace("embed = 32", "embed in 1..1000")
    .replace("depth = 1", "depth in 1..1000")
    .replace("heads = 1", "heads in 1..1000\n    qkv in 1..1000\n    mlp in 1..1000"),
    "cells of sixteen stages": HEAD
    + "".join(STAGE.format(n) for n in range(1, 17))
    .replace("depth = 1", "depth in 1..30")
    .replace("embed = 32", "embed in 1..30"),
    "many rules that contradict one another": BODY.replace("embed = 32", "embed in 1..100")
    + "\n".join(f"require each stage: embed != {n}" for n in range(1, 101)),
    "a circle": BODY.replace("heads = 1", "heads = qkv\n    qkv = mlp\n    mlp = heads"),
    "ten million characters in one line": "x" * 10_000_000,
    "ten million characters in one comment": "#" * 10_000_000,
    "ten million line ends": "\n" * 10_000_000,
    "foreign characters": "€" * 390_000,
    "foreign characters set apart": "€ " * 190_000,
    "quotes": '"' * 390_000,
    "quoted words": '"a" ' * 90_000,
    "quotes behind a path": 'extends "' * 40_000,
    "brackets": "[" * 390_000,
    "brackets in pairs": "a[1] " * 70_000,
    "semicolons": ";" * 390_000,
    "semicolons between statements": "a=1;" * 90_000,
    "open comments of c": "/*" * 190_000,
    "colons": "a: " * 120_000,
    "lines with colons": "a: 1\n" * 12_000,
    "headers of yaml": "a:\n b\n" * 8_000,
    "dashes": "a:\n" + "- 1\n" * 20_000,
    "spaces with blocks": "space x {\n}\n" * 8_000,
    "loops": "for x in y {\n" * 30,
    "null bytes": "\0" * 390_000,
    "carriage returns": "\r" * 390_000,
    "windows line ends": BODY.replace("\n", "\r\n"),
    "marks of direction": "\u202e" * 390_000,
    "byte order marks": "\ufeff" * 390_000,
    "combining characters": "a" + "\u0301" * 390_000,
    "names without end": "a" * 390_000 + " = 1",
    "a misspelt name without end": BODY + "dept" * 90_000 + " = 1\n",
    "many misspelt names": HEAD + "\n".join(f"imag{n} = 1" for n in range(9_000)),
    "dots": "." * 300_000,
    "numbers with suffixes": "1x1 " * 90_000,
    "percent": "1% " * 90_000,
    "surrogates": "\ud800" * 1000,
}

READER = """
import os, resource, sys
from spacelang.check import compile_text
from spacelang.source import Source
from spacelang.render import render
compile_text(Source("warm", "edition 2026\\n"))
while size := sys.stdin.buffer.readline():
    text = sys.stdin.buffer.read(int(size)).decode("utf-8", "surrogatepass")
    if not (child := os.fork()):
        for kind, most in ((resource.RLIMIT_CPU, 2), (resource.RLIMIT_AS, 512 * 2**20)):
            resource.setrlimit(kind, (most, most))
        source = Source("x.space", text)
        print(len(render(source, compile_text(source).diagnostics)), end=" ", flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def reader() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the compiler loaded and nothing else, and reads each text in a child of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_or_refused_within_bounds(name: str, reader: subprocess.Popen[bytes]) -> None:
    """Two seconds of processor time and 512 MB are all that the process may take."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    text = HOSTILE[name].encode("utf-8", "surrogatepass")
    reader.stdin.write(b"%d\n%b" % (len(text), text))
    reader.stdin.flush()
    *shown, code = map(int, reader.stdout.readline().split())
    assert code == 0, "broken off, or a traceback: see what it wrote to standard error"
    assert shown[0] < 200_000, "what is said of a text is short enough to be read"
