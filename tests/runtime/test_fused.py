"""The pass written by hand is the supernet's own: the same logits and gradient, where no kernels run too."""

from __future__ import annotations

import random
from copy import deepcopy

import pytest
import torch
from networks import AWKWARD, draw, stirred
from torch import Tensor

from spacelang.lower.lowered import lower
from spacelang_runtime.engine.optimizer import optimizer_of
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.fused import backend as backends
from spacelang_runtime.fused import learn as learning
from spacelang_runtime.fused.backend import backend, drop_path_factors, forward
from spacelang_runtime.fused.weights import weights
from spacelang_runtime.nn import elastic as modules
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.objective import decaying_first


def gradient(model: Supernet) -> dict[str, Tensor]:
    return {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("dropping", [False, True])
@pytest.mark.parametrize("name", AWKWARD)
def test_logits_and_gradient_are_those_of_the_modules(
    name: str, dropping: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, where nothing hides: odd maps, padded and shifted windows, every kind of position, branches that
    samples leave out; and again with all but the streams forgotten between the ways."""
    lowered = lower(AWKWARD[name])
    frame, rng = lowered.space.frame, random.Random(3)
    model = stirred(Supernet(frame, lowered.plan)).double()
    generator = torch.Generator().manual_seed(4)
    for architecture in (lowered.largest, lowered.smallest, *(draw(lowered, rng) for _ in range(3))):
        images = torch.randn(2, frame.channels, frame.image, frame.image, generator=generator, dtype=torch.float64)
        along = torch.randn(2, frame.classes, generator=generator, dtype=torch.float64)
        keep = None
        if dropping:
            keep = 2 * torch.rand(2 * architecture.depth, 2, generator=generator, dtype=torch.float64)
            branches = iter(keep)
            monkeypatch.setattr(modules, "skipping", lambda x, *_, b=branches: x * next(b).view(-1, 1, 1))
        model.zero_grad()
        logits = model(images, architecture)
        (logits * along).sum().backward()
        expected = gradient(model)
        scale = max(float(part.abs().max()) for part in expected.values())
        for frugal in (False, True):
            model.zero_grad()
            found = forward(model, images, architecture, weights(model, torch.float64), keep, frugal)
            (found * along).sum().backward()
            torch.testing.assert_close(found, logits, rtol=1e-12, atol=1e-12)
            for part, value in gradient(model).items():
                torch.testing.assert_close(value, expected[part], rtol=0, atol=1e-11 * scale, msg=part)


def test_a_supernet_runs_by_the_backend_that_it_is_given_where_that_serves() -> None:
    lowered = lower(AWKWARD["pyramid"])
    images = torch.randn(2, 3, 52, 52)
    asked: list[torch.Tensor] = []

    def zeros(model: Supernet, images: torch.Tensor, *_: object) -> torch.Tensor | None:
        asked.append(images)
        return torch.zeros(len(images), 1) if len(images) > 1 else None

    plain = Supernet(lowered.space.frame, lowered.plan)
    given = Supernet(lowered.space.frame, lowered.plan, zeros)
    given.load_state_dict(plain.state_dict())
    assert torch.equal(given(images, lowered.largest), torch.zeros(2, 1))
    assert torch.equal(given(images[:1], lowered.largest), plain(images[:1], lowered.largest))
    assert [len(images) for images in asked] == [2, 1]


def test_the_supernet_of_a_training_is_given_the_fused_backend_and_its_average_too() -> None:
    model = untrained(lower(AWKWARD["pyramid"]), torch.device("cpu"))
    assert model.backend is backend
    assert deepcopy(model).backend is backend


def test_gradients_are_added_to_what_is_there() -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = stirred(Supernet(lowered.space.frame, lowered.plan)).double()
    images = torch.randn(1, 3, 52, 52, dtype=torch.float64)

    def learn() -> None:
        forward(model, images, lowered.largest, weights(model, torch.float64)).sum().backward()

    learn()
    once = gradient(model)
    learn()
    for name, value in gradient(model).items():
        torch.testing.assert_close(value, 2 * once[name])


def test_weights_are_cast_when_they_have_changed() -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = Supernet(lowered.space.frame, lowered.plan)
    with torch.inference_mode():
        low = weights(model, torch.bfloat16)
    assert weights(model, torch.bfloat16) is low
    assert not low[model.head.weight].is_inference()
    with torch.no_grad():
        model.head.weight.add_(1.0)
    assert torch.equal(weights(model, torch.bfloat16)[model.head.weight], model.head.weight.bfloat16())
    model.head.weight.data = torch.zeros_like(model.head.weight)
    assert not weights(model, torch.bfloat16)[model.head.weight].any()


def test_training_casts_the_weights_after_every_update() -> None:
    """torch's fused AdamW changes weights without counting their versions; the optimizer of a training counts."""
    lowered = lower(AWKWARD["pyramid"])
    model = Supernet(lowered.space.frame, lowered.plan)
    optimizer = optimizer_of(decaying_first(model, 0.05), notes=1)
    for _ in range(2):
        low = weights(model, torch.bfloat16, counted=True)
        for parameter in model.parameters():
            assert torch.equal(low[parameter], parameter.bfloat16())
            parameter.grad.fill_(1.0)
        optimizer.step(0.1)
    assert not torch.equal(low[model.head.weight], model.head.weight.bfloat16())
    assert torch.equal(weights(model, torch.bfloat16)[model.head.weight], model.head.weight.bfloat16())


def test_weights_that_nobody_learns_are_cast_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered, casts = lower(AWKWARD["pyramid"]), []
    model, images = untrained(lowered, torch.device("cpu")).eval(), torch.zeros(1, 3, 32, 32)
    copy = torch._foreach_copy_
    monkeypatch.setattr(torch, "_foreach_copy_", lambda *both: casts.append(copy(*both)))
    monkeypatch.setattr(backends, "serves", lambda model, images: True)
    monkeypatch.setattr(backends, "run", lambda model, images, network, keep, found: found[model.head.weight])

    def low() -> Tensor:
        with torch.inference_mode():
            return model(images, lowered.largest)

    for learned, expected in ((True, 2), (False, 2)):  # the last cast serves
        model.requires_grad_(learned)
        assert all(torch.equal(low(), model.head.weight.bfloat16()) for _ in range(2))
        assert len(casts) == expected
    model.load_state_dict({name: torch.zeros_like(value) for name, value in model.state_dict().items()})
    assert not low().any()
    assert len(casts) == 3


def test_a_branch_that_stays_is_scaled_to_its_expectation() -> None:
    torch.manual_seed(0)
    factors = drop_path_factors(torch.empty(4000, 0), 3, 0.25)
    assert factors is not None
    assert factors.shape == (6, 4000)
    assert torch.equal(factors[:2], torch.ones(2, 4000))
    assert set(factors[4].unique().tolist()) == {0.0, 2.0}
    assert abs(float(factors[4].mean()) - 1.0) < 0.1
    assert drop_path_factors(torch.empty(4, 0), 3, 0.0) is None


def test_a_long_training_may_forget_which_networks_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random networks hardly ever come again: how often they came is not counted for ever."""
    lowered = lower(AWKWARD["pyramid"])
    model = Supernet(lowered.space.frame, lowered.plan)
    images = torch.randn(1, 3, 52, 52)
    monkeypatch.setattr(learning, "MANY", 3)
    monkeypatch.setattr(learning, "_roomy", lambda device: False)
    monkeypatch.setattr(learning, "eager", lambda model, architecture, *_: architecture)
    book, rng = learning.Book(), random.Random(5)
    for _ in range(10):
        drawn = draw(lowered, rng)
        assert book.learn(model, drawn, images, images, drop_path=0.0, share=0.25) is drawn
