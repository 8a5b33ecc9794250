"""Ends of a space that a sandwich names, and that the bounds of the same training leave out."""

from __future__ import annotations

from collections.abc import Iterator

from spacelang.check.bounds import measured
from spacelang.check.outline import Outline
from spacelang.diagnostics import Diagnostic, Label, listed
from spacelang.lower.bounds import measured as known
from spacelang.lower.bounds import windows
from spacelang.lower.cells import Legal
from spacelang.lower.chain import inside
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.lowered import existing
from spacelang.lower.price import price
from spacelang.space import Space
from spacelang.syntax import tree


def outside(space: Space, left: Legal, layout: Outline) -> Iterator[Diagnostic]:
    """What is to be said of a space whose training has bounds that some network meets."""
    recipe, chain = space.train, price(space, left)
    mix, ends = recipe.sandwich, {"largest": largest(chain), "smallest": smallest(chain)}
    named = {kind: existing(end) for kind, end in ends.items() if getattr(mix, kind)}
    left_by = {
        bound: [kind for kind, end in named.items() if not inside(chain, end, windows((bound,), chain))]
        for bound in recipe.bounds
        if known(chain, bound.measure)
    }
    broken = [bound for bound, kinds in left_by.items() if kinds]
    out = [kind for kind in named if any(kind in kinds for kinds in left_by.values())]
    block = layout.recipes["train"]
    lines = [line.span for line in block.body if isinstance(line, tree.Setting) and line.name.text == "sandwich"]
    lines = lines or [place for bound in broken for place in measured(block, bound.measure)]
    if not out or not lines or lines[-1].source is not None:
        return  # what is inherited is the other file's business
    one = len(out) == 1
    message = (
        f"the {listed(out, 'and')} network{'' if one else 's'} of the space {'lies' if one else 'lie'} outside of "
        "the bounds of this training"
    )
    kept = " and ".join(map(str, broken))
    note = f"its random networks keep {kept}, and {'this one is' if one else 'these are'} trained besides"
    yield Diagnostic(
        "W0508", message, Label(lines[-1]), notes=(note,), help=f"write `sandwich = {mix.without(out)}`"
    )
