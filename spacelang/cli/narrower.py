"""A space that is searched on the supernet of another, which it must be part of."""

from __future__ import annotations

from pathlib import Path

import attrs

from spacelang.cli.terminal import fail
from spacelang.cli.texts import compiled, open_text
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.subset import new, said


def narrower(path: Path, wider: Lowered) -> Lowered:
    """The space of a file, every network of which is one of the wider space; exit code 1 with what is new in it
    where that is not so. The number of classes is the wider space's: it came with the data."""
    source = open_text(path)
    space = compiled(source)
    frame = attrs.evolve(space.frame, classes=wider.space.frame.classes)
    lowered = lower(attrs.evolve(space, frame=frame))
    found = new((frame, lowered.legal), (wider.space.frame, wider.legal))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        fail(
            f"{source.name} is not part of the space {wider.space.name}, which the supernet was trained on: "
            f"{said(found[0])}{more}",
            f'write `narrows "….space"` in {source.name}, and `spacelang check` shows each place',
        )
    return lowered
