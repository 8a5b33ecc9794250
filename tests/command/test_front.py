"""The first screen, the help of every command, and what is said of words that no command has."""

import os
import shlex
import subprocess
import sys

import pytest
import typer

from spacelang.cli.commands import COMMANDS, app
from spacelang.cli.front import EXAMPLES, GROUPS

group = typer.main.get_command(app)


def test_every_command_has_a_place_on_the_first_screen_and_examples() -> None:
    placed = [name for names in GROUPS.values() for name in names]
    assert sorted(placed) == sorted(COMMANDS)
    assert set(COMMANDS) - {"lsp"} <= set(EXAMPLES)


def test_without_words_the_first_screen_is_shown(spacelang) -> None:
    said = spacelang()
    assert said.code == 0
    assert said.out == spacelang("--help").out == spacelang("help").out
    assert spacelang("help", "train").out == spacelang("train", "--help").out
    assert all(f"\n  {name} " in said.out for name in COMMANDS)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_a_command_line_that_is_understood(line: str) -> None:
    (words,) = [part for part in line.split(" | ") if "spacelang " in part]
    words = shlex.split(words.partition("#")[0].partition("spacelang ")[2])
    if not words[1:] and words[0] not in COMMANDS:
        pytest.fail(f"no command in {line}")
    command = group.commands[words[0]]
    command.make_context(words[0], words[1:])  # reads the words and calls nothing


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_a_terminal_and_ends_in_examples(name: str, spacelang, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told, _, examples = spacelang(name, "--help").out.partition("\nExamples:\n")
    assert told.startswith(f"Usage: spacelang {name} ")
    assert max(map(len, told.splitlines())) <= 80
    assert [line.strip() for line in examples.splitlines()] == list(EXAMPLES.get(name, ()))


def test_versions_are_told(spacelang) -> None:
    import torch

    import spacelang as package

    for word in ("--version", "-V"):
        said = spacelang(word)
        assert said.code == 0
        assert said.out.startswith(f"spacelang {package.__version__} ")
        assert f"torch {torch.__version__.partition('+')[0]}" in said.out


def test_a_shell_completes_commands_and_options() -> None:
    for line, expected in (("spacelang trai", "train"), ("spacelang train --res", "--resume")):
        asked = {"_SPACELANG_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        command = [sys.executable, "-m", "spacelang"]
        out = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True).stdout
        assert out.split() == [expected]


UNKNOWN = {
    "a command": (["inspekt"], "Did you mean 'inspect'?"),
    "an option": (["train", "--step", "3"], "did you mean --steps?"),
    "a line of a recipe as an option": (["train", "--epochs", "3"], "--set epochs=…"),
    "a word of other systems as an option": (["train", "--batch-size", "3"], "--set batch=…"),
    "a line of a transfer's recipe": (["transfer", "vqa", "--batch", "4"], "--set batch=…"),
    "a line of the other recipe": (["evolve", "--population", "3"], "--set population=…"),
    "an option like none": (["train", "--xyzzy"], "spacelang train --help"),
    "an option of the program": (["--xyzzy"], "spacelang --help"),
    "a number that is none": (["train", "--steps", "many"], "'--steps': "),
    "a number beyond all": (["train", "--steps", "9" * 30], "'--steps': "),
    "a word too many": (["train", "x.space", "--budget", "10", "min"], "nothing is known to do with: min"),
    "data without its option": (["train", "x.space", "."], "did you mean --data .?"),
    "a line without its sign": (["train", "x.space", "--set", "batch", "8"], "did you mean --set batch=8?"),
    "no value": (["train", "--steps"], "spacelang train --help"),
    "no file": (["check"], "missing argument 'FILE…'"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_words_that_no_command_has_are_answered_with_what_was_meant(case: str, spacelang) -> None:
    words, expected = UNKNOWN[case]
    said = spacelang(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert expected in said.err


def test_of_the_processes_of_a_host_the_first_says_what_is_wrong(spacelang, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = []
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        monkeypatch.setenv("RANK", rank)
        said.append(spacelang("check", "nowhere.space"))
    assert [one.code for one in said] == [1, 1]
    assert "nowhere.space" in said[0].err
    assert said[1].err == ""
