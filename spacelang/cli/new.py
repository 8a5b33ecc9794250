"""`spacelang new`: a space to begin with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.disk import write
from spacelang.cli.terminal import fail


def new(
    name: Annotated[str, typer.Argument(help="The name of the space, or a path such as spaces/mine.space.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented space to begin with."""
    from spacelang import resources

    path = Path(name if name.endswith(".space") else f"{name}.space")
    word = path.stem if name else ""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word):
        meant = re.sub(r"^[0-9]", r"_\g<0>", re.sub(r"[^A-Za-z0-9_]", "_", word)) if name else "mine"
        fail(f"{word!r} is no name of a space", f"a name is of letters, digits and `_`: spacelang new {meant}")
    if path.exists() and not force:
        fail(f"{path} is there already", "choose another name, or write over it with --force")
    starter = (resources.folder("spaces") / "starter.txt").read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, starter.replace("NAME", word))
    print(f"{path}: a space to begin with; next: spacelang check {path}")
