"""What the verbs of a run need of it. Each verb stands in a file of its own, as a function of the run, and is a
method of `Run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spacelang.api.space import Space
    from spacelang_runtime.engine.run import RunFolder

Say = Callable[[str], None]


class TrainedRun(Protocol):
    """A run. kept: the value that the runtime works on. space: the one whose supernet it is."""

    @property
    def kept(self) -> RunFolder: ...
    @property
    def space(self) -> Space: ...
    @property
    def folder(self) -> Path: ...


def silent(_: object) -> None:
    """Tells nobody."""
