"""`narrows`: the proof that every network of a space is one of the other, or the options that are new."""

from __future__ import annotations

from collections.abc import Iterator

from spacelang.check.outline import Outline
from spacelang.diagnostics import Diagnostic, Label
from spacelang.expression import Name, walk
from spacelang.language.dimensions import LAYER_NAMES
from spacelang.lower.cells import Legal
from spacelang.lower.legal import legal
from spacelang.lower.subset import (
    New,
    NewCombination,
    NewNeighbours,
    NewNetwork,
    NewOptions,
    NewSetting,
    NewStages,
    new,
    said,
)
from spacelang.source import Span
from spacelang.space import Derived, Dimension, Space, StageSpace
from spacelang.syntax import tree
from spacelang.table import listed


def beyond(space: Space, layout: Outline, wider: Space, link: tree.Extends) -> Iterator[Diagnostic]:
    """What a space has that the one which it narrows has not. layout: of the space; link: its `narrows`."""
    options, known = legal(space), legal(wider)
    assert isinstance(options, Legal)
    assert isinstance(known, Legal), "both are checked spaces"
    found = new((space.frame, options), (wider.frame, known))
    decided = {
        d.stage for d in found if isinstance(d, NewOptions) and not isinstance(_dimension(space, d), Derived)
    }
    for difference in found:
        # What follows from an option that is new itself is not worth a word of its own.
        match difference:
            case NewOptions(stage) if stage in decided and isinstance(_dimension(space, difference), Derived):
                continue
        yield _finding(difference, space, layout, wider, link)


def _dimension(space: Space, options: NewOptions) -> Dimension:
    dimension: Dimension = getattr(space.stages[options.stage - 1], options.dimension)
    return dimension


def _finding(difference: New, space: Space, layout: Outline, wider: Space, link: tree.Extends) -> Diagnostic:
    message = said(difference)
    note = f"`narrows` promises that every network of {space.name} is one of {wider.name}"
    match difference:
        case NewSetting(name):
            line = layout.root.get(name)
            label = Label(_own(line.span if line else None, link))
            help_ = "leave it as it is there; a space that may change anything `extends` the other"
            return Diagnostic("E0610", message, label, notes=(note,), help=help_)
        case NewOptions(stage, dimension, _, known):
            span = _place(_dimension(space, difference), space.stages[stage - 1], link)
            wide = getattr(wider.stages[stage - 1], dimension).span
            others = (Label(wide, f"{wider.name} has {listed(known)}"),) if wide and wide != span else ()
            there = None if others else f"{wider.name} has {listed(known)}"
            return Diagnostic("E0611", message, Label(span), others=others, notes=(note,), help=there)
        case NewStages() | NewCombination() | NewNeighbours() | NewNetwork():
            return Diagnostic("E0612", message, Label(link.span), notes=(note,))


def _place(dimension: Dimension, stage: StageSpace, link: tree.Extends) -> Span:
    """Where a dimension is decided; of one that is derived by an inherited line, where what it derives from is."""
    spans = [dimension.span]
    if isinstance(dimension, Derived):
        names = [part.name for part in walk(dimension.expression) if isinstance(part, Name)]
        spans += [getattr(stage, name).span for name in names if name in LAYER_NAMES]
    return next((own for span in spans if (own := _own(span, link)) != link.span), link.span)


def _own(span: Span | None, link: tree.Extends) -> Span:
    """A place in the file of the link, or the link where the line is inherited."""
    return span if span is not None and span.source == link.span.source else link.span
