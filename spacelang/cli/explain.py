"""`spacelang explain`: the whole story of a code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from spacelang.cli.terminal import console, fail


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as E0301; without one, all are listed.")] = None,
) -> None:
    """Tell what a diagnostic means, with a wrong example and a right one."""
    from spacelang.codes import TITLES, page
    from spacelang.diagnostics import nearest

    if code is None:
        for known, title in TITLES.items():
            print(f"{known}  {title}")
        return
    asked = code.upper() if not code.isdigit() else f"E{int(code):04d}"
    if asked not in TITLES:
        near = nearest(asked.lower(), [known.lower() for known in TITLES])
        fail(
            f"there is no code {code}",
            f"did you mean {near.upper()}?" if near else "spacelang explain lists all codes",
        )
    text = page(asked)
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.markdown import Markdown

    console().print(Markdown(text, code_theme="ansi_dark"))
