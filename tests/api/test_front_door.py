"""The names of `import spacelang as sl`: lazy, without torch, and theirs whatever else is imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spacelang as sl

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_imports_none_of_its_parts() -> None:
    code = "import sys, spacelang; print([n for n in sys.modules if n.startswith(('spacelang', 'attr', 'lark'))])"
    assert run(code) == "['spacelang.version', 'spacelang']\n"


def test_every_public_name_holds_after_every_submodule_is_imported() -> None:
    code = """
import pkgutil, importlib, spacelang as sl
before = {name: getattr(sl, name) for name in sl.__all__}
for module in pkgutil.walk_packages(sl.__path__, "spacelang."):
    if module.name != "spacelang.__main__" and not module.name.startswith("spacelang.lsp"):
        importlib.import_module(module.name)
assert {name: getattr(sl, name) for name in sl.__all__} == before
modules = {name for name in vars(sl) if type(getattr(sl, name)).__name__ == "module"}
print(sorted(modules & set(sl.__all__)), len(modules) > 20)
"""
    assert run(code) == "[] True\n"


def test_editors_and_the_package_know_the_same_names() -> None:
    tree = ast.parse(Path(sl.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.asname: f"{node.module}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == sl._PUBLIC
    assert set(dir(sl)) == set(sl.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = sl.nothing


def test_a_space_is_counted_and_drawn_from_without_torch() -> None:
    code = """
import sys, spacelang as sl
space = sl.load("spaces/digits.space")
space.count(flops="300K"), space.sample(2), space.mutate(space.largest), space.histogram(), space.nearest(flops=1)
print("torch" in sys.modules, "numpy" in sys.modules)
"""
    assert run(code) == "False True\n"
    light = 'import sys, spacelang as sl\nsl.load("spaces/digits.space").count()\n'
    heavy = ("torch", "numpy", "typer", "rich", "cattrs", "sqlite3")
    assert run(f"{light}print([name for name in {heavy} if name in sys.modules])") == "[]\n"
