"""Work that goes on where it was stopped when the same command is given again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spacelang.cli.stop import STOPPED
from spacelang.cli.terminal import fail
from spacelang.runs import AGAIN


@contextmanager
def resumable() -> Iterator[None]:
    """Ctrl-C inside ends the command as anywhere, and says that nothing scored is lost."""
    try:
        yield
    except KeyboardInterrupt:
        fail("stopped", f"every score is kept: {AGAIN}", STOPPED)
