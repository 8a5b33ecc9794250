"""Where the grammar, the shipped spaces and the pages of the codes lie: in an installed wheel beside this module,
in a checkout beside the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_A_CHECKOUT = {"errors": "docs/errors"}


def folder(name: str) -> Path:
    """The folder `grammars`, `spaces` or `errors`."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / _IN_A_CHECKOUT.get(name, name)
