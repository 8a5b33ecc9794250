"""Tree to Space. Comes in: a `tree.File`. Goes out: a Space, or None, and what was found on the way.

The passes, in order; each says all that it finds, and the next works with what is left:
outline (which statement stands in which scope), values (settings and sets, exact), names (what an expression
may mention, and of which kind it is), dimensions (the nearest line for each stage), rules (requires), recipes,
and, where nothing was wrong so far, feasible (what the rules leave of each stage).
"""

from __future__ import annotations

from attrs import frozen

from spacelang.check.dimensions import Replaced, replaced, stage_spaces
from spacelang.check.feasible import feasible
from spacelang.check.outline import Outline, outline
from spacelang.check.recipes import evolve_recipe, train_recipe
from spacelang.check.rules import requires
from spacelang.check.trunk import frame
from spacelang.diagnostics import Diagnostic, errors
from spacelang.source import Source
from spacelang.space import Space
from spacelang.syntax import parse, tree


@frozen
class Checked:
    """A space, or None where there are errors; everything that was found; and which lines gave way to nearer
    ones."""

    space: Space | None
    diagnostics: tuple[Diagnostic, ...]
    replaced: tuple[Replaced, ...] = ()


def compile_text(source: Source) -> Checked:
    """The space that a text describes."""
    parsed = parse(source)
    if errors(parsed.diagnostics):
        # What could be read is checked too, so that all errors come at once; what is missing may only be
        # missing because its statement could not be read, so that is not held against the text.
        rest = [d for d in check(parsed.file).diagnostics if d.code not in _ABSENCES]
        return Checked(None, (*parsed.diagnostics, *rest))
    checked = check(parsed.file)
    return Checked(checked.space, (*parsed.diagnostics, *checked.diagnostics), checked.replaced)


_ABSENCES = ("E0201", "E0202", "E0210", "E0211", "E0212")


def check(file: tree.File) -> Checked:
    """The space that a tree describes."""
    found: list[Diagnostic] = []
    layout = outline(file, found)
    trunk = frame(layout, found)
    if trunk is None:
        return Checked(None, tuple(found))
    stages = stage_spaces(layout, trunk, found)
    rules = requires(layout, trunk, found)
    train = train_recipe(layout, found)
    evolve = evolve_recipe(layout, found)
    if errors(found) or layout.name is None or layout.edition is None:
        return Checked(None, tuple(found))
    space = Space(layout.name, layout.edition, trunk, stages, rules, train, evolve)
    found += feasible(space, _anchor(layout))
    return Checked(None if errors(found) else space, tuple(found), replaced(layout))


def _anchor(layout: Outline) -> dict[int, tree.Block]:
    return {number: stage.block for number, stage in layout.stages.items()}
