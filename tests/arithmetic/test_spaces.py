"""The exact arithmetic of spaces of the language equals enumeration by an evaluator of its own."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.architecture import Architecture
from spacelang.check import compile_text
from spacelang.lower.bounds import nearest, span
from spacelang.lower.bracket import Bracket
from spacelang.lower.chain import Window
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.effect import effects
from spacelang.lower.histogram import bins
from spacelang.lower.legal import _built
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.terms import Law
from spacelang.recipe import Train
from spacelang.source import Source

from .chains import chi_square
from .spaces import Layer, Network, Stage, Written, written
from .test_operators import UNLIKELY

SPACES = Path(__file__).resolve().parents[2] / "spaces"
MOST = 4000


def lowered(text: str) -> Lowered:
    found = compile_text(Source("small.space", text))
    assert found.space is not None, [one.message for one in found.diagnostics]
    return lower(found.space)


def network(architecture: Architecture) -> Network:
    return tuple(
        (stage.embed, tuple((la.heads, la.qkv, Fraction(la.mlp), la.window) for la in stage.layers))
        for stage in architecture.stages
    )


def enumerated(space: Written) -> list[Network]:
    found = list(islice(space.networks(), MOST + 1))
    assume(0 < len(found) <= MOST)
    return found


@settings(max_examples=80, deadline=None)
@given(written(), st.data())
def test_counts_bounds_and_histograms_are_those_of_enumeration(space: Written, data: st.DataObject) -> None:
    everyone = enumerated(space)
    costs = [space.cost(one) for one in everyone]
    found = lowered(space.text)
    chain = found.chain
    assert found.count == len(everyone)
    ends = [sorted(data.draw(st.lists(st.sampled_from(costs), min_size=2, max_size=2))) for _ in range(2)]
    flops = Window(*sorted(cost[0] for cost in ends[0]))
    params = Window(*sorted(cost[1] for cost in ends[1]))
    fits = {"flops": lambda c: flops.lo <= c[0] <= flops.hi, "params": lambda c: params.lo <= c[1] <= params.hi}
    bounds = {"flops": flops, "params": params}
    for name in bounds:
        assert count(chain, {name: bounds[name]}) == sum(map(fits[name], costs))
    assert count(chain, bounds) == sum(fits["flops"](c) and fits["params"](c) for c in costs)
    for axis, name in enumerate(("flops", "params")):
        values = [cost[axis] for cost in costs]
        assert span(chain, name) == Window(min(values), max(values))
        window = bounds[name]
        near = nearest(chain, name, {name: window})
        assert near.below == max((v for v in values if v < window.lo), default=None)
        assert near.above == min((v for v in values if v > window.hi), default=None)
        for stretch, held in bins(chain, name, 5):
            assert held == sum(stretch.lo <= value <= stretch.hi for value in values)


@settings(max_examples=30, deadline=None)
@given(written(), st.integers(0, 2**32), st.sampled_from(Law), st.data())
def test_draws_are_networks_of_the_space_inside_the_bounds(
    space: Written, seed: int, law: Law, data: st.DataObject
) -> None:
    everyone = {one: space.cost(one) for one in enumerated(space)}
    top = data.draw(st.sampled_from(sorted(cost[0] for cost in everyone.values())))
    found = lowered(space.text)
    drawn = list(draw(found.chain, 100, stream(seed), law=law, bounds={"flops": Window(0, top)}))
    assert len(drawn) == 100
    assert all(everyone[network(found.architecture(one))][0] <= top for one in drawn)


def test_uniform_draws_of_a_small_space_take_every_network_alike() -> None:
    first = Stage((1, 2), (8, 16), (1, 2, 4), (Fraction(1),), (2, 4))
    second = Stage((1,), (8, 16), (2,), (Fraction(1), Fraction(2)), (4, 8))
    space = Written((first, second), head_dim=4, growing=True, narrow=True, thin=None)
    everyone = list(space.networks())
    found = lowered(space.text)
    drawn = [network(found.architecture(one)) for one in draw(found.chain, 20_000, stream(2), law=Law.UNIFORM)]
    assert chi_square({one: Fraction(1, len(everyone)) for one in everyone}, drawn) > UNLIKELY


@settings(max_examples=20, deadline=None)
@given(written())
def test_the_effect_of_an_option_is_what_enumeration_says(space: Written) -> None:
    everyone = enumerated(space)
    found = lowered(space.text)
    for one in effects(found):
        if one.dimension == "window" and one.dead:
            continue  # it clips to a map that another option names
        having = [n for n in everyone if _has(n[one.stage - 1], one.dimension, one.option, space, one.stage)]
        assert one.taken.exact
        assert one.taken.lower == len(having)
        for axis, measure in enumerate(("flops", "params")):
            values = [space.cost(n)[axis] for n in having]
            assert one.ranges.get(measure) == (Window(min(values), max(values)) if values else None)


@settings(max_examples=30, deadline=None)
@given(written(), st.data())
def test_the_effect_of_an_option_inside_bounds_is_what_enumeration_says(
    space: Written, data: st.DataObject
) -> None:
    everyone = {one: space.cost(one) for one in enumerated(space)}
    ends = data.draw(st.lists(st.sampled_from(sorted(everyone.values())), min_size=2, max_size=2))
    axes = data.draw(st.lists(st.sampled_from((0, 1)), min_size=1, unique=True))
    windows = {axis: Window(*sorted(cost[axis] for cost in ends)) for axis in axes}
    inside = [n for n, cost in everyone.items() if all(w.lo <= cost[a] <= w.hi for a, w in windows.items())]
    for one in effects(
        lowered(space.text), {("flops", "params")[axis]: window for axis, window in windows.items()}
    ):
        if one.dimension == "window" and one.dead:
            continue
        having = [n for n in inside if _has(n[one.stage - 1], one.dimension, one.option, space, one.stage)]
        assert one.taken == Bracket(len(having), len(having))
        for axis in axes if having else ():
            values = [everyone[n][axis] for n in having]
            assert one.ranges[("flops", "params")[axis]] == Window(min(values), max(values))


def _has(stage: tuple[int, tuple[Layer, ...]], dimension: str, option: object, space: Written, number: int) -> bool:
    embed, layers = stage
    match dimension:
        case "depth":
            return len(layers) == option
        case "embed":
            return embed == option
        case "window":
            side = space.side(number - 1)
            wanted = option if option == "global" else min(int(str(option)), side)
            return any(layer[3] == wanted for layer in layers)
        case _:
            at = ("heads", "qkv", "mlp").index(dimension)
            return any(layer[at] == option for layer in layers)


def test_autoformer_small_has_as_many_networks_as_its_published_options_give() -> None:
    """Three widths; 12 to 14 layers, each with one of three head counts and one of three ratios."""
    found = lowered((SPACES / "autoformer_small.space").read_text())
    assert found.count == 3 * sum((3 * 3) ** depth for depth in (12, 13, 14)) == 77_103_263_459_313


def test_the_networks_of_a_space_are_counted_once_however_they_are_cut_into_bins() -> None:
    found = lowered((SPACES / "autoformer_small.space").read_text())
    assert sum(held for _, held in bins(found.chain, "flops", 37)) == found.count


def test_a_space_that_was_checked_is_lowered_without_being_worked_out_again() -> None:
    text = (SPACES / "digits.space").read_text().replace("head_dim = 8", "head_dim = 4  # no other test has it")
    before = _built.cache_info().misses
    found = compile_text(Source("small.space", text)).space
    assert found is not None
    one, other = lower(found), lower(evolve(found, name="other", train=Train()))
    assert one.legal is other.legal
    assert _built.cache_info().misses == before + 1
