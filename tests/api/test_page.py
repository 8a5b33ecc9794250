"""docs/python.md and the notebook are executed, and show what they give.

To write the notebook's outputs after a change: SPACELANG_GOLDEN=write pytest tests/api/test_page.py
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE, NOTEBOOK = ROOT / "docs" / "python.md", ROOT / "docs" / "notebooks" / "first-space.ipynb"
SHOWN = re.compile(r"#\s+→\s+(.*)$")


def test_the_page_says_what_its_code_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    compared = 0
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = text.splitlines()
        for statement in ast.parse(text).body:
            said = SHOWN.search(lines[(statement.end_lineno or 1) - 1])
            if said is None:
                exec(compile(ast.Module([statement], []), str(PAGE), "exec"), names)
            else:
                assert isinstance(statement, ast.Expr)
                value = eval(compile(ast.Expression(statement.value), str(PAGE), "eval"), names)
                assert repr(value) == said.group(1), ast.unparse(statement)
                compared += 1
    assert compared >= 15


def outputs(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """What a notebook shows below a cell: what it prints, then the value of its last line."""
    statements = ast.parse(source).body
    last = statements.pop() if isinstance(statements[-1], ast.Expr) else None
    printed = io.StringIO()
    value = None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(statements, []), "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    shown: list[dict[str, Any]] = []
    if text := printed.getvalue():
        shown.append({"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": [repr(value)]}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_().splitlines(keepends=True)
        shown.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    return shown


def test_the_notebook_shows_what_its_cells_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        shown = outputs("".join(cell["source"]), names)
        if os.environ.get("SPACELANG_GOLDEN") == "write":
            cell["outputs"] = shown
        assert cell["outputs"] == shown
    if os.environ.get("SPACELANG_GOLDEN") == "write":
        NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert len(cells) >= 6
    assert any("text/html" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    assert notebook["nbformat"] == 4


def test_the_lines_of_the_readme_search_its_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (space,) = re.findall(r"^```\n(edition 2026\nspace small\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (code,) = re.findall(r"^```python\n(import spacelang as sl\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    Path("small.space").write_text(space)
    names: dict[str, Any] = {"score": lambda one: one.depth}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["found"].records()) == 300
