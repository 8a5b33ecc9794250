"""The two laws of the house, and the speed that they buy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", modules("spacelang"), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_syntax_imports_lark(path: Path) -> None:
    inside = (ROOT / "spacelang" / "syntax") in path.parents
    assert inside or not any(name.split(".")[0] == "lark" for name in imported(path))


@pytest.mark.parametrize("path", modules("runtime"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_runtime_knows_no_text(path: Path) -> None:
    forbidden = ("spacelang.syntax", "spacelang.check", "spacelang.source", "spacelang.cli", "lark")
    assert not [name for name in imported(path) if name.startswith(forbidden)]


def loaded(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(out.stdout.split())


@pytest.mark.parametrize(
    "path",
    [p for p in modules("spacelang") if p.name != "__main__.py"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_importing_the_compiler_imports_no_torch(path: Path) -> None:
    assert not any(name.split(".")[0] == "torch" for name in imported_at_top(path))


def imported_at_top(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_inspecting_a_space_loads_no_torch() -> None:
    code = f"""
import contextlib, io
from spacelang.cli.commands import app
with contextlib.redirect_stdout(io.StringIO()):
    app(["inspect", {str(ROOT / "spaces" / "s3.space")!r}], standalone_mode=False)
"""
    names = loaded(code)
    assert "lark" in names
    assert "torch" not in names
