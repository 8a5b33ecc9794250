"""What a newcomer meets first: `spacelang new`, `spacelang explain`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacelang.check import compile_text
from spacelang.cli.commands import app
from spacelang.codes import TITLES
from spacelang.source import read

runner = CliRunner()


def test_a_new_space_checks_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(app, ["new", "mine"]).exit_code == 0
    result = compile_text(read(tmp_path / "mine.space"))
    assert result.diagnostics == ()
    assert result.space is not None
    assert result.space.name == "mine"


def test_a_new_space_is_laid_out_as_the_formatter_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacelang.syntax.format import formatted

    monkeypatch.chdir(tmp_path)
    runner.invoke(app, ["new", "sub/folder/mine.space"])
    source = read(tmp_path / "sub" / "folder" / "mine.space")
    assert formatted(source).text == source.text


def test_a_file_is_not_written_over_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.space").write_text("precious")
    assert runner.invoke(app, ["new", "mine"]).exit_code == 1
    assert (tmp_path / "mine.space").read_text() == "precious"
    assert runner.invoke(app, ["new", "mine", "--force"]).exit_code == 0


@pytest.mark.parametrize("name", ["3stages", "my-space", "a b"])
def test_a_name_that_the_language_does_not_have_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(app, ["new", name]).exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("asked", ["E0309", "e0309", "309"])
def test_a_code_is_explained_however_it_is_written(asked: str) -> None:
    result = runner.invoke(app, ["explain", asked])
    assert result.exit_code == 0
    assert result.stdout.startswith("# E0309: ")


def test_without_a_code_all_are_listed() -> None:
    lines = runner.invoke(app, ["explain"]).stdout.splitlines()
    assert [line[:5] for line in lines] == list(TITLES)


def test_a_code_that_does_not_exist_is_refused() -> None:
    assert runner.invoke(app, ["explain", "E9999"]).exit_code == 1
