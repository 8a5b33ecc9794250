"""`spacelang compile`: a space as JSON, for other programs to read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spacelang.api.space import Space
from spacelang.cli.disk import write
from spacelang.cli.terminal import refused, say
from spacelang.cli.texts import loaded


def compile_(
    file: Annotated[Path, typer.Argument(help="A .space file; - for standard input.", metavar="FILE")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write; default: print.")] = None,
    configspace: Annotated[bool, typer.Option("--configspace", help="Write ConfigSpace's JSON instead.")] = False,
) -> None:
    """Write a checked space as JSON: exact, versioned, and the same on every machine."""
    space = loaded(file)
    text = _configspace(space) if configspace else space.to_json()
    if output is None:
        sys.stdout.write(text)
    else:
        write(output, text)
        say(f"{output}: written" if configspace else f"{output}: SHA-256 {space.digest}")


def _configspace(space: Space) -> str:
    with refused():
        text = space.to_configspace()
    if space.checked.evolve.bounds:
        say("the bounds of `evolve` are left out: ConfigSpace has no conditions on a whole network")
    return text
