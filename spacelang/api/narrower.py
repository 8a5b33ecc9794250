"""A space that is searched on the supernet of another, which it must be part of."""

from __future__ import annotations

import attrs

from spacelang.api.space import Space
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.subset import new, said
from spacelang_runtime.failure import Failure


def narrower(space: Space, wider: Lowered) -> Lowered:
    """A space, every network of which is one of the wider space. The number of classes is the wider space's: it
    came with the data. Raises `Failure` with what is new in it where that is not so."""
    frame = attrs.evolve(space.checked.frame, classes=wider.space.frame.classes)
    lowered = lower(attrs.evolve(space.checked, frame=frame))
    found = new((frame, lowered.legal), (wider.space.frame, wider.legal))
    if found:
        name = space.source.name if space.source else space.name
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise Failure(
            f"{name} is not part of the space {wider.space.name}, which the supernet was trained on: "
            f"{said(found[0])}{more}",
            f'write `narrows "….space"` in {name}, and `spacelang check` shows each place',
        )
    return lowered
