"""`spacelang lsp` where it cannot serve."""

import importlib.util

import pytest

from spacelang.cli.commands import app


def test_without_its_library_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        app(["lsp", "--stdio"], standalone_mode=False)
    assert ended.value.code == 1
    assert "pip install 'spacelang[lsp]'" in capsys.readouterr().err
