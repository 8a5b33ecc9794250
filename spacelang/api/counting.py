"""How many networks of a space there are, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacelang.api.exactly import exactly
from spacelang.api.measures import Amount, Further
from spacelang.api.priced import Priced
from spacelang.api.ranges import whole
from spacelang.api.worded import worded
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.api.histogram import Histogram
    from spacelang.lower.bounds import Nearest


@worded
@exactly()
def count(
    space: Priced,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
) -> int:
    """How many networks there are, in all or inside bounds, exactly.

    Args:
        flops: MACs of a network: `"4.5G"` is at most, `"4G..4.5G"` between, `4.5e9` and `(4e9, 4.5e9)` likewise.
        params: its parameters, likewise.
        latency: by a table of latencies (`with_costs`): `"5ms"`.
        bounds: on any measure by its name: `{"energy": "2..2.5"}`.

    Raises:
        NotABound: for what bounds no measure of the space.
        Failure: where too many sums of costs would have to be told apart; `between` then gives limits.

    Example:
        >>> sl.load("spaces/autoformer_tiny.space").count(flops="1.8G", params="7M")
        327869894
    """
    windows = space.windows(flops, params, latency, bounds)
    if not windows:
        return space.lowered.count
    found = space.bracket(windows)
    if not found.exact:
        raise Failure("there are too many sums of costs to count exactly", "ask for limits: space.between(…)")
    return found.lower


@worded
@exactly()
def between(
    space: Priced,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
) -> tuple[int, int]:
    """At least and at most so many networks are inside bounds: certain, and equal where the count is exact.

    The bounds are those of `count`, and so is what is raised for one that is none.
    """
    found = space.bracket(space.windows(flops, params, latency, bounds))
    return found.lower, found.upper


def range(space: Priced, measure: str = "flops") -> tuple[int | float, int | float]:
    """The least and the most that a network costs, by a measure: `flops`, `params`, or that of a table.

    Raises `Failure` for one that the space does not have.
    """
    window = space.extent(space.known_measure(measure))
    return space.measured.plain(measure, window.lo), space.measured.plain(measure, window.hi)


@worded
@exactly()
def histogram(
    space: Priced,
    measure: str = "flops",
    bins: int = 20,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
) -> Histogram:
    """How many networks, in all or inside bounds, cost how much: each bin an exact number.

    Args:
        measure: what is counted along: `flops`, `params`, or that of a table.
        bins: how many stretches of equal width; fewer where there are fewer values.
        flops, params, latency, bounds: as for `count`.
    """
    from spacelang.api.histogram import Histogram
    from spacelang.lower.histogram import bins as counted

    whole("bins", bins, 1)
    windows, measure = space.windows(flops, params, latency, bounds), space.known_measure(measure)
    return Histogram(space.name, measure, counted(space.lowered.chain, measure, bins, windows), space.measured)


@worded
@exactly()
def nearest(
    space: Priced,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
) -> dict[str, Nearest]:
    """For each bounded measure, the values next to its bound that networks have under the other bounds: the
    largest `below` it and the smallest `above`, None where there is none."""
    from spacelang.lower.bounds import Nearest, nearest

    chain, inside = space.lowered.chain, space.windows(flops, params, latency, bounds)
    found = {}
    for measure in inside:
        near = nearest(chain, measure, inside)
        ends = (None if v is None else space.measured.plain(measure, v) for v in (near.below, near.above))
        found[measure] = Nearest(*ends)  # type: ignore[arg-type]  # a table's units are fractions
    return found
