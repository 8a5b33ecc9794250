"""Children follow the language's mutation and crossover, and never leave the windows."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.lower import sums
from spacelang.lower.chain import Cell, Chain, Genotype, LayerOption, Window, inside, joint
from spacelang.lower.draw import draw, stream
from spacelang.lower.operators import Rates, cross, mutate
from spacelang.lower.pattern import Pattern

from .chains import allowed, chains, chi_square, everything, law_given, windows

UNLIKELY = 1e-6


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_children_of_parents_inside_are_inside(data: st.DataObject, seed: int) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    parents = list(draw(chain, 8, stream(seed), bounds=bounds))
    source = stream(seed + 1)
    children = mutate(chain, parents, Rates(0.3, 0.3, 0.5), source, bounds)
    children += cross(chain, list(zip(parents[::2], parents[1::2], strict=True)), source, bounds)
    for child in children:
        assert allowed(chain, child.genotype.cells)
        assert inside(chain, child.genotype, bounds)
        assert not child.returned or child.genotype == child.parents[0]


def mutation_law(
    chain: Chain, parent: Genotype, bounds: dict[str, Window], rates: Rates
) -> dict[Genotype, Fraction]:
    """Mutation by enumeration of its coins: what is free, then the law of what is free."""
    law: dict[Genotype, Fraction] = {}
    coins = []
    for layers in parent.layers:
        coins += [rates.depth, rates.embed] + [rates.layer] * len(layers)
    for tossed in product((False, True), repeat=len(coins)):
        chance = Fraction(1)
        for rate, up in zip(coins, tossed, strict=True):
            chance *= Fraction(rate) if up else 1 - Fraction(rate)
        up = iter(tossed)
        cells, keys = [], []
        for stage, index, layers in zip(chain.stages, parent.cells, parent.layers, strict=True):
            own, depth, embed = stage[index], next(up), next(up)
            cells.append(
                tuple(
                    j
                    for j, cell in enumerate(stage)
                    if (depth or cell.depth == own.depth) and (embed or cell.embed == own.embed)
                )
            )
            keys.append(tuple(None if next(up) else own.options[option].key for option in layers))
        for child, given_coins in law_given(
            chain, Pattern(tuple(cells), tuple(keys)), bounds, uniform=False
        ).items():
            law[child] = law.get(child, Fraction(0)) + chance * given_coins
    return law


@settings(max_examples=6, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_mutation_follows_its_law(data: st.DataObject, seed: int) -> None:
    chain = data.draw(chains())
    everyone = everything(chain)
    assume(0 < len(everyone) <= 300)
    parent = data.draw(st.sampled_from(sorted(everyone, key=repr)))
    assume(sum(2 + len(layers) for layers in parent.layers) <= 8)
    bounds = data.draw(windows(chain))
    assume(inside(chain, parent, bounds))
    rates = Rates(0.25, 0.5, 0.5)
    children = mutate(chain, [parent] * 800, rates, stream(seed), bounds)
    assert not any(child.returned for child in children)
    assert chi_square(mutation_law(chain, parent, bounds, rates), [child.genotype for child in children]) > UNLIKELY


def two_stages() -> Chain:
    """Two stages of depth 1 or 2 and embed 1 or 2; embed may not fall; the wide embed has other options."""
    stages = []
    for _ in range(2):
        cells = []
        for embed in (1, 2):
            options = tuple(LayerOption((key,), (key, 1)) for key in range(embed, embed + 2))
            cells += [Cell(depth, embed, (embed, embed), options) for depth in (1, 2)]
        stages.append(tuple(cells))
    pairs = {(i, j): (0, 0) for i in range(4) for j in range(4) if stages[1][j].embed >= stages[0][i].embed}
    return Chain(("flops", "params"), tuple(stages), (joint(pairs, 4, 4),))


def test_crossover_takes_each_gene_from_either_parent() -> None:
    """Parents that differ in every gene, of equal embeds, have every mixture with equal probability."""
    chain = two_stages()
    one = Genotype((0, 1), ((0,), (0, 1)))  # depths 1 and 2, embed 1
    other = Genotype((1, 0), ((1, 1), (1,)))  # depths 2 and 1, embed 1
    law: dict[Genotype, Fraction] = {}
    for first, second, shared, also in product((0, 1), repeat=4):
        top = (shared, 1)[: first + 1]  # the second layer of stage 1 is the second parent's
        low = (also, 1)[: second + 1]  # that of stage 2 the first parent's
        child = Genotype((first, second), (top, low))
        law[child] = law.get(child, Fraction(0)) + Fraction(1, 16)
    children = cross(chain, [(one, other)] * 4000, stream(3))
    assert chi_square(law, [child.genotype for child in children]) > UNLIKELY


def test_a_key_that_the_new_width_forbids_becomes_free() -> None:
    chain = two_stages()
    narrow = Genotype((0, 2), ((0,), (0,)))  # key 1 exists at embed 1 alone
    rates = Rates(depth=0.0, embed=1.0, layer=0.0)
    seen = {child.genotype for child in mutate(chain, [narrow] * 400, rates, stream(1))}
    widened = {genotype.layers[0] for genotype in seen if genotype.cells[0] == 2}
    assert widened == {(0,), (1,)}
    assert {genotype.layers[0] for genotype in seen if genotype.cells[0] == 0} == {(0,)}


def crossover_law(
    chain: Chain, one: Genotype, other: Genotype, bounds: dict[str, Window]
) -> dict[Genotype, Fraction]:
    """Crossover by enumeration of its coins, less those of which no genotype inside comes."""
    parents = (one, other)
    shared = [min(map(len, pair)) for pair in zip(one.layers, other.layers, strict=True)]
    law: dict[Genotype, Fraction] = {}
    for tossed in product((0, 1), repeat=2 * len(shared) + sum(shared)):
        coins = iter(tossed)
        stages: list[list[tuple[int, tuple[int, ...], Fraction]]] = []  # cell, layers and chance of each completion
        for t, stage in enumerate(chain.stages):
            own = [stage[parent.cells[t]] for parent in parents]
            keys = [[cell.options[o].key for o in p.layers[t]] for cell, p in zip(own, parents, strict=True)]
            shape = (own[next(coins)].depth, own[next(coins)].embed)
            block = [keys[next(coins)][layer] for layer in range(shared[t])] + max(keys, key=len)[shared[t] :]
            found = [j for j, cell in enumerate(stage) if (cell.depth, cell.embed) == shape]
            choices: list[tuple[int, tuple[int, ...], Fraction]] = []
            for j in found:
                options = [option.key for option in stage[j].options]
                legal = [
                    [options.index(key)] if key in options else list(range(len(options)))
                    for key in block[: stage[j].depth]
                ]
                whole = prod(map(len, legal))
                choices += [(j, layers, Fraction(1, whole)) for layers in product(*legal)]
            stages.append(choices)
        for parts in product(*stages):
            child = Genotype(tuple(j for j, _, _ in parts), tuple(layers for _, layers, _ in parts))
            if allowed(chain, child.cells) and inside(chain, child, bounds):
                law[child] = law.get(child, Fraction(0)) + prod(
                    (chance for _, _, chance in parts), start=Fraction(1)
                )
    whole_law = sum(law.values(), Fraction(0))
    return {child: chance / whole_law for child, chance in law.items()}


@settings(max_examples=20, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_crossover_follows_its_coins_given_the_rules_and_the_windows(data: st.DataObject, seed: int) -> None:
    chain = data.draw(chains())
    everyone = everything(chain)
    assume(0 < len(everyone) <= 2000)
    spent = list(everyone.values())
    ends = data.draw(st.lists(st.sampled_from(spent), min_size=2, max_size=2))
    bounds = {
        measure: Window(*sorted(cost[axis] for cost in ends))
        for axis, measure in enumerate(chain.measures)
        if data.draw(st.booleans())
    }
    fitting = sorted((one for one in everyone if inside(chain, one, bounds)), key=repr)
    assume(fitting)
    one, other = data.draw(st.sampled_from(fitting)), data.draw(st.sampled_from(fitting))
    children = cross(chain, [(one, other)] * 2000, stream(seed), bounds)
    assert not any(child.returned for child in children)
    law = crossover_law(chain, one, other, bounds)
    assert chi_square(law, [child.genotype for child in children]) > UNLIKELY


def test_crossover_of_many_layers_is_drawn_from_merged_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of choices are listed one by one while they are few; the law is the same where equal ones are one."""
    monkeypatch.setattr(sums, "FEW", 0)
    options = tuple(LayerOption((key,), (key, key * key)) for key in range(3))
    chain = Chain(("flops", "params"), ((Cell(6, 1, (0, 0), options),),), ())
    one, other = Genotype((0,), ((0, 1, 2, 0, 1, 2),)), Genotype((0,), ((1, 0, 0, 2, 1, 0),))
    bounds = {"flops": Window(3, 6), "params": Window(3, 9)}
    children = cross(chain, [(one, other)] * 4000, stream(5), bounds)
    law = crossover_law(chain, one, other, bounds)
    assert len(law) > 8
    assert chi_square(law, [child.genotype for child in children]) > UNLIKELY


def test_a_child_of_two_parents_inside_is_a_mixture_inside() -> None:
    chain = two_stages()
    one, other = Genotype((0, 0), ((0,), (1,))), Genotype((0, 0), ((1,), (0,)))
    bounds = {"flops": Window(5, 5)}  # what both parents spend; of their mixtures, two spend 4 or 6
    children = cross(chain, [(one, other)] * 100, stream(0), bounds)
    assert not any(child.returned for child in children)
    assert {child.genotype for child in children} == {one, other}


def test_where_nothing_is_inside_the_parent_comes_back_and_says_so() -> None:
    chain = two_stages()
    one, other = Genotype((0, 0), ((0,), (1,))), Genotype((0, 0), ((1,), (0,)))
    (child,) = cross(chain, [(one, other)], stream(0), {"flops": Window(100, 200)})
    assert child.returned
    assert child.genotype == one


def test_a_child_of_no_coin_is_its_parent() -> None:
    chain = two_stages()
    parent = Genotype((3, 3), ((0, 1), (1, 0)))
    (child,) = mutate(chain, [parent], Rates(0.0, 0.0, 0.0), stream(0))
    assert child.genotype == parent
    assert child.origin == "mutation"
    assert child.parents == (parent,)
    assert not child.returned
