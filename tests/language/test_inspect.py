"""`inspect` and `sample` of a space: what a program reads of them is what the arithmetic says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner

from spacelang import amount, cli, notation
from spacelang.amount import plain
from spacelang.cli.commands import app
from spacelang.cli.texts import compiled, open_text
from spacelang.lower import bracket, effect
from spacelang.lower.cost import price
from spacelang.lower.costs import blocks
from spacelang.lower.lowered import lower
from spacelang.lower.too_large import TooLarge

DIGITS = "spaces/digits.space"


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_inside_the_bounds_is_counted_with_its_histogram_and_its_options() -> None:
    whole = json.loads(printed("inspect", DIGITS, "--json"))
    top = (whole["flops"]["smallest"] + whole["flops"]["largest"]) // 2
    words = ("inspect", DIGITS, "--flops", str(top), "--histogram", "--bins", "7", "--options", "--json")
    found = json.loads(printed(*words))
    inside = found["inside"]["at_least"]
    assert found["inside"]["exact"]
    assert 0 < inside < whole["architectures"]
    assert sum(one["count"] for one in found["histogram"]["bins"]) == inside
    by_depth = [one["at_least"] for one in found["options"] if (one["stage"], one["dimension"]) == (1, "depth")]
    assert sum(by_depth) == inside
    assert all(one["flops"]["largest"] <= top for one in found["options"] if not one["dead"])


def test_what_was_counted_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "kept"))
    assert "inside it" not in printed("inspect", DIGITS)
    words = ("inspect", DIGITS, "--flops", "50K", "--options", "--json")  # the bound of its recipe
    first = printed(*words)
    monkeypatch.setattr(bracket, "count", None)  # from here on nothing can be counted
    monkeypatch.setattr(effect, "count", None)
    assert printed(*words) == first
    inside = json.loads(first)["inside"]["at_least"]
    assert f"inside it       {inside:,}".replace(",", " ") in printed("inspect", DIGITS)


def test_samples_are_networks_that_cost_what_is_said(tmp_path: Path) -> None:
    rows = json.loads(printed("sample", DIGITS, "-n", "20", "--seed", "3", "--json"))
    assert len(rows) == 20
    for row in rows:
        one = notation.read(row["line"])
        assert (price(one).flops, price(one).params) == (row["flops"], row["params"])
        assert one.name == row["name"]
    assert rows == json.loads(printed("sample", DIGITS, "-n", "20", "--seed", "3", "--json"))


def test_a_plot_has_a_bar_for_each_bin(tmp_path: Path) -> None:
    printed("inspect", DIGITS, "--plot", str(tmp_path / "a.svg"), "--bins", "6")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert len(root.findall(".//{http://www.w3.org/2000/svg}title")) == 6
    printed("inspect", DIGITS, "--plot", str(tmp_path / "a.png"), "--bins", "6", "--of", "params")
    with Image.open(tmp_path / "a.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) >= 3  # paper, ink and bars


def test_bounds_that_nothing_meets_name_the_nearest_values() -> None:
    whole = json.loads(printed("inspect", DIGITS, "--json"))
    result = CliRunner().invoke(app, ["sample", DIGITS, "--flops", "1K"])
    assert result.exit_code == 1
    assert f"{whole['flops']['smallest']:,}".replace(",", " ") in result.stderr


@pytest.fixture
def latencies(tmp_path: Path) -> str:
    """A table of latency of the digits space, in ms with three decimals."""
    found = lower(compiled(open_text(Path(DIGITS))))
    entries = {key: (at * 7919 % 1000) / 1000 for at, key in enumerate(sorted(blocks(found.legal)))}
    (tmp_path / "latency.json").write_text(json.dumps({"measure": "latency", "unit": "ms", "entries": entries}))
    return str(tmp_path / "latency.json")


@pytest.mark.parametrize("words", [("--latency", "3ms"), ("--latency", "3000us"), ("--bound", "latency=3")])
def test_a_table_of_latency_bounds_what_is_drawn(latencies: str, words: tuple[str, ...]) -> None:
    rows = json.loads(printed("sample", DIGITS, "-n", "30", "--cost", latencies, *words, "--json"))
    assert len(rows) == 30
    assert all(row["latency"] <= 3 for row in rows)
    free = json.loads(printed("sample", DIGITS, "-n", "30", "--cost", latencies, "--json"))
    assert any(row["latency"] > 3 for row in free)
    counted = json.loads(printed("inspect", DIGITS, "--cost", latencies, *words, "--json"))
    assert 0 < counted["inside"]["at_least"] < counted["architectures"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--latency", "5ms"), "name a table of it with --cost"),
        (("--cost", "TABLE", "--latency", "5kg"), "'5kg' is not an amount such as 2.5ms"),
        (("--cost", "TABLE", "--latency", "5ms..2ms"), "runs backwards"),
        (("--cost", "TABLE", "--bound", "energy=5"), "'energy' is no measure here"),
        (("--cost", "TABLE", "--bound", "latency<=5"), "'latency<=5' is no bound here: write latency=..5"),
        (("--cost", "TABLE", "--bound", "latency >= 5"), "'latency >= 5' is no bound here: write latency=5.."),
        (("--cost", "TABLE", "--bound", "latency==5"), "'latency==5' is no bound here: write latency=5..5"),
    ],
)
def test_a_bound_that_says_nothing_is_refused(latencies: str, words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(app, ["sample", DIGITS, *(latencies if w == "TABLE" else w for w in words)])
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_the_nearest_latency_is_named_in_the_unit_of_its_table(latencies: str) -> None:
    whole = json.loads(printed("inspect", DIGITS, "--cost", latencies, "--json"))
    result = CliRunner().invoke(app, ["sample", DIGITS, "--cost", latencies, "--latency", "1us"])
    assert result.exit_code == 1
    assert f"the nearest latency: {whole['latency']['smallest']} ms" in result.stderr


def test_a_question_too_large_ends_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise TooLarge("9 sums of costs are too many")

    monkeypatch.setattr(cli, "application", lambda _words: asked)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "9 sums of costs are too many" in capsys.readouterr().err


@pytest.fixture
def short_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python's own limit of the digits of a number as low as it goes, so that a small space has more."""
    monkeypatch.setattr(amount, "_MOST", 10**600)
    usual = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(usual)


@pytest.mark.usefixtures("short_numbers")
def test_a_space_of_more_networks_than_a_number_is_written_out_for_is_shown(tmp_path: Path) -> None:
    layer = "heads in {1, 2, 4, 8}\nmlp in 1..8 step 0.125\nwindow = 1\nqkv in 8..64 step 8"
    shared = f"each stage {{\ndepth = 100\nembed = 8\neach layer {{\n{layer}\n}}\n}}\n"
    stages = "".join(f"stage {number} {{\n}}\n" for number in range(1, 4))
    for name, classes in (("vast", 10), ("other", 11)):
        head = f"edition 2026\nspace {name}\nimage = 32\npatch = 4\nclasses = {classes}\n"
        (tmp_path / f"{name}.space").write_text(head + shared + stages)
    vast, other = (str(tmp_path / f"{name}.space") for name in ("vast", "other"))
    told = json.loads(printed("inspect", vast, "--json"))["architectures"]
    assert re.fullmatch(r"\d\.\d\de[6-9]\d\d", told)
    shown = told.replace("e", " × 10^")
    assert shown in printed("inspect", vast)
    assert f"{shown} → {shown}" in printed("diff", vast, other)
    assert json.loads(printed("diff", vast, other, "--json"))["count"] == [told, told]


def test_a_large_count_is_rounded_as_it_is() -> None:
    for digits in (4001, 4500, 6000):
        for number in (10**digits, 10**digits - 1, 287 * 10 ** (digits - 2) + 1):
            first, exponent = plain(number).split("e")
            assert abs(Fraction(number, 10 ** int(exponent)) - Fraction(first)) <= Fraction(1, 100)
    assert plain(10**4000 - 1) == 10**4000 - 1
