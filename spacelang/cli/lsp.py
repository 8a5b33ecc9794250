"""`spacelang lsp`: the editor service."""

from __future__ import annotations

from typing import Annotated

import typer

from spacelang.cli.terminal import fail


def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak over standard input and output, as always.")
    ] = False,
) -> None:
    """Serve an editor: what is wrong as you type, what words mean, what may be typed, and the mends.

    The editor starts this command; see editors/vscode.
    """
    from importlib.metadata import version
    from importlib.util import find_spec

    if find_spec("pygls") is None:
        fail("the editor service needs pygls", "pip install 'spacelang[lsp]'")
    from spacelang.lsp.server import serve, server

    serve(server(version("spacelang")))
