"""Where a command is to write its file: seen to before the work begins."""

from __future__ import annotations

from pathlib import Path

from spacelang.cli.terminal import refused


def vacant(path: Path | None, what: str) -> None:
    """End the command where no file can come to be at `path`; what was to be written there is `what`."""
    from spacelang_runtime.atomic import require_place

    if path is not None:
        with refused():
            require_place(path, what)
