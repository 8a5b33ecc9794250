"""`spacelang cache`: what lies in the user's cache."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from spacelang.cli.terminal import console, grid, say


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove it all; what is needed again is made again.")
    ] = False,
) -> None:
    """Show what is kept between commands: decoded images, and what the exact arithmetic has counted.

    It lies in a folder `spacelang` in `$SPACELANG_CACHE`, else in the user's cache (`$XDG_CACHE_HOME` or
    `~/.cache`).
    """
    from spacelang_runtime.data import cache as decoded

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
    out.print(f"{decoded.folder()}   {_size(sum(one.size for one in kept))}; spacelang cache --clear removes it")
    out.print()
    out.print(grid(["kept", "size", "last used", "place"], body))


def _size(count: int) -> str:
    for name, unit in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / 2**10:.0f} KiB"
