"""What the rules leave of a space: nothing, which is an error and is explained; or less than was written, which
is a warning at each option that no network can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from spacelang.amount import short
from spacelang.check.bounds import measured
from spacelang.check.outline import Outline
from spacelang.diagnostics import Diagnostic, Label, listed
from spacelang.expression import Binary, Constant, Expression, Number, decimal, mentions, totals, walk
from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.lower.cells import Legal
from spacelang.lower.layers import Unbuildable
from spacelang.lower.legal import legal
from spacelang.lower.too_many import TooMany
from spacelang.source import Span
from spacelang.space import Derived, Dimension, Option, Searched, Settled, Space, StageSpace, Tie, dimensions, tied

_FRAME = ("image", "patch", "channels", "classes")
MOST_LOOKS = 1_000_000  # at a value of a rule or a dimension, in all; each takes about a microsecond
MOST_PRICED = 20_000  # layers that are priced to check a bound; beyond it the search itself says what it can meet


def feasible(space: Space, layout: Outline) -> Iterator[Diagnostic]:
    """What is wrong with a space whose every line is right by itself. layout: where it was written."""
    blocks = {number: stage.block.span for number, stage in layout.stages.items()}
    left = built(space, blocks)
    if not isinstance(left, Legal):
        yield from left
        return
    for number, stage in enumerate(space.stages, 1):
        side = space.frame.side(number - 1)
        for name, dimension in dimensions(stage):
            told = any(name in tied(each, "network") for each in space.stages[: number - 1])
            if isinstance(dimension, Searched) and not (dimension.tied == "network" and told):
                yield from _unused(number, name, dimension, side, left)
        yield from _windows(number, stage.window, side, blocks[number])
    yield from _bounds(space, left, layout)


def built(space: Space, blocks: Mapping[int, Span]) -> Legal | tuple[Diagnostic, ...]:
    """The legal options of a space that holds networks, or why it cannot be built. blocks: the place of each
    stage."""
    looks = {number: _looks(space, number) for number in blocks}
    if sum(looks.values()) > MOST_LOOKS:
        worst = max(looks, key=lambda number: looks[number])
        message = f"stage {worst} has too many combinations of values to be checked"
        note = f"they take {short(looks[worst])} looks; {short(MOST_LOOKS)} are the most in a space"
        help_ = "take fewer options, a longer step, or fewer rules"
        return (Diagnostic("E0340", message, Label(blocks[worst]), notes=(note,), help=help_),)
    try:
        left = legal(space)
    except TooMany:
        stated = [rule.expression for rule in space.requires if totals(rule.expression)]
        stated += [bound.total for bound in space.bounds if bound.total]
        message = "the totals of this space take too many values to be checked"
        help_ = "take fewer layers or options, or fewer totals at once, of smaller numbers"
        return (Diagnostic("E0340", message, Label(stated[0].span or blocks[1]), help=help_),)
    if not isinstance(left, Legal):
        # One dimension that fails tends to fail for many values: the first tells it all.
        first = {(problem.stage, problem.dimension): problem for problem in reversed(left)}
        return tuple(_unbuildable(problem, blocks[problem.stage]) for problem in first.values())
    if not all(left.stages):
        from spacelang.check.conflict import empty  # a space that holds networks need not wait for it

        return (empty(space, blocks, max(1, MOST_LOOKS // (4 * sum(looks.values())))),)
    return left


def _looks(space: Space, number: int) -> int:
    """How many values are looked at to find what the rules leave of a stage."""
    stage = space.stages[number - 1]
    rules = [rule for rule in space.requires if rule.stage in (None, number)]
    derived = [d.expression for _, d in dimensions(stage) if isinstance(d, Derived)]
    weight = {"stage": 1, "layer": 5 + sum(map(_weight, derived))}
    for rule in rules:
        weight["stage" if rule.level == "network" else rule.level] += _weight(rule.expression)
    # Where nothing speaks of the depth, all depths share one answer.
    deep = any(mentions(expression, "depth") for expression in (*derived, *(rule.expression for rule in rules)))
    before = space.stages[number - 2] if number > 1 else None
    layers = prod(_size(getattr(stage, name), None) for name in (*LAYER_DIMENSIONS, "head_dim"))
    judged = (_cells(before, deep) if before else 1) * _cells(stage, True) * weight["stage"]
    linked = (_cells(before, True) if before else 1) * _cells(stage, True) * 2
    once = {name: getattr(each, name) for each in space.stages for name in tied(each, "network")}
    roots = prod(len(dimension.options) for dimension in once.values())
    return roots * (judged + linked + _cells(stage, deep) * layers * weight["layer"])


def _cells(stage: StageSpace, deep: bool) -> int:
    shared = prod(_size(getattr(stage, name), "stage") for name in LAYER_DIMENSIONS)
    return shared * _size(stage.embed, None) * (_size(stage.depth, None) if deep else 1)


def _size(dimension: Dimension, tie: Tie | None) -> int:
    """How many options a dimension has where it is chosen once for this."""
    return len(dimension.options) if isinstance(dimension, Searched) and dimension.tied == tie else 1


def _weight(expression: Expression) -> int:
    """How long an expression takes, in looks: fractions take longer than whole numbers."""
    slow = [
        part
        for part in walk(expression)
        if (isinstance(part, Binary) and part.operator == "/")
        or (isinstance(part, Constant) and part.value.denominator > 1)
    ]
    return sum(1 for _ in walk(expression)) + 8 * len(slow)


def _bounds(space: Space, left: Legal, layout: Outline) -> Iterator[Diagnostic]:
    """Bounds of the recipes that no network meets, and those that every network meets."""
    priced = sum(
        len({(cell.embed, cell.tied, cell.root) for cell in cells}) * len(cells[0].options) for cells in left.stages
    )
    stated = {"train": space.train.bounds, "evolve": space.evolve.bounds, "refine": space.refine.bounds}
    written = [
        (layout.recipes[name], bound)
        for name, bounds in stated.items()
        if name in layout.recipes
        for bound in bounds
    ]
    if not written or priced > MOST_PRICED:
        return
    from spacelang.check.spending import beyond, ends, needless  # a space without bounds need not wait for it

    found = ends(space, left)
    bounded = space.train.bounds if "train" in layout.recipes else ()
    if bounded and not any(beyond(bound, found) for bound in bounded):
        from spacelang.check.sandwich import outside

        yield from outside(space, left, layout)
    for block, bound in written:
        places = measured(block, bound.measure) or [block.span]
        if places[-1].source is not None:
            continue  # an inherited bound is the other file's business, and the search's
        refusal = beyond(bound, found)
        if refusal:
            yield Diagnostic("E0348", refusal.message, Label(places[-1]), (), refusal.notes, refusal.help)
        elif span := needless(bound, found):
            message = f"every network of the space meets this bound on {bound.measure}"
            note = f"they have {short(span[0])} to {short(span[1])}"
            help_ = "tighten the bound, or delete it"
            yield Diagnostic("W0505", message, Label(places[-1]), notes=(note,), help=help_)


def _unbuildable(problem: Unbuildable, block: Span) -> Diagnostic:
    span = problem.span or block
    values = problem.values
    match problem.dimension:
        case "mlp":
            mlp, embed = values["mlp"], values["embed"]
            message = (
                f"stage {problem.stage}: an mlp of {decimal(mlp)} times {embed} channels is "
                f"{decimal(mlp * embed)}, which is not a whole number of channels"
            )
            help_ = "change the ratio or the width, or rule the pair out by `require each layer: …`"
            return Diagnostic("E0341", message, Label(span), help=help_)
        case "require":
            where = ", ".join(f"{name} = {decimal(value)}" for name, value in values.items() if name not in _FRAME)
            note = f"in stage {problem.stage}, with {where}"
            help_ = "add a rule that leaves these values out, or write the rule without the division"
            return Diagnostic("E0342", problem.reason, Label(span), notes=(note,), help=help_)
        case name:
            where = ", ".join(f"{k} = {decimal(v)}" for k, v in values.items() if k not in (*_FRAME, name))
            notes = (f"with {where}",) if where else ()
            if name not in values:
                message = f"stage {problem.stage}: `{name}` cannot be computed: {problem.reason}"
                help_ = "leave out the values with which it has none"
                return Diagnostic("E0346", message, Label(span), notes=notes, help=help_)
            message = f"stage {problem.stage}: `{name}` comes to {decimal(values[name])}, which {problem.reason}"
            help_ = f"choose options with which `{name}` comes out whole"
            return Diagnostic("E0343", message, Label(span), notes=notes, help=help_)


def _shown(value: Option) -> str:
    return value if isinstance(value, str) else decimal(value)


def _unused(number: int, name: str, dimension: Searched, side: int, left: Legal) -> Iterator[Diagnostic]:
    """Options that no network of the space takes, and windows that clip to one another."""
    cells = left.stages[number - 1]
    used: set[Number | str]
    match name:
        case "depth" | "embed":
            used = {getattr(cell, name) for cell in cells}
        case _:
            used = {getattr(layer, name) for cell in cells for layer in cell.options}
    span = dimension.span or Span(0, 1)
    options = dimension.options
    if name == "window":
        once = dimension.tied == "network"  # then another stage may tell apart what is the same here
        whole = [o for o in options if not isinstance(o, str) and o >= side]
        if len(whole) > 1 and not once:
            yield _one_window(number, options, whole, side, span)
        options = tuple(dict.fromkeys(o if isinstance(o, str) else min(o, side) for o in options))
    dead = [option for option in options if option not in used]
    if dead:
        which = listed([_shown(o) for o in dead], "and")
        verb = "is" if len(dead) == 1 else "are"
        message = f"stage {number}: no network can take `{name}` of {which}"
        yield Diagnostic(
            "W0502", message, Label(span), help=f"the rules leave no use for it: {which} {verb} safe to delete"
        )


def _one_window(
    number: int, options: Sequence[Option], whole: Sequence[Number], side: int, span: Span
) -> Diagnostic:
    """Windows of a stage that cover its map. whole: these, of all its options."""
    same, every = listed([decimal(o) for o in whole], "and"), "both" if len(whole) == 2 else "all"
    message = f"stage {number}: windows of {same} {every} cover its whole {side}×{side} map, and are one option"
    kept = [_shown(o) for o in options if o not in whole[1:]]
    line = f"window = {kept[0]}" if len(kept) == 1 else f"window in {{{', '.join(kept)}}}"
    return Diagnostic("W0501", message, Label(span), help=f"`{line}` in stage {number} has the same networks")


def _windows(number: int, window: Dimension, side: int, stage: Span) -> Iterator[Diagnostic]:
    """Windows that do not divide the map cost more than they cover: the map is padded."""
    match window:
        case Settled(value):
            options: tuple[Option, ...] = (value,)
        case Searched(options):
            pass
        case Derived():
            options = ()
    for option in options:
        if isinstance(option, str) or option >= side or side % option == 0:
            continue
        padded = -(-side // int(option)) * int(option)
        share = round(100 * (padded**2 / side**2 - 1))
        message = f"stage {number}: a window of {decimal(option)} does not divide its {side}×{side} map"
        note = f"attention pads the map to {padded}×{padded}, {share} % more tokens, which flops count"
        whole = [str(w) for w in range(2, side + 1) if side % w == 0]
        help_ = f"windows that divide it: {', '.join(whole[-6:])}" if whole else None
        yield Diagnostic("W0503", message, Label(window.span or stage), notes=(note,), help=help_)
