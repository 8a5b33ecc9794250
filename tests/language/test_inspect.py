"""`inspect` and `sample` of a space: what a program reads of them is what the arithmetic says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner

from spacelang import cli, notation
from spacelang.cli.commands import app
from spacelang.lower.cost import price
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
    result = CliRunner().invoke(app, ["sample", DIGITS, "--flops", "1"])
    assert result.exit_code == 1
    assert f"{whole['flops']['smallest']:,}".replace(",", " ") in result.stderr


def test_a_question_too_large_ends_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked() -> None:
        raise TooLarge("9 sums of costs are too many")

    monkeypatch.setattr(cli, "application", lambda _words: asked)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "9 sums of costs are too many" in capsys.readouterr().err
