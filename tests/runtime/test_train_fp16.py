"""fp16 with a loss scale, as on a GPU without bf16: forced on the CPU."""

from __future__ import annotations

import math
import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from tiny_training import ALONE, RECIPE, Noise, learn, new_setup
from tiny_transfer import new_transfer

from spacelang_runtime.engine import checkpoint, distributed
from spacelang_runtime.engine.distributed import training_dtype
from spacelang_runtime.engine.loss_scale import INTERVAL, LossScale
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.transfer.objective import training

HALF: dict[str, Any] = {"dtype": torch.float16}


def test_a_scale_is_halved_by_an_overflow_and_doubled_after_many_steps_without() -> None:
    scale = LossScale(1024.0)
    assert scale.after(True) == LossScale(512.0)
    assert scale.after(False) == LossScale(1024.0, 1)
    assert LossScale(1024.0, 5).after(True) == LossScale(512.0)
    for _ in range(INTERVAL):
        scale = scale.after(False)
    assert scale == LossScale(2048.0)
    assert LossScale(1.5).after(True) == LossScale(1.0)


@pytest.mark.parametrize("optimizer", ["growth", "overflows"])
def test_the_scale_is_that_of_torch(optimizer: str) -> None:
    """`torch.amp.GradScaler` with its defaults, over steps that overflow and steps that do not."""
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    ours = LossScale()
    parameter = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=0.0)
    overflows = {0, 1, 7, 8, 2500} if optimizer == "overflows" else set()
    for step in range(4100):
        theirs.scale(parameter.sum())
        parameter.grad = torch.full((1,), math.inf if step in overflows else 1.0)
        theirs.step(sgd)
        theirs.update()
        ours = ours.after(step in overflows)
        assert ours.scale == theirs.get_scale(), step


@pytest.mark.parametrize("rule", ["adamw", "muon"])
def test_training_in_fp16_is_training_in_float32_but_for_rounding(tmp_path: Path, rule: Any) -> None:
    recipe = evolve(RECIPE, drop_path=0, ema=0, clip=Fraction(1, 10), optimizer=rule)
    whole: list[Step] = []
    half: list[Step] = []
    learn(new_setup(tmp_path, recipe), whole.append)
    setup = new_setup(tmp_path, recipe)
    learn(setup, half.append, **HALF)
    assert not any(step.problem for step in half)
    for step, exact in zip(half, whole, strict=True):
        assert step.losses == pytest.approx(exact.losses, rel=0.01)
        assert step.norm == pytest.approx(exact.norm, rel=0.05)  # unscaled
    assert [step.losses for step in half] != [step.losses for step in whole]
    assert all(tensor.dtype == torch.float32 for tensor in setup.model.state_dict().values())


def test_a_step_that_overflows_is_skipped_at_half_the_scale_and_ends_no_run(tmp_path: Path) -> None:
    setup = new_setup(tmp_path, limits=Limits(30))
    state = checkpoint.TrainerState(loss_scale=LossScale(2.0**40))
    steps: list[Step] = []
    weights: list[dict[str, torch.Tensor]] = []

    def watch(step: Step) -> None:
        steps.append(step)
        weights.append({name: tensor.clone() for name, tensor in setup.model.state_dict().items()})

    begun = begun_with(setup, state)
    before = {name: tensor.clone() for name, tensor in setup.model.state_dict().items()}
    result = learn(begun, watch, **HALF)
    overflows = [bool(step.problem) for step in steps]
    count = overflows.index(False)
    assert count > 10  # more in a row than losses that are not finite may be
    assert "the gradient is not finite in fp16 at a loss scale of 1.09951e+12, which is halved" in steps[0].problem
    assert all(torch.equal(before[name], weights[count - 1][name]) for name in before)
    assert not all(torch.equal(before[name], weights[count][name]) for name in before)
    assert all(math.isfinite(loss) for step in steps for loss in step.losses.values())
    assert result.state.loss_scale is not None
    assert result.state.loss_scale.scale == 2.0 ** (40 - sum(overflows))
    assert result.state.skipped == sum(overflows) < 30


def test_losses_that_are_not_finite_leave_the_scale_and_end_the_run(tmp_path: Path) -> None:
    setup = new_setup(tmp_path, limits=Limits(40), dataset=Noise(poisoned=frozenset(range(2, 40))))
    with pytest.raises(Failure, match="10 steps in a row without a finite loss"):
        learn(setup, **HALF)
    kept = checkpoint.load(setup.run.checkpoint, setup.space)
    assert kept.state.step == 2
    assert kept.state.loss_scale == LossScale(steps=2)


def test_a_resumed_run_keeps_the_scale_and_repeats_the_uncut_one(tmp_path: Path) -> None:
    state = checkpoint.TrainerState(loss_scale=LossScale(2.0**33))
    whole: list[Step] = []
    parts: list[Step] = []
    learn(begun_with(new_setup(tmp_path), state), whole.append, **HALF)

    def watch(step: Step) -> None:
        parts.append(step)
        if step.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    cut = new_setup(tmp_path)
    with pytest.raises(Failure, match="stopped at step 6"):
        learn(begun_with(cut, state), watch, **HALF)
    kept = checkpoint.load(cut.run.checkpoint, cut.space)
    assert kept.state.loss_scale is not None
    assert kept.state.loss_scale.scale < 2.0**33
    learn(evolve(new_setup(tmp_path), run=cut.run, checkpoint=kept), parts.append, **HALF)
    seen, expected = ([(s.step, s.losses, str(s.norm), s.problem) for s in steps] for steps in (parts, whole))
    assert seen == expected


@pytest.mark.parametrize("task", ["detect", "segment", "vqa"])
def test_tasks_train_in_fp16(tmp_path: Path, task: str) -> None:
    half, whole = [], []
    for steps, how in ((half, HALF), (whole, {})):
        setup = new_transfer(tmp_path, task, {"learning_rate": 1e-4})
        train(training(setup, lambda *_: None), ALONE, steps.append, **how)
    done = [step for step in half if not step.problem]
    assert done
    for step, exact in zip(half, whole, strict=True):
        assert sum(step.losses.values()) == pytest.approx(sum(exact.losses.values()), rel=0.05)


@pytest.mark.parametrize(
    ("bf16", "capability", "dtype"),
    [
        (True, (9, 0), torch.bfloat16),
        (False, (7, 5), torch.float16),  # T4
        (False, (7, 0), torch.float16),  # V100
        (False, (6, 1), torch.float32),  # fp16 is slower than float32 there
    ],
)
def test_a_gpu_trains_in_what_it_is_fast_in(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(distributed.torch.version, "hip", None)
    assert training_dtype(torch.device("cuda:0")) == dtype
    assert training_dtype(torch.device("cpu")) == torch.float32


def begun_with(setup: Any, state: checkpoint.TrainerState) -> Any:
    """A setup that goes on from its beginning with another state."""
    kept = checkpoint.Checkpoint(
        name=setup.space.name,
        digest=checkpoint.digest(setup.space),
        limits=setup.limits,
        state=state,
        weights=setup.model.state_dict(),
        average=None,
        optimizer={"state": {}, "param_groups": []},
    )
    return evolve(setup, checkpoint=kept)
