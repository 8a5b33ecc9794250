"""Words that people type: what is meant is done, or said."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.api.error import NotAnOption
from spacelang.api.held_out import held_out
from spacelang.cli.commands import COMMANDS
from spacelang.cli.options import share_for_the_test, updates
from spacelang.cli.usage import _COMMANDS

DIGITS = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
SEARCH = ("--images", "50", *(f"--set={line}" for line in ("population=6", "parents=2", "generations=1")))
SEARCH += ("--set", "crossover=2", "--set", "mutation=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typed")


@pytest.fixture
def here(spacelang, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one run, searched."""
    monkeypatch.chdir(folder)
    if not (folder / "runs").exists():
        assert spacelang("train", DIGITS, "--steps", "2", "--set", "batch=16").code == 0
        assert spacelang("evolve", "--flops", "100K", *SEARCH).code == 0
    return folder


def test_macs_are_flops(spacelang, here: Path) -> None:
    for words in (
        ("inspect", DIGITS, "--json", "--{} 100K"),
        ("inspect", DIGITS, "--json", "--bound {}=50K..100K"),
        ("inspect", DIGITS, "--json", "--histogram", "--of {}"),
        ("sample", DIGITS, "-n", "3", "--{} 100K"),
    ):
        *first, last = words
        flops, macs = (spacelang(*first, *last.format(word).split()) for word in ("flops", "macs"))
        assert flops.code == 0, flops.err
        assert macs.out == flops.out
    said = spacelang("evolve", "--pareto", "accuracy,macs", *SEARCH)
    assert said.code == 0, said.err
    assert json.loads((here / "runs/digits-1/best.json").read_text())["method"]["goals"] == ["accuracy", "flops"]


def test_a_run_in_place_of_a_network_is_the_run(spacelang, here: Path) -> None:
    def told(*words: str) -> list[dict[str, object]]:
        said = spacelang("eval", *words, "--json")
        assert said.code == 0, said.err
        return [{**row, "images_a_second": 0} for row in json.loads(said.out)]

    assert told("digits-1") == told("best", "--run", "digits-1") == told("runs/digits-1")
    assert told("largest", "digits-1") == told("largest", "--run", "digits-1")


def test_a_run_in_place_of_a_network_is_exported_as_its_best(spacelang, here: Path, tmp_path: Path) -> None:
    for words in (("digits-1",), ("best", "--run", "digits-1")):
        assert spacelang("export", *words, "-o", str(tmp_path / words[0])).code == 0
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("digits-1", "best"))
    assert one == other


def test_photos_before_the_run_are_told_the_order(spacelang, here: Path, tmp_path: Path) -> None:
    said = spacelang("predict", str(tmp_path), "digits-1")
    assert said.code == 1
    assert "digits-1 is a model or a run, which comes before the photos" in said.err
    assert f"spacelang predict digits-1 {tmp_path}" in said.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20", "20 of a hundred is 20%"),
        ("a fifth", "'a fifth' is not a share"),
        ("0.0001", "'0.0001' is not between 0.1% and 99.9%"),
    ],
)
def test_a_test_share_that_is_none_is_refused_in_our_words(text: str, said: str, spacelang) -> None:
    answer = spacelang("train", DIGITS, "--data", "photos", "--test-share", text)
    assert answer.code == 2
    assert said in answer.err


def test_a_count_of_updates_is_an_amount() -> None:
    assert [updates(text) for text in ("600", "20K", "1.5K", "1G")] == [600, 20_000, 1500, 10**9]


@pytest.mark.parametrize(
    ("text", "said"), [("1k", "1K"), ("0", "from 1 to"), ("1.5", "whole number"), ("2G", "from 1 to")]
)
def test_what_is_no_count_of_updates_is_told_what_is(text: str, said: str, spacelang) -> None:
    for words in (("train", DIGITS), ("refine", DIGITS)):
        told = spacelang(*words, "--steps", text)
        assert told.code == 2
        assert said in told.err


@pytest.mark.parametrize("option", ["--budget", "--every"])
def test_a_time_without_a_unit_is_told_both_that_may_be_meant(option: str, spacelang) -> None:
    told = spacelang("train", DIGITS, option, "1")
    assert told.code == 2
    assert "'1' is not a time such as 90s, 10m or 1.5h: 1s is in seconds, 1m in minutes" in told.err


def test_a_share_for_the_test_may_be_in_percent() -> None:
    assert held_out("20%", 3) == held_out(0.2, 3)
    assert share_for_the_test("20%") == share_for_the_test("0.2") == 0.2
    with pytest.raises(NotAnOption, match="test_share: '20' is more than the whole"):
        held_out("20", 0)


def test_a_network_of_the_run_is_inspected_by_its_word_or_name(spacelang, here: Path) -> None:
    best = json.loads((here / "runs/digits-1/best.json").read_text())
    said = spacelang("inspect", "best")
    assert said.code == 0, said.err
    assert said.out == spacelang("inspect", best["line"]).out == spacelang("inspect", best["name"]).out
    assert "best of digits-1:" in said.err
    assert spacelang("inspect", "smallest").code == 0
    assert "names no architecture" not in spacelang("inspect", "besst").err


@pytest.mark.parametrize(
    ("word", "meant"), [("classify", "predict"), ("infer", "predict"), ("search", "evolve"), ("test", "eval")]
)
def test_a_command_of_another_name_is_told_ours(word: str, meant: str, spacelang) -> None:
    said = spacelang(word, "photo.jpg")
    assert said.code == 2
    assert f"there is no command {word}" in said.err
    assert f"it is called {meant} here" in said.err


def test_what_commands_are_called_elsewhere_is_no_command_here_and_means_one() -> None:
    assert not set(_COMMANDS) & set(COMMANDS)
    assert {meant.split()[0] for meant in _COMMANDS.values()} <= set(COMMANDS)


def test_a_bound_that_leaves_nothing_out_is_told(spacelang, here: Path) -> None:
    said = spacelang("evolve", "--flops", "100G", "--params", "1G", *SEARCH)
    assert said.code == 0, said.err
    assert "the bound on MACs leaves nothing out: the networks of digits have 10.6K to" in said.err
    assert "the bound on params leaves nothing out" in said.err
    said = spacelang("evolve", "--macs", "100K", *SEARCH)
    assert said.code == 0
    assert "leaves nothing out" not in said.err


def test_a_folder_with_other_things_is_no_place_for_a_model(spacelang, here: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    said = spacelang("export", "best", "-o", str(tmp_path))
    assert said.code == 1
    assert f"{tmp_path} holds other things (thesis.tex), and a model has a folder of its own" in said.err
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.tex"]
    assert spacelang("export", "best", "-o", str(tmp_path / "model")).code == 0
    assert spacelang("export", "best", "-o", str(tmp_path / "model")).code == 0, "the same model again"
    assert spacelang("export", "best", "-o", str(tmp_path), "--force").code == 0


@pytest.mark.parametrize(
    ("more", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_errors_are_coloured_where_colours_are_wanted(more: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    """On a terminal, that is: what is wrong with a space, and the last word."""
    (tmp_path / "x.space").write_text("edition 2026\nspace x\nimage =\n")
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "spacelang", "check", str(tmp_path / "x.space")]
    subprocess.run(command, stderr=terminal, env={**plain, "TERM": "xterm-256color", **more}, check=False)
    os.close(terminal)
    said = os.read(master, 65536).decode()
    os.close(master)
    assert "error[" in said
    assert ("\x1b[" in said) == coloured
