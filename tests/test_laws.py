"""The laws of the house, and the speed that they buy."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
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
    texts = ("spacelang.syntax", "spacelang.check", "spacelang.source", "lark")
    forbidden = (*texts, "spacelang.api", "spacelang.cli")
    assert not [name for name in imported(path) if name.startswith(forbidden)]


# The third law: inside the runtime, each layer imports those before it alone. The modules of the root are below the
# first: they need nothing of a layer.
ROOT_MODULES = ("atomic", "failure", "interrupt", "preprocessing", "seeding")
LAYERS = (
    "ops",
    "nn",
    "fused",
    "data",
    "engine",
    "tasks",
    "search",
    "refine",
    "export",
    "report",
    "visualize",
    "app",
)

Graph = Mapping[str, set[str]]  # of each file, by its dotted name, the files that it imports


def graph_of(*packages: Path) -> Graph:
    """Which file of some packages imports which, anywhere in it: in functions and for types too. A package's own
    file has `__init__` for its last name."""
    paths = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts): path
        for package in packages
        for path in sorted(package.rglob("*.py"))
    }

    def file_of(name: str) -> str | None:
        return next((file for file in (name, f"{name}.__init__") if file in paths), None)

    graph: dict[str, set[str]] = {}
    for importer, path in paths.items():
        parents = importer.split(".")[:-1]
        graph[importer] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                around = parents[: len(parents) - node.level + 1] if node.level else []
                module = ".".join([*around, *([node.module] if node.module else [])])
                # What is imported from a package may be one of its modules, or a name in its own file.
                names = [inner if file_of(inner := f"{module}.{alias.name}") else module for alias in node.names]
            else:
                continue
            graph[importer] |= {file for name in names if (file := file_of(name)) and file != importer}
    return graph


def wrong_arrows(graph: Graph, package: str, first: Iterable[str], layers: Iterable[str]) -> list[str]:
    """The imports of a package that do not go down its layers, and its modules that are in none. first: the modules
    of its root, which are below the first layer."""
    height = dict.fromkeys([*first, "__init__"], 0) | {name: n for n, name in enumerate(layers, 1)}

    def layer(file: str) -> str:
        return file.split(".")[1]

    inside = {file for file in graph if file.split(".")[0] == package}
    strangers = [f"{file} is in no layer" for file in sorted(inside) if layer(file) not in height]
    return strangers + [
        f"{importer} imports {imported}"
        for importer in sorted(inside)
        for imported in sorted(graph[importer] & inside)
        if height.get(layer(importer), 0) < height.get(layer(imported), 0)
    ]


def circle(graph: Graph) -> list[str]:
    """Files, or failing these folders and files beside one another, that import one another in a circle; empty
    where there are none.

    A folder imports what any file in it imports. Folders are looked at where they part: `p.a.x` that imports
    `p.b.y` makes `p.a` import `p.b`.
    """
    folders: dict[str, set[str]] = {}
    for importer, imports in graph.items():
        for imported in imports:
            one, other = importer.split("."), imported.split(".")
            parting = next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
            if parting:
                folders.setdefault(".".join(one[: parting + 1]), set()).add(".".join(other[: parting + 1]))
    for arrows in (graph, folders):
        try:
            TopologicalSorter(arrows).prepare()
        except CycleError as error:
            return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def imports() -> Graph:
    return graph_of(ROOT / "spacelang", ROOT / "runtime" / "spacelang_runtime")


def test_the_runtime_imports_down_its_layers(imports: Graph) -> None:
    assert wrong_arrows(imports, "spacelang_runtime", ROOT_MODULES, LAYERS) == []
    assert "spacelang_runtime.failure" in imports["spacelang_runtime.atomic"]  # the graph is not empty


def test_no_folders_or_files_import_one_another_in_a_circle(imports: Graph) -> None:
    assert circle(imports) == []


def test_the_front_door_and_the_command_line_alone_import_the_runtime(imports: Graph) -> None:
    importers = {
        file
        for file, imported in imports.items()
        if any(name.startswith("spacelang_runtime.") for name in imported)
    }
    inside = ("spacelang_runtime.", "spacelang.api.", "spacelang.cli.", "spacelang.__init__")
    assert {file for file in importers if not file.startswith(inside)} == set()


# One name, one meaning: no two public classes share a name, but for these, each with its reason.
WRAPPED = "what `import spacelang as sl` gives of this name holds the compiler's value of the same thing"
NAMESAKES: Mapping[str, tuple[set[str], str]] = {
    "Architecture": ({"spacelang.api.architecture", "spacelang.architecture"}, WRAPPED),
    "Space": ({"spacelang.api.space", "spacelang.space"}, WRAPPED),
}


def namesakes(*packages: Path) -> dict[str, list[str]]:
    """The names that several public classes of some packages have, with the modules that these stand in."""
    bearers: dict[str, list[str]] = {}
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    bearers.setdefault(node.name, []).append(module)
    return {name: modules for name, modules in bearers.items() if len(modules) > 1}


def test_no_two_public_classes_share_a_name() -> None:
    shared = namesakes(ROOT / "spacelang", ROOT / "runtime" / "spacelang_runtime")
    assert {name: sorted(modules) for name, modules in shared.items()} == {
        name: sorted(modules) for name, (modules, _) in NAMESAKES.items()
    }


def test_a_name_that_two_public_classes_share_is_found(tmp_path: Path) -> None:
    files = {
        "p/a.py": "class Row: ...\nclass Line: ...\nclass _Own: ...",
        "p/b/c.py": "def f():\n    class Row: ...\nclass _Own: ...",
        "q/d.py": "class Row: ...\nclass Note: ...",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert namesakes(tmp_path / "p", tmp_path / "q") == {"Row": ["p.a", "p.b.c", "q.d"]}


def spoken(path: Path) -> set[str]:
    """What a file does that a library does not: print, end the process, read its words, leave its folder."""
    found = {name for name in imported(path) if name.split(".")[0] in ("typer", "rich", "argparse")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name("print" | "exit" | "quit" | "input" as name)):
                found.add(name)
            case ast.Name("SystemExit" as name):
                found.add(name)
            case ast.Attribute(ast.Name("sys" | "os" as module), name) if name in (
                "argv",
                "exit",
                "_exit",
                "stdout",
                "stderr",
                "stdin",
                "chdir",
            ):
                found.add(f"{module}.{name}")
    return found


USE_CASES = [*modules("spacelang/api"), *modules("runtime/spacelang_runtime/app")]


@pytest.mark.parametrize("path", USE_CASES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_front_door_and_the_use_cases_neither_print_nor_end_the_process(path: Path) -> None:
    assert spoken(path) == set()


@pytest.mark.parametrize("path", modules("spacelang"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_runtime_is_imported_when_it_is_needed(path: Path) -> None:
    """But for what a `Failure` is, which everybody has to know."""
    names = {name for name in imported_at_top(path) if name.split(".")[0] == "spacelang_runtime"}
    assert names <= {"spacelang_runtime.failure"}


def test_use_cases_are_imported_without_torch() -> None:
    files = modules("runtime/spacelang_runtime/app")
    names = [f"spacelang_runtime.app.{path.stem}" for path in files if path.stem != "__init__"]
    assert len(names) > 8
    assert "torch" not in loaded(f"import {', '.join(names)}")


def test_what_a_library_does_not_do_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("import os, sys, typer\nprint(sys.argv)\nos.chdir('/')\nraise SystemExit\n")
    assert spoken(path) == {"typer", "print", "sys.argv", "os.chdir", "SystemExit"}


def tree(folder: Path, **files: str) -> Graph:
    """The graph of a package `p` of the files given: `a__x` is p/a/x.py."""
    for name, text in ({"__init__": ""} | files).items():
        path = folder / "p" / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return graph_of(folder / "p")


IMPORTS = {
    "at the top": "from p.b.y import thing",
    "of the module": "import p.b.y",
    "of a module from its package": "from p.b import y",
    "under another name": "from p.b import y as other",
    "in a function": "def f():\n    from p.b.y import thing",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b.y import thing",
    "relative": "from ..b.y import thing",
    "relative, of a module": "from ..b import y",
}


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS)
def test_an_arrow_up_the_layers_is_found(text: str, tmp_path: Path) -> None:
    graph = tree(tmp_path, a__x=text, b__y="thing = 1")
    assert wrong_arrows(graph, "p", [], ["b", "a"]) == []
    assert wrong_arrows(graph, "p", [], ["a", "b"]) == ["p.a.x imports p.b.y"]


def test_a_module_of_the_root_imports_no_layer(tmp_path: Path) -> None:
    graph = tree(tmp_path, failure="import p.a.x", a__x="from p import failure")
    assert wrong_arrows(graph, "p", ["failure"], ["a"]) == ["p.failure imports p.a.x"]


def test_a_folder_has_to_be_in_a_layer(tmp_path: Path) -> None:
    graph = tree(tmp_path, a__x="", c__z="", lone="")
    assert wrong_arrows(graph, "p", [], ["a"]) == ["p.c.z is in no layer", "p.lone is in no layer"]


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS)
def test_a_circle_of_files_is_found(text: str, tmp_path: Path) -> None:
    assert set(circle(tree(tmp_path, a__x=text, b__y="from p.a.x import f"))) == {"p.a.x", "p.b.y"}


def test_a_circle_of_folders_is_found_where_no_files_make_one(tmp_path: Path) -> None:
    files = {"a__x": "import p.b.y", "b__y": "", "b__z": "import p.c.w", "c__w": "import p.a.v", "a__v": ""}
    assert set(circle(tree(tmp_path, **files))) == {"p.a", "p.b", "p.c"}


def test_a_circle_deep_inside_a_folder_is_found(tmp_path: Path) -> None:
    files = {"a__b__x": "import p.a.y", "a__y": "import p.a.b.z", "a__b__z": ""}
    assert set(circle(tree(tmp_path, **files))) == {"p.a.b", "p.a.y"}


def test_folders_that_import_one_way_make_no_circle(tmp_path: Path) -> None:
    files = {"a__x": "import p.b.y\nimport p.a.v", "a__v": "import p.b.z", "b__y": "import p.b.z", "b__z": ""}
    assert circle(tree(tmp_path, **files)) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("nn.supernet", "fused.backend"),
        ("ops.attention", "nn.network"),
        ("engine.supernet", "search.scoring"),
        ("data.dataset", "engine.distributed"),
        ("atomic", "data.cache"),
    ],
)
def test_a_wrong_arrow_in_the_runtime_itself_breaks_the_law(importer: str, imported: str, imports: Graph) -> None:
    one, other = f"spacelang_runtime.{importer}", f"spacelang_runtime.{imported}"
    spoiled = {**imports, one: imports[one] | {other}}
    assert wrong_arrows(spoiled, "spacelang_runtime", ROOT_MODULES, LAYERS) == [f"{one} imports {other}"]


def test_a_circle_in_the_house_itself_breaks_the_law(imports: Graph) -> None:
    spoiled = {**imports, "spacelang.space": imports["spacelang.space"] | {"spacelang.lower.plan"}}
    assert "spacelang.space" in circle(spoiled)


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


def test_what_scores_networks_loads_no_trainer_and_no_library_that_is_for_trainings() -> None:
    code = """
import spacelang_runtime.search.evolve, spacelang_runtime.search.images, spacelang_runtime.tasks.supernet.data
from spacelang_runtime.data.digits import written
written()
"""
    assert loaded(code).isdisjoint({"timm", "torchvision", "sklearn", "scipy", "spacelang_runtime.engine.train"})


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
