"""Other texts as an editor has them: an open one as it stands on the screen, any other from its file."""

from __future__ import annotations

from collections.abc import Mapping

from spacelang import project
from spacelang.check.lineage import Loader, UnreadableFile
from spacelang.source import Source


def loader(name: str, buffers: Mapping[str, str]) -> Loader:
    """Reads what the text called `name` is made from. buffers: the open texts by their paths.

    An open text may be one that was never saved; what lies outside the project is refused all the same.
    """
    on_disk = project.loader(name)

    def load(other: str) -> Source | UnreadableFile:
        buffer = on_disk(other)
        if other in buffers and not (isinstance(buffer, UnreadableFile) and buffer.code == "E0604"):
            return Source(other, buffers[other])
        return buffer

    return load
