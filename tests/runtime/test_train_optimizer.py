"""AdamW over one vector is torch's AdamW over the parameters one by one, and keeps its state as that does."""

from copy import deepcopy
from fractions import Fraction

import pytest
import torch
from attrs import evolve
from tiny_training import RECIPE, new_setup

from spacelang_runtime.engine.optimizer import optimizer_of
from spacelang_runtime.tasks.supernet.objective import decaying_first

DECAYING = evolve(RECIPE, learning_rate=Fraction(1, 100), weight_decay=Fraction(1, 2))


def one_by_one(model, recipe):
    """torch's optimizer of the same recipe, over the parameters of a model."""
    free = model.no_weight_decay()
    named = list(model.named_parameters())
    decaying, others = ([p for n, p in named if (n in free) == is_free] for is_free in (False, True))
    groups = [{"params": decaying, "weight_decay": float(recipe.weight_decay)}]
    return torch.optim.AdamW([*groups, {"params": others, "weight_decay": 0.0}], lr=0.01)


def ours_of(model):
    return optimizer_of(decaying_first(model, float(DECAYING.weight_decay)), notes=2)


def descend(model, optimizer, step, count=3):
    """Some steps along gradients that depend on the step alone."""
    for number in range(count):
        chance = torch.Generator().manual_seed(number)
        for parameter in model.parameters():
            gradient = torch.randn(parameter.shape, generator=chance)
            if parameter.grad is None:
                parameter.grad = gradient
            parameter.grad.copy_(gradient)
        step(optimizer)


@pytest.fixture
def models(tmp_path):
    return tuple(new_setup(tmp_path, DECAYING).model for _ in range(2))


def test_the_updates_are_torchs(models):
    ours, theirs = models
    descend(
        ours,
        ours_of(ours),
        lambda optimizer: optimizer.step(0.01),
    )
    descend(theirs, one_by_one(theirs, DECAYING), lambda optimizer: optimizer.step())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_who_keeps_copies_of_the_weights_sees_that_they_have_changed(models):
    ours, _ = models
    optimizer = ours_of(ours)
    before = [parameter._version for parameter in ours.parameters()]
    descend(ours, optimizer, lambda optimizer: optimizer.step(0.01), count=1)
    after = [parameter._version for parameter in ours.parameters()]
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))


def test_the_state_goes_over_to_torchs_optimizer_and_back(models):
    ours, theirs = models
    optimizer, other = (
        ours_of(ours),
        one_by_one(theirs, DECAYING),
    )
    descend(ours, optimizer, lambda optimizer: optimizer.step(0.01))
    theirs.load_state_dict(ours.state_dict())
    other.load_state_dict(deepcopy(optimizer.state()))  # torch takes the tensors themselves
    descend(theirs, other, lambda optimizer: optimizer.step())

    optimizer.load(other.state_dict())
    with torch.no_grad():
        ours.load_state_dict(theirs.state_dict())
    for model, one, step in ((ours, optimizer, lambda o: o.step(0.01)), (theirs, other, lambda o: o.step())):
        descend(model, one, step, count=2)
    for mine, others in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, others)
