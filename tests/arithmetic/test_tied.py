"""Tied choices, totals and membership: counts, histograms, bounds, draws and children are those of enumeration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product
from math import prod

import pytest
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.check import compile_text
from spacelang.configspace import NotExpressible, to_configspace
from spacelang.lower.bounds import nearest, span
from spacelang.lower.chain import Genotype, Window, inside
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.effect import effects
from spacelang.lower.histogram import bins
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.operators import Rates, cross, mutate
from spacelang.lower.subset import NewNetwork, new, said, taken
from spacelang.lower.terms import Law
from spacelang.lsp.usage import networks, using
from spacelang.source import Source
from tests.language.test_interchange import configurations

from .chains import chi_square
from .spaces import Layer, Network
from .test_operators import UNLIKELY
from .test_spaces import network
from .tied import Cell, Root, Tied, Where, tied

MOST = 3000


def enumerated(space: Tied, most: int = MOST) -> dict[Network, Where]:
    found = space.networks(most)
    assume(0 < len(found) <= most)
    return found


def lowered(space: Tied) -> Lowered:
    found = compile_text(Source("tied.space", space.text))
    assert found.space is not None, (space.text, [one.message for one in found.diagnostics])
    return lower(found.space)


@settings(max_examples=100, deadline=None)
@given(tied(), st.data())
def test_counts_bounds_and_histograms_are_those_of_enumeration(space: Tied, data: st.DataObject) -> None:
    everyone = list(enumerated(space))
    costs = [space.written.cost(one) for one in everyone]
    found = lowered(space)
    chain = found.chain
    assert found.count == len(everyone)
    ends = [sorted(data.draw(st.lists(st.sampled_from(costs), min_size=2, max_size=2))) for _ in range(2)]
    bounds = {
        name: Window(*sorted(cost[axis] for cost in ends[axis])) for axis, name in enumerate(("flops", "params"))
    }
    for axis, (name, window) in enumerate(bounds.items()):
        values = [cost[axis] for cost in costs]
        assert count(chain, {name: window}) == sum(window.lo <= value <= window.hi for value in values)
        assert span(chain, name) == Window(min(values), max(values))
        near = nearest(chain, name, {name: window})
        assert near.below == max((v for v in values if v < window.lo), default=None)
        assert near.above == min((v for v in values if v > window.hi), default=None)
        for stretch, held in bins(chain, name, 5):
            assert held == sum(stretch.lo <= value <= stretch.hi for value in values)
        assert found.range(name) == Window(min(values), max(values))  # type: ignore[arg-type]
    both = [all(bounds[n].lo <= c[a] <= bounds[n].hi for a, n in enumerate(bounds)) for c in costs]
    assert count(chain, bounds) == sum(both)
    assert space.written.cost(network(found.largest)) == max(costs)
    assert space.written.cost(network(found.smallest)) == min(costs)


@settings(max_examples=100, deadline=None)
@given(tied())
def test_every_network_is_where_it_is_said_to_be(space: Tied) -> None:
    everyone = enumerated(space, 400)
    found = lowered(space)
    uniform = draw(found.chain, 40, stream(0), law=Law.UNIFORM)
    for one in uniform:
        architecture = found.architecture(one)
        assert found.genotype(architecture) == one
        assert network(architecture) in everyone
        assert inside(found.chain, one, {})


@settings(max_examples=40, deadline=None)
@given(tied())
def test_the_effect_of_an_option_is_what_enumeration_says(space: Tied) -> None:
    everyone = list(enumerated(space, 600))
    found = lowered(space)
    for one in effects(found):
        if one.dimension == "window":
            continue
        having = [n for n in everyone if _has(space, n, one.stage, one.dimension, one.option)]
        assert (one.taken.lower, one.taken.upper) == (len(having), len(having))
        if having:
            for axis, name in enumerate(("flops", "params")):
                values = [space.written.cost(n)[axis] for n in having]
                assert one.ranges[name] == Window(min(values), max(values))


def _has(space: Tied, one: Network, stage: int, name: str, option: object) -> bool:
    if stage == 0:  # chosen once for the network: in the first stage that has no line of its own
        stage = (
            next(t for t in range(len(one)) if space.scope_of(name, t) != "layer") + 1 if name in "headsmlp" else 1
        )
    embed, layers = one[stage - 1]
    match name:
        case "depth":
            return len(layers) == option
        case "embed":
            return embed == option
        case "heads":
            return any(la[0] == option for la in layers)
        case _:
            return any(la[2] == option for la in layers)


@frozen
class Laws:
    """What is legal in a space, as its networks show it: cells by root and stage, layers by these and the cell."""

    everyone: Mapping[Network, Where]
    cells: Mapping[tuple[Root, int], set[Cell]]
    layers: Mapping[tuple[Root, int, Cell], set[Layer]]

    @property
    def roots(self) -> set[Root]:
        return {root for root, _ in self.everyone.values()}

    def given(
        self,
        bounds: Callable[[Network], bool],
        roots: Mapping[Root, Fraction],
        cell: Callable[[Root, int, Cell], Fraction],
        layer: Callable[[Root, int, int, Layer, Cell], Fraction],
    ) -> dict[Network, Fraction]:
        """A law from the chances of roots, cells and layers, conditioned on what is a network inside bounds."""
        weight: dict[Network, Fraction] = {}
        for one, (root, cells) in self.everyone.items():
            chance = roots.get(root, Fraction(0)) if bounds(one) else Fraction(0)
            for t, (own, (_, block)) in enumerate(zip(cells, one, strict=True)):
                if chance:
                    chance *= cell(root, t, own)
                for i, la in enumerate(block):
                    if chance:
                        chance *= layer(root, t, i, la, own)
            if chance:
                weight[one] = chance
        whole = sum(weight.values(), Fraction(0))
        return {one: chance / whole for one, chance in weight.items()}


def laws(space: Tied) -> Laws:
    everyone = enumerated(space, 300)
    cells: dict[tuple[Root, int], set[Cell]] = defaultdict(set)
    layers: dict[tuple[Root, int, Cell], set[Layer]] = defaultdict(set)
    for one, (root, owns) in everyone.items():
        for t, (own, (_, block)) in enumerate(zip(owns, one, strict=True)):
            cells[root, t].add(own)
            layers[root, t, own] |= set(block)
    return Laws(everyone, cells, layers)


def usual(known: Laws, bounds: Callable[[Network], bool]) -> dict[Network, Fraction]:
    """The law of `random`."""
    return known.given(
        bounds,
        dict.fromkeys(known.roots, Fraction(1)),
        lambda root, t, cell: Fraction(1, len(known.cells[root, t])),
        lambda root, t, i, layer, cell: Fraction(1, len(known.layers[root, t, cell])),
    )


@settings(max_examples=15, deadline=None)
@given(tied(), st.integers(0, 2**32), st.data())
def test_random_draws_follow_their_law(space: Tied, seed: int, data: st.DataObject) -> None:
    known = laws(space)
    top = data.draw(st.sampled_from(sorted(space.written.cost(one)[0] for one in known.everyone)))
    found = lowered(space)
    law = usual(known, lambda one: space.written.cost(one)[0] <= top)
    drawn = draw(found.chain, 2000, stream(seed), bounds={"flops": Window(0, top)})
    assert chi_square(law, [network(found.architecture(one)) for one in drawn]) > UNLIKELY
    alike = {one: Fraction(1, len(law)) for one in law}
    drawn = draw(found.chain, 2000, stream(seed), law=Law.UNIFORM, bounds={"flops": Window(0, top)})
    assert chi_square(alike, [network(found.architecture(one)) for one in drawn]) > UNLIKELY


def mutation(
    space: Tied, known: Laws, parent: Network, rates: Rates, bounds: Callable[[Network], bool]
) -> dict[Network, Fraction]:
    """The law of mutated children, by enumeration of the coins."""
    root, owns = known.everyone[parent]
    count_ = len(space.whole)
    coins = [rates.network] * count_
    for own, (_, block) in zip(owns, parent, strict=True):
        coins += [rates.depth, rates.embed, *[rates.stage] * (len(own) - 2), *[rates.layer] * len(block)]
    assume(len(coins) <= 9)
    whole: dict[Network, Fraction] = defaultdict(Fraction)
    genes = {one: _genes(space, one) for one in known.roots}
    for tossed in product((False, True), repeat=len(coins)):
        chance = Fraction(1)
        for rate, up in zip(coins, tossed, strict=True):
            chance *= Fraction(rate) if up else 1 - Fraction(rate)
        ups = iter(tossed)
        fixed = [next(ups) or value for value in genes[root]]
        roots = {
            one: Fraction(1)
            for one in known.roots
            if all(kept is True or kept == value for kept, value in zip(fixed, genes[one], strict=True))
        }
        kept_cells, kept_layers = [], []
        for t, (own, (_, block)) in enumerate(zip(owns, parent, strict=True)):
            kept_cells.append([None if next(ups) else gene for gene in own])
            kept_layers.append([None if next(ups) else space.key(t, layer) for layer in block])

        def allowed(one: Root, t: int, held: list[list[object]] = kept_cells) -> list[Cell]:
            cells = known.cells[one, t]
            legal = [{cell[g] for cell in cells} for g in range(len(held[t]))]
            must = [gene if gene in legal[g] else None for g, gene in enumerate(held[t])]
            return [c for c in cells if all(m is None or m == v for m, v in zip(must, c, strict=True))]

        def of_cell(one: Root, t: int, cell: Cell) -> Fraction:
            among = allowed(one, t)
            return Fraction(cell in among, max(1, len(among)))

        def of_layer(one: Root, t: int, i: int, layer: Layer, cell: Cell, held=kept_layers) -> Fraction:
            legal = known.layers[one, t, cell]
            key = held[t][i] if i < len(held[t]) else None
            if key is not None and any(space.key(t, other) == key for other in legal):
                return Fraction(space.key(t, layer) == key)
            return Fraction(1, len(legal))

        for one, share in known.given(bounds, roots, of_cell, of_layer).items():
            whole[one] += chance * share
    return dict(whole)


def _genes(space: Tied, root: Root) -> tuple[object, ...]:
    """What is chosen once for the network, dimension by dimension: what each stage sees of it."""
    names = [name for t in range(len(space.stages)) for name in space.whole if _shares(space, name, t)]
    flat = [value for seen in root for value in seen]  # type: ignore[attr-defined]
    return tuple(
        tuple(value for own, value in zip(names, flat, strict=True) if own == name) for name in space.whole
    )


def _shares(space: Tied, name: str, t: int) -> bool:
    return name in ("depth", "embed") or space.scope_of(name, t) == "root"


@settings(max_examples=10, deadline=None)
@given(tied(1), st.integers(0, 2**32), st.data())
def test_mutated_children_follow_their_law(space: Tied, seed: int, data: st.DataObject) -> None:
    known = laws(space)
    found = lowered(space)
    costs = {one: space.written.cost(one)[0] for one in known.everyone}
    parent = data.draw(st.sampled_from(sorted(known.everyone, key=repr)))
    top = data.draw(st.sampled_from(sorted(cost for cost in costs.values() if cost >= costs[parent])))
    rates = Rates(0.25, 0.5, 0.5, 0.25, 0.5)
    law = mutation(space, known, parent, rates, lambda one: costs[one] <= top)
    genotype = _located(found, parent)
    children = mutate(found.chain, [genotype] * 800, rates, stream(seed), {"flops": Window(0, top)})
    assert chi_square(law, [network(found.architecture(child.genotype)) for child in children]) > UNLIKELY


def _located(found: Lowered, wanted: Network) -> Genotype:
    drawn = (one for seed in range(100) for one in draw(found.chain, 200, stream(seed), law=Law.UNIFORM))
    return next(one for one in drawn if network(found.architecture(one)) == wanted)


def crossing(space: Tied, known: Laws, one: Network, other: Network) -> dict[Network, Fraction]:
    """The law of the children of two parents, coin by coin."""
    (root, owns), (its_root, its) = known.everyone[one], known.everyone[other]
    mine, theirs = _genes(space, root), _genes(space, its_root)
    roots = {}
    for each in known.roots:
        sides = [(a == v) + (b == v) for a, b, v in zip(mine, theirs, _genes(space, each), strict=True)]
        chance = Fraction(1)
        for side in sides:
            chance *= Fraction(side, 2)
        roots[each] = chance

    def of_cell(each: Root, t: int, cell: Cell) -> Fraction:
        chance = Fraction(1)
        for g, value in enumerate(cell):
            legal = {c[g] for c in known.cells[each, t]}
            sides = [owns[t][g], its[t][g]]
            free = sum(side not in legal for side in sides)
            chance *= Fraction(sides.count(value), 2) + Fraction(free, 2 * len(legal))
        return chance

    def of_layer(each: Root, t: int, i: int, layer: Layer, cell: Cell) -> Fraction:
        legal = known.layers[each, t, cell]
        blocks = [n[t][1] for n in (one, other)]
        keys = [space.key(t, block[i]) for block in blocks if i < len(block)]
        if not keys:
            return Fraction(1, len(legal))
        chance = Fraction(0)
        for key in keys:
            if any(space.key(t, la) == key for la in legal):
                chance += Fraction(space.key(t, layer) == key, len(keys))
            else:
                chance += Fraction(1, len(legal) * len(keys))
        return chance

    return known.given(lambda _: True, roots, of_cell, of_layer)


@settings(max_examples=15, deadline=None)
@given(tied(1), st.integers(0, 2**32), st.data())
def test_crossed_children_follow_their_law(space: Tied, seed: int, data: st.DataObject) -> None:
    known = laws(space)
    found = lowered(space)
    some = sorted(known.everyone, key=repr)
    pair = data.draw(st.sampled_from(some)), data.draw(st.sampled_from(some))
    genotypes = _located(found, pair[0]), _located(found, pair[1])
    children = cross(found.chain, [genotypes] * 1500, stream(seed))
    law = crossing(space, known, *pair)
    assert chi_square(law, [network(found.architecture(child.genotype)) for child in children]) > UNLIKELY


@pytest.mark.parametrize(("name", "networks"), [("tied", 2), ("sums", 5), ("depths", 6), ("members", 20)])
def test_counts_that_are_known(name: str, networks: int) -> None:
    head = "edition 2026\nspace x\nimage = 8\npatch = 2\nclasses = 10\n"
    texts = {
        "tied": "stage 1 { depth = 3\n embed = 8\n heads in {1, 2}\n each layer { window = 2 } }",
        "sums": "stage 1 { depth in 1..2\n embed = 8\n each layer { heads in {1, 2}\n window = 2 } }\n"
        "require each stage: sum(heads) <= 3",
        "depths": "each stage { depth in 1..3\n each layer { heads = 1\n window = 2 } }\n"
        "stage 1 { embed = 8 }\nstage 2 { embed = 16 }\nrequire sum(depth) <= 4",
        "members": "stage 1 { depth in 1..2\n embed = 8\n each layer { heads in {1, 2}\n mlp in {1, 2, 3}\n"
        " window = 2 } }\nrequire each layer: not (heads in {2} and mlp in {2, 3})",
    }
    found = compile_text(Source("x.space", head + texts[name] + "\n"))
    assert found.space is not None, found.diagnostics
    assert lower(found.space).count == networks


@settings(max_examples=40, deadline=None)
@given(tied(), st.data())
def test_a_subset_is_told_from_what_is_none(space: Tied, data: st.DataObject) -> None:
    """Against the same space with some options, rules and ties less: both ways, as the networks themselves say."""
    other = evolve(
        space,
        rules=space.rules[: data.draw(st.integers(0, len(space.rules)))],
        scope=space.scope | {name: data.draw(st.sampled_from((space.scope[name], "layer"))) for name in ("heads",)},
        few=data.draw(st.sampled_from((space.few, None))),
    )
    if other.scope["heads"] == "layer":
        other = evolve(
            other,
            whole={name: options for name, options in other.whole.items() if name != "heads"},
            nearer=None if other.nearer == "heads" else other.nearer,
        )
    mine, its = set(enumerated(space, 1500)), set(enumerated(other, 1500))
    one, two = lowered(space), lowered(other)
    for (left, a), (right, b) in (((one, mine), (two, its)), ((two, its), (one, mine))):
        beyond = new((left.space.frame, left.legal), (right.space.frame, right.legal))
        assert (not beyond) == (a <= b)
        for each in beyond:
            assert said(each)
            if isinstance(each, NewNetwork):
                assert network(each.network) in a - b


@settings(max_examples=100, deadline=None)
@given(tied())
def test_configurations_are_the_networks_of_the_space(space: Tied) -> None:
    everyone = enumerated(space, 400)
    record = to_configspace(lowered(space))
    sizes = [len(p.get("sequence", (1,))) for p in record["hyperparameters"]]
    assume(prod(sizes) <= 20_000)
    found = configurations(record)
    assert len(found) == len(everyone)
    usual = {p["name"]: p.get("default_value", p.get("value")) for p in record["hyperparameters"]}
    assert any(all(usual[name] == value for name, value in one.items()) for one in found), "its default is allowed"


def test_a_total_is_said_in_configspace_by_what_adds_at_least_so_much() -> None:
    head = "edition 2026\nspace x\nimage = 8\npatch = 2\nclasses = 10\n"
    stage = "stage {} {{ depth in 1..3\n embed = 8\n each layer {{ heads in {{1, 2}}\n window = 2 }} }}\n"
    text = f"{head}{stage.format(1)}{stage.format(2)}require sum(depth) <= 4\n"
    found = compile_text(Source("x.space", text)).space
    assert found is not None
    clauses = to_configspace(lower(found))["forbiddens"]
    three = {"type": "EQUALS", "value": 3}
    more = {"type": "IN", "values": [2, 3]}
    assert clauses == [
        {"type": "AND", "clauses": [more | {"name": "stage1.depth"}, three | {"name": "stage2.depth"}]},
        {"type": "AND", "clauses": [three | {"name": "stage1.depth"}, more | {"name": "stage2.depth"}]},
    ]


def test_a_total_of_too_many_clauses_has_no_place_in_configspace() -> None:
    head = "edition 2026\nspace x\nimage = 8\npatch = 2\nclasses = 10\n"
    stage = "stage 1 { depth in 8..16\n embed = 8\n each layer { heads in {1, 2, 4}\n window = 2 } }\n"
    found = compile_text(Source("x.space", f"{head}{stage}require sum(heads) <= 30\n")).space
    assert found is not None
    with pytest.raises(NotExpressible, match=r"the total `sum\(heads\)` comes to more than 5000 forbidden clauses"):
        to_configspace(lower(found))


@settings(max_examples=15, deadline=None)
@given(tied())
def test_the_editor_counts_what_enumeration_counts(space: Tied) -> None:
    everyone = list(enumerated(space, 400))
    found = lowered(space)
    assert networks(found.legal) == len(everyone)
    for name in ("depth", "embed", "heads", "mlp"):
        for option in taken(found.legal.stages[0], name):
            having = [one for one in everyone if _has(space, one, 1, name, option)]
            assert using(found.legal, 1, name, option) == len(having)
