"""One vector holds all gradients, and behaves as they would one by one."""

import pytest
import torch
from torch import nn

from spacelang_runtime.engine.gradient import attach


def _model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))


def _loss(model, factor=1.0):
    return factor * model(torch.arange(10.0).view(2, 5)).square().sum()


def test_backward_adds_into_the_vector():
    ours, theirs = _model(), _model()
    gradient = attach(ours.parameters(), notes=2)
    for factor in (1.0, 0.5):
        _loss(ours, factor).backward()
        _loss(theirs, factor).backward()
    norm, notes = gradient.reduce()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)
        assert a.grad.untyped_storage().data_ptr() == gradient.buffer.untyped_storage().data_ptr()
    assert norm == pytest.approx(float(nn.utils.get_total_norm([p.grad for p in theirs.parameters()])), rel=1e-6)
    assert notes == [0, 0]


@pytest.mark.parametrize("limit", [0.1, 1e9])
def test_clipping_is_torchs(limit):
    ours, theirs = _model(), _model()
    gradient = attach(ours.parameters(), notes=0)
    _loss(ours).backward()
    _loss(theirs).backward()
    gradient.clip(gradient.reduce()[0], limit)
    nn.utils.clip_grad_norm_(theirs.parameters(), limit)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=0)


def test_a_limit_of_nothing_does_not_clip():
    model = _model()
    gradient = attach(model.parameters(), notes=0)
    _loss(model).backward()
    before = gradient.values.clone()
    gradient.clip(gradient.reduce()[0], 0)
    assert torch.equal(gradient.values, before)


def test_what_a_step_did_not_touch_has_a_gradient_of_zero():
    model = _model()
    gradient = attach(model.parameters(), notes=1)
    _loss(model).backward()
    gradient.notes.add_(1)
    gradient.clear()
    _loss(model[0]).backward()
    assert all(torch.count_nonzero(p.grad) == 0 for p in model[2].parameters())
    assert all(torch.count_nonzero(p.grad) > 0 for p in model[0].parameters())
    assert gradient.reduce()[1] == [0]
