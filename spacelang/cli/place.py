"""Where a command is to write its file: seen to before the work begins."""

from __future__ import annotations

from pathlib import Path

from spacelang.cli.terminal import fail


def vacant(path: Path | None, what: str) -> None:
    """End the command where no file can come to be at `path`; what was to be written there is `what`."""
    if path is None:
        return
    if path.is_dir():
        fail(f"{path} is a folder, and {what} is one file", f"name a file, such as {path / 'NAME'}")
    if not path.parent.is_dir():
        fail(f"there is no folder {path.parent}", f"make it, or write {what} elsewhere")
