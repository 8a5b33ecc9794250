"""`spacelang cache`: what decoded images lie on the disk."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from spacelang.cli.terminal import console, grid, say


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove them all; runs decode anew what they need.")
    ] = False,
) -> None:
    """Show the decoded images that training keeps on the disk: where they lie, and how big they are.

    They lie in `$SPACELANG_CACHE`, else in `spacelang` in the user's cache (`$XDG_CACHE_HOME` or `~/.cache`).
    """
    from spacelang_runtime import cache as decoded

    if clear:
        say(f"removed {_size(decoded.clear())} from {decoded.folder()}")
        return
    kept = decoded.every()
    if not kept:
        say(f"nothing is kept in {decoded.folder()}")
        return
    body = [
        [
            one.of,
            _size(one.size),
            f"{datetime.fromtimestamp(one.used):%Y-%m-%d %H:%M}",
            one.place.name,
        ]
        for one in kept
    ]
    out = console()
    out.print(f"{decoded.folder()}   {_size(sum(one.size for one in kept))}; spacelang cache --clear removes them")
    out.print()
    out.print(grid(["decoded", "size", "last used", "place"], body))


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
