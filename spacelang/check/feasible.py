"""What the rules leave of a space: nothing, which is an error and is explained; or less than was written, which
is a warning at each option that no network can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from attrs import evolve

from spacelang.diagnostics import Diagnostic, Label, listed
from spacelang.expression import Name, Number, decimal, show, walk
from spacelang.lower.legal import Legal, Unbuildable, legal
from spacelang.source import Span
from spacelang.space import Derived, Dimension, Option, Searched, Settled, Space, StageSpace, dimensions
from spacelang.syntax import tree

MOST_COMBINATIONS = 200_000  # of one stage's values, each of which is looked at


def feasible(space: Space, blocks: Mapping[int, tree.Block]) -> Iterator[Diagnostic]:
    """What is wrong with a space whose every line is right by itself. blocks: the place of each stage."""
    for number, stage in enumerate(space.stages, 1):
        size = _combinations(stage)
        if size > MOST_COMBINATIONS:
            message = f"stage {number} has {size} combinations of values; {MOST_COMBINATIONS} are the most"
            yield Diagnostic("E0340", message, Label(blocks[number].span))
            return
    left = legal(space)
    if not isinstance(left, Legal):
        # One dimension that fails tends to fail for many values: the first tells it all.
        first = {(problem.stage, problem.dimension): problem for problem in reversed(left)}
        yield from (_unbuildable(problem, blocks) for problem in first.values())
        return
    empty = [number for number, cells in enumerate(left.stages, 1) if not cells]
    if empty:
        yield _empty(space, blocks)
        return
    for number, stage in enumerate(space.stages, 1):
        side = space.frame.side(number - 1)
        for name, dimension in dimensions(stage):
            if isinstance(dimension, Searched):
                yield from _unused(number, name, dimension, side, left)
        yield from _windows(number, stage.window, side, blocks[number].span)


def _combinations(stage: StageSpace) -> int:
    return prod(len(d.options) for _, d in dimensions(stage) if isinstance(d, Searched))


def _unbuildable(problem: Unbuildable, blocks: Mapping[int, tree.Block]) -> Diagnostic:
    span = problem.span or blocks[problem.stage].span
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
            where = ", ".join(f"{name} = {decimal(value)}" for name, value in values.items())
            note = f"in stage {problem.stage}, with {where}"
            return Diagnostic("E0342", problem.reason, Label(span), notes=(note,))
        case name:
            value = f"{decimal(values[name])} " if name in values else ""
            message = f"stage {problem.stage}: `{name}` comes to {value}and {problem.reason}"
            if name not in values:
                message = f"stage {problem.stage}: `{name}` cannot be computed: {problem.reason}"
            settled = {k: v for k, v in values.items() if k not in ("image", "patch", "channels", "classes", name)}
            where = ", ".join(f"{k} = {decimal(v)}" for k, v in settled.items())
            return Diagnostic("E0343", message, Label(span), notes=(f"with {where}",) if where else ())


def _empty(space: Space, blocks: Mapping[int, tree.Block]) -> Diagnostic:
    """Why no network is left: the first stage that no network gets past, and the rule without which some would."""
    for number in range(1, len(space.stages) + 1):
        head = evolve(space, stages=space.stages[:number])
        if not _any(head):
            break
    label = Label(blocks[number].span, "no network gets past this stage")
    guilty = []
    for rule in head.requires:
        if _any(evolve(head, requires=tuple(r for r in head.requires if r is not rule))):
            guilty.append(rule)
    if guilty:
        span = guilty[0].expression.span or blocks[number].span
        text = show(guilty[0].expression)
        note = _witness(
            space.stages[number - 1], {n.name for n in walk(guilty[0].expression) if isinstance(n, Name)}
        )
        return Diagnostic(
            "E0344", f"no network meets `{text}`", Label(span), others=(label,), notes=(note,) if note else ()
        )
    if not head.requires or _any(evolve(head, requires=())):
        reason = (
            "its rules together leave nothing" if head.requires else "no option of `qkv` is a multiple of `heads`"
        )
        return Diagnostic("E0345", f"stage {number} has no legal layer: {reason}", label)
    message = f"stage {number} has no legal layer: no option of `qkv` is a multiple of an option of `heads`"
    return Diagnostic("E0345", message, label, help="derive it, `qkv = heads * head_dim`, or widen one of them")


def _any(space: Space) -> bool:
    left = legal(space)
    return isinstance(left, Legal) and all(left.stages)


def _witness(stage: StageSpace, names: set[str]) -> str:
    """What the rule's names may be."""
    said = []
    for name, dimension in dimensions(stage):
        if name in names:
            match dimension:
                case Settled(value):
                    said.append(f"{name} is {_shown(value)}")
                case Searched(values):
                    said.append(f"{name} is one of {listed([_shown(v) for v in values])}")
                case Derived(expression):
                    said.append(f"{name} is {show(expression)}")
    return "; ".join(said)


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
        over = [o for o in options if not isinstance(o, str) and o > side]
        if over and len([o for o in options if not isinstance(o, str) and o >= side]) > 1:
            same = listed([decimal(o) for o in options if not isinstance(o, str) and o >= side], "and")
            message = f"stage {number}: windows {same} are all its whole {side}×{side} map: one option"
            yield Diagnostic("W0501", message, Label(span))
        options = tuple(dict.fromkeys(o if isinstance(o, str) else min(o, side) for o in options))
    dead = [option for option in options if option not in used]
    if dead:
        which = listed([_shown(o) for o in dead], "and")
        verb = "is" if len(dead) == 1 else "are"
        message = f"stage {number}: no network can take `{name}` of {which}"
        yield Diagnostic(
            "W0502", message, Label(span), help=f"the rules leave no use for it: {which} {verb} safe to delete"
        )


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
        yield Diagnostic("W0503", message, Label(window.span or stage), notes=(note,))
