"""The sandwich rule: the extremes by MACs and the recipe's number of random networks, decided by seed and step."""

from collections import Counter
from itertools import islice

import pytest
from attrs import evolve
from tiny_training import SPACE

from spacelang.lower.cost import price
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import lower
from spacelang.recipe import Sandwich
from spacelang.space import Settled
from spacelang_runtime.tasks.supernet.sandwich import KINDS, sandwich, subnets_of

LOWERED = lower(SPACE)
SUBNETS = subnets_of(LOWERED)


def _kinds(members):
    return Counter(kind for member in members for kind in member.kinds)


@pytest.mark.parametrize("mix", [Sandwich(), Sandwich(2, 0, 3), Sandwich(0, 0, 1), Sandwich(1, 1, 0)])
def test_a_sandwich_has_as_many_of_each_kind_as_the_recipe_says(mix):
    for step in range(20):
        kinds = _kinds(sandwich(SUBNETS, mix, 0, step))
        assert [kinds[kind] for kind in KINDS] == [mix.largest, mix.smallest, mix.random]


def test_no_network_drawn_is_larger_than_the_largest_or_smaller_than_the_smallest():
    largest, smallest, *_ = sandwich(SUBNETS, Sandwich(), 0, 0)
    drawn = [price(LOWERED.architecture(g)).flops for g in draw(LOWERED.chain, 500, stream(1))]
    assert price(smallest.architecture).flops <= min(drawn)
    assert max(drawn) <= price(largest.architecture).flops


def test_seed_and_step_decide_the_random_networks():
    def random(seed, step):
        return sandwich(SUBNETS, Sandwich(0, 0, 4), seed, step)

    assert random(5, 17) == random(5, 17)
    others = [random(seed, step) for seed in (5, 6) for step in range(10)]
    assert all(one != other for i, one in enumerate(others) for other in islice(others, i))


def test_a_network_that_takes_several_places_is_trained_once_and_counts_as_often():
    first = SPACE.stages[0]
    settled = [Settled(1), Settled(8), Settled(2), Settled(8), Settled(1), Settled(2)]
    names = ("depth", "embed", "heads", "qkv", "mlp", "window")
    one = evolve(SPACE, stages=(evolve(first, **dict(zip(names, settled, strict=True))),))
    (member,) = sandwich(subnets_of(lower(one)), Sandwich(), 0, 0)
    assert member.kinds == ("largest", "smallest", "random", "random")
