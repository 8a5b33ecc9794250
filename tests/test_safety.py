"""What no file of the house does: run what it reads, or hush an error that it does not know."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path for folder in ("spacelang", "runtime", "benchmarks", "findings") for path in (ROOT / folder).rglob("*.py")
)
RUNNERS = {
    *(f"{module}.{name}" for module in ("pickle", "marshal") for name in ("load", "loads", "dump", "dumps")),
    "pickle.Unpickler",
    "pickle.Pickler",
    "shelve.open",
    "joblib.load",
    "eval",
    "exec",
}

# Who may catch everything, and why. All but the first pass the error on.
BROAD = {
    "benchmarks/fuzz.py": 1,  # what is not known is what it looks for
    "data/decode.py": 4,  # damaged pictures make decoders raise nearly anything
    "data/prefetch.py": 1,  # raised again where it is waited for
    "export/sessions/opened.py": 1,  # each runtime has errors of its own
    "export/written.py": 1,  # so has each converter
    "engine/run.py": 1,  # raised again once the run is taken away
    "tasks/segment/layout.py": 1,  # damaged pictures, as above
    "tasks/supernet/teacher.py": 1,  # a download, a file or a name of a model from elsewhere
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def runs_what_it_reads(tree: ast.AST) -> list[str]:
    """The calls that unpickle, or might."""
    wrong = []
    for name, call in calls(tree):
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if (
            name in RUNNERS
            or (name == "torch.load" and words.get("weights_only") != "True")
            or words.get("allow_pickle") == "True"
            or (name in ("Lark", "lark.Lark") and "cache" in words)
        ):
            wrong.append(f"line {call.lineno}: {ast.unparse(call)}")
    named = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module in ("pickle", "marshal")
    ]
    return wrong + named


def catches_everything(tree: ast.AST) -> list[str]:
    """The places that catch every error there is."""

    def broad(kind: ast.expr | None) -> bool:
        kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
        return any(one is None or ast.unparse(one) in ("Exception", "BaseException") for one in kinds)

    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and broad(node.type)]
    hushed = [call for name, call in calls(tree) if name.endswith("suppress") and any(map(broad, call.args))]
    return [f"line {node.lineno}" for node in (*handlers, *hushed)]


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_is_run(path: Path) -> None:
    assert runs_what_it_reads(parsed(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_catches_every_error_but_those_that_have_a_reason(path: Path) -> None:
    known = next((count for end, count in BROAD.items() if path.as_posix().endswith(end)), 0)
    assert len(catches_everything(parsed(path))) == known, "narrow it, or give it a reason here"


SPOILED: dict[str, tuple[Callable[[ast.AST], list[str]], str]] = {
    "a pickle": (runs_what_it_reads, "import pickle\npickle.load(file)"),
    "a pickle by its name": (runs_what_it_reads, "from pickle import load"),
    "a checkpoint that may hold code": (runs_what_it_reads, "torch.load(path)"),
    "a checkpoint that is let to hold code": (runs_what_it_reads, "torch.load(path, weights_only=False)"),
    "arrays of objects": (runs_what_it_reads, "np.load(path, allow_pickle=True)"),
    "tables in a cache of lark's": (runs_what_it_reads, "Lark(text, cache=True)"),
    "a bare except": (catches_everything, "try:\n  f()\nexcept:\n  pass"),
    "an except of everything": (catches_everything, "try:\n  f()\nexcept (OSError, Exception):\n  pass"),
    "a suppress of everything": (catches_everything, "with contextlib.suppress(Exception):\n  f()"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_the_laws_find(case: str) -> None:
    law, text = SPOILED[case]
    assert law(ast.parse(text))
