"""`spacelang compile`: a space as JSON, for other programs to read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.disk import write
from spacelang.cli.terminal import fail, say
from spacelang.cli.texts import compiled, open_text
from spacelang.space import Space


def compile_(
    file: Annotated[Path, typer.Argument(help="A .space file; - for standard input.", metavar="FILE")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write; default: print.")] = None,
    configspace: Annotated[bool, typer.Option("--configspace", help="Write ConfigSpace's JSON instead.")] = False,
) -> None:
    """Write a checked space as JSON: exact, versioned, and the same on every machine."""
    from spacelang import interchange

    space = compiled(open_text(file))
    text = _configspace(space) if configspace else interchange.to_json(space)
    if output is None:
        sys.stdout.write(text)
    else:
        write(output, text)
        say(f"{output}: written" if configspace else f"{output}: SHA-256 {interchange.digest(space)}")


def _configspace(space: Space) -> str:
    from spacelang.configspace import NotExpressible, to_configspace
    from spacelang.lower.lowered import lower

    try:
        record = to_configspace(lower(space))
    except NotExpressible as reason:
        fail(
            f"{space.name} cannot be said in ConfigSpace's terms: {reason}", "write its own JSON: no --configspace"
        )
    if space.evolve.bounds:
        say("the bounds of `evolve` are left out: ConfigSpace has no conditions on a whole network")
    return json.dumps(record, indent=1) + "\n"
