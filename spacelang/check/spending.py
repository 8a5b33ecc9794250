"""Bounds that no network meets, with their arithmetic: which stage spends how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from spacelang.amount import short, spaced
from spacelang.architecture import Architecture
from spacelang.expression import Number
from spacelang.lower.cells import Legal
from spacelang.lower.cost import MEASURES, cost
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.lowered import existing, network
from spacelang.lower.plan import Head, Merge, TransformerBlock, of_architecture
from spacelang.lower.price import price
from spacelang.recipe import Bound
from spacelang.space import Space


@frozen
class UnmetBounds:
    """Why bounds cannot be met: in one line, with what the network that comes closest spends, and what to do."""

    message: str
    notes: tuple[str, ...]
    help: str


@frozen
class Near:
    """The values of a measure next to its bound that some network has."""

    below: Number | None
    above: Number | None


@frozen
class Ends:
    """The networks with the least and the most of each measure."""

    least: Mapping[str, Architecture]
    most: Mapping[str, Architecture]


def ends(space: Space, left: Legal) -> Ends:
    """The ends of a space that holds a network."""
    chain = price(space, left)
    least, most = (
        {measure: network(space.frame, left, existing(end(chain, (measure,)))) for measure in MEASURES}
        for end in (smallest, largest)
    )
    return Ends(least, most)


def beyond(bound: Bound, found: Ends) -> UnmetBounds | None:
    """Why no network of a space meets one bound, or None where it lies within what the space costs."""
    if bound.measure not in MEASURES:
        return None
    measure = bound.measure
    low, high = found.least[measure], found.most[measure]
    if bound.high is not None and bound.high < spent(low, measure):
        return _refusal(measure, f"at most {short(bound.high)}", "smallest", low)
    if bound.low is not None and bound.low > spent(high, measure):
        return _refusal(measure, f"at least {short(bound.low)}", "largest", high)
    return None


def needless(bound: Bound, found: Ends) -> tuple[int, int] | None:
    """The least and the most that networks have of a measure, where a bound on it leaves none of them out."""
    if bound.measure not in MEASURES:
        return None
    measure = bound.measure
    low, high = spent(found.least[measure], measure), spent(found.most[measure], measure)
    return (low, high) if bound.holds(low) and bound.holds(high) else None


def _refusal(measure: str, asked: str, kind: str, network: Architecture) -> UnmetBounds:
    total = spent(network, measure)
    word = "least" if kind == "smallest" else "most"
    return UnmetBounds(
        f"no network has {measure} of {asked}: the {kind} has {short(total)}",
        (f"where the {kind} network spends them:\n{arithmetic(network, measure)}",),
        f"the {word} that can be met is {spaced(total)}: move the bound, or give the stages "
        f"{'smaller' if kind == 'smallest' else 'larger'} options",
    )


def unmet(bounds: Sequence[Bound], near: Mapping[str, Near], found: Ends) -> UnmetBounds:
    """Why no network meets all of these bounds, which is known already.

    near: by measure, the values next to its bound that networks have under the other bounds. The first bound that
    lies beyond what any network costs is to blame; where there is none, all of them are.
    """
    alone = (beyond(bound, found) for bound in bounds)
    return next((refusal for refusal in alone if refusal), None) or _together(bounds, near, found)


def _together(bounds: Sequence[Bound], near: Mapping[str, Near], found: Ends) -> UnmetBounds:
    asked = " and ".join(map(str, bounds))
    notes = []
    for measure, values in near.items():
        known = [_to_the_last(value) for value in (values.below, values.above) if value is not None]
        if known:
            verb = "is" if len(known) == 1 else "are"
            notes.append(f"under the other bounds, the nearest {measure} {verb} {' and '.join(known)}")
    for name in MEASURES:
        if name in near:
            table = arithmetic(found.least[name], name)
            notes.append(f"where the network with the least {name} spends them:\n{table}")
    return UnmetBounds(f"no network has {asked}", tuple(notes), "move one of the bounds to a value that can be met")


def _to_the_last(value: Number) -> str:
    """`5 505 344 (5.51M)`; a number that is short already stands once."""
    exact, brief = spaced(value), short(value)
    return exact if exact == brief else f"{exact} ({brief})"


def spent(network: Architecture, measure: str) -> int:
    """What a network costs."""
    return sum(int(getattr(cost(part), measure)) for part in of_architecture(network))


def arithmetic(network: Architecture, measure: str) -> str:
    """What each part of a network spends, a line each, and the sum."""
    stages = [0] * len(network.stages)
    front = back = merged = 0
    for part in of_architecture(network):
        own = int(getattr(cost(part), measure))
        match part:
            case TransformerBlock(stage=stage):
                stages[stage] += own
            case Merge():
                merged += own
            case Head():
                back += own
            case _:
                front += own
    rows = [("patches", front, "")]
    for number, (own, stage_) in enumerate(zip(stages, network.stages, strict=True), 1):
        layers = f"{len(stage_.layers)} layer{'s' if len(stage_.layers) > 1 else ''}"
        rows.append((f"stage {number}", own, f"{layers} of {stage_.embed} channels"))
    rows += [("merging", merged, "between the stages")] if len(stages) > 1 else []
    rows += [("classes", back, ""), ("all", front + sum(stages) + merged + back, "")]
    wide = max(len(name) for name, _, _ in rows)
    amounts = [short(own) for _, own, _ in rows]
    span = max(map(len, amounts))
    return "\n".join(
        f"{name.ljust(wide)}  {amount.rjust(span)}  {remark}".rstrip()
        for (name, _, remark), amount in zip(rows, amounts, strict=True)
    )
