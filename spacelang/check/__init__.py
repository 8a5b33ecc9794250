"""Text to Space. Comes in: a Source. Goes out: a Space, or None, and what was found on the way.

The passes, in order; each says all that it finds, and the next works with what is left:
lineage (the files that the space is made from), declared (measures of one's own), outline (which statement stands
in which scope), values (settings and sets, exact), names (what an expression may mention, and of which kind it is),
dimensions (the nearest line for each stage), rules (requires), recipes, and, where nothing was wrong so far,
feasible (what the rules leave of each stage) and narrowing (whether that is a subset of what it narrows).
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from spacelang.check.declared import unit
from spacelang.check.dimensions import stage_spaces
from spacelang.check.feasible import feasible
from spacelang.check.lineage import LineageFile, Loader, inherited, lineage, nothing, placed
from spacelang.check.outline import Outline, numbered, outline
from spacelang.check.recipes import evolve_recipe, refine_recipe, train_recipe
from spacelang.check.rules import requires
from spacelang.check.scopes import Replaced, replaced
from spacelang.check.trunk import STAND_IN, frame
from spacelang.diagnostics import Diagnostic, Label, errors, first
from spacelang.recipe import Evolve, Refine, Train
from spacelang.source import Source
from spacelang.space import Declared, Space


@frozen
class Checked:
    """A space, or None where there are errors; everything that was found; which lines gave way to nearer ones;
    and the texts that it was made from, the eldest first and the text at hand last."""

    space: Space | None
    diagnostics: tuple[Diagnostic, ...]
    replaced: tuple[Replaced, ...] = ()
    sources: tuple[Source, ...] = ()


def compile_text(source: Source, load: Loader = nothing) -> Checked:
    """The space that a text describes. load: how the texts that it extends are had."""
    family = lineage(source, load)
    sources = tuple(member.source for member in family.members)
    checked = check(*family.members)
    if errors(family.diagnostics):
        # What could be read is checked too, so that all errors come at once. Where a statement could not be
        # read, what is missing may only be missing with it, so that is not held against the text.
        excused = () if family.whole else _ABSENCES
        rest = [d for d in errors(checked.diagnostics) if d.code not in excused]
        return Checked(None, first((*family.diagnostics, *rest)), sources=sources)
    # A warning about an inherited line is the other file's business.
    found = [d for d in checked.diagnostics if d.severity == "error" or d.label.span.source is None]
    if checked.space is not None:
        found += _narrowings(family.members, checked)
    space = None if errors(found) else checked.space
    return Checked(space, first((*family.diagnostics, *found)), checked.replaced, sources)


_ABSENCES = ("E0201", "E0202", "E0210", "E0211", "E0212", "E0228")


def check(*members: LineageFile) -> Checked:
    """The space that the files of a lineage describe together, the eldest first."""
    found: list[Diagnostic] = []
    layouts = _outlines(members, found)
    layout = inherited(layouts)
    numbered(layout, found)
    trunk = frame(layout, found)
    # Where the root is wrong, the rest is looked at all the same, so that all errors come at once.
    stages = stage_spaces(layout, trunk or STAND_IN, found)
    rules = requires(layout, trunk or STAND_IN, stages, found)
    shapeless = bool(errors(found)) or trunk is None
    train, evolve, refine = Train(), Evolve(), Refine()
    for each in layouts:
        train, evolve = train_recipe(each, found, train), evolve_recipe(each, found, evolve)
        refine = refine_recipe(each, found, refine)
    if shapeless or trunk is None or layout.name is None or layout.edition is None:
        return Checked(None, tuple(found))
    measures = tuple(Declared(name, unit(one)) for name, one in sorted(layout.measures.items()))
    space = Space(layout.name, layout.edition, trunk, stages, rules, train, evolve, refine, measures)
    found += feasible(space, layout)
    return Checked(None if errors(found) else space, tuple(found), replaced(layouts))


def _outlines(members: tuple[LineageFile, ...], found: list[Diagnostic]) -> list[Outline]:
    layouts: list[Outline] = []
    for member in members:
        own: list[Diagnostic] = []
        layouts.append(outline(member.file, own, layouts[-1].measures if layouts else {}))
        found += own if member is members[-1] else placed(tuple(own), member.source)
    return layouts


def _narrowings(members: tuple[LineageFile, ...], whole: Checked) -> Iterator[Diagnostic]:
    """What keeps the files of a lineage from being narrower than those that they narrow. whole: what they describe
    together."""
    for number, member in enumerate(members):
        if member.link is None or not member.link.narrows:
            continue
        from spacelang.check.narrowing import beyond  # most spaces narrow nothing, and need not wait for it

        wider = check(*members[:number])
        narrower = whole if member is members[-1] else check(*members[: number + 1])
        if wider.space is None:
            message = "the space that this one narrows has errors of its own"
            yield Diagnostic("E0608", message, Label(member.link.span))
            yield from errors(placed(wider.diagnostics, members[number - 1].source))
        elif narrower.space is not None:
            layout = inherited(_outlines(members[: number + 1], []))
            yield from beyond(narrower.space, layout, wider.space, member.link)
