"""Training: the sandwich's fused gradient, one update, and a cut run that repeats the uncut one to the bit."""

import math
import os
import signal
import time
from fractions import Fraction
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from attrs import evolve
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_training import ALONE, RECIPE, Noise, learn, new_setup
from torch.nn.functional import cross_entropy
from torch_tb_profiler import io
from torch_tb_profiler.profiler.loader import RunLoader

from spacelang.lower.lowered import lower
from spacelang_runtime.data import Batch
from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.gradient import attach
from spacelang_runtime.engine.objective import accumulate
from spacelang_runtime.engine.optimizer import optimizer_of
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.supernet.objective import decaying_first, micro_step, objective, split
from spacelang_runtime.tasks.supernet.sandwich import KINDS, SandwichSubnet, sandwich


def _resume(setup, limits, dataset=Noise()):
    """The setup as another process would find it: from what is on the disk alone."""
    run = find(setup.run.folder.parent, setup.run.name)
    fresh = new_setup(setup.run.folder.parent, run.space.train, limits, dataset)
    kept = checkpoint.load(run.checkpoint, run.space)
    return evolve(fresh, run=run, space=run.space, checkpoint=kept)


def add_up(setup, batch, gradient, micro=0):
    """The gradient and the losses of the first step."""
    made = objective(setup).micro_steps(0, batch, micro, ALONE)
    return accumulate(made, KINDS, gradient, ALONE, torch.float32, 1.0, lambda: False)


def test_the_fused_gradient_is_the_mean_of_the_networks_gradients(tmp_path):
    setup = new_setup(tmp_path, evolve(RECIPE, drop_path=0))
    recipe, model = setup.space.train, setup.model.train()
    batch = next(setup.dataset.train_batches(0, 1, 0, 1, torch.device("cpu")))
    members = sandwich(setup.subnets, recipe.sandwich, recipe.seed, 0)
    places = [member.architecture for member in members for _ in member.kinds]
    mean = sum(cross_entropy(model(batch.images, a), batch.targets) for a in places) / len(places)
    expected = torch.autograd.grad(mean, list(model.parameters()), allow_unused=True)

    gradient = attach(model.parameters(), notes=5)
    assert add_up(setup, batch, gradient) == "done"
    for parameter, one in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter) if one is None else one)


def test_split_batches_give_each_network_its_own_part_of_the_images(tmp_path):
    setup = new_setup(tmp_path, evolve(RECIPE, drop_path=0, batches="split"))
    recipe, model = setup.space.train, setup.model.train()
    batch = next(setup.dataset.train_batches(0, 1, 0, 1, torch.device("cpu")))
    members = sandwich(setup.subnets, recipe.sandwich, recipe.seed, 0)
    assert [len(member.kinds) for member in members] == [1, 1, 1, 1]
    quarter = len(batch.images) // 4
    mean = sum(
        cross_entropy(model(images, member.architecture), targets)
        for member, images, targets in zip(
            members, batch.images.split(quarter), batch.targets.split(quarter), strict=True
        )
    ) / len(members)
    expected = torch.autograd.grad(mean, list(model.parameters()), allow_unused=True)

    gradient = attach(model.parameters(), notes=5)
    assert add_up(setup, batch, gradient) == "done"
    for parameter, one in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter) if one is None else one)


@pytest.mark.parametrize("count", [4, 7, 8])
def test_the_parts_of_a_split_batch_are_all_of_it_once_and_nearly_equal(tmp_path, count):
    recipe = evolve(RECIPE, batches="split")
    setup = new_setup(tmp_path, recipe)
    batch = Batch(torch.arange(count), torch.arange(count))
    members = [
        SandwichSubnet(setup.subnets.largest, ("largest", "random")),
        SandwichSubnet(setup.subnets.smallest, ("smallest", "random")),
    ]
    own = split(members, batch, recipe)
    assert torch.cat([part.images for part in own]).tolist() == list(range(count))
    assert all(torch.equal(part.images, part.targets) for part in own)
    sizes = [len(part.images) for part in own]
    assert max(sizes) - min(sizes) <= 1
    assert [len(part.images) for part in split(members, batch, RECIPE)] == [count, count]


def test_a_network_in_two_places_counts_twice(tmp_path):
    setup = new_setup(tmp_path, evolve(RECIPE, drop_path=0))
    batch = next(setup.dataset.train_batches(0, 1, 0, 1, torch.device("cpu")))
    architecture = setup.subnets.largest
    gradient = attach(setup.model.parameters(), notes=5)

    def fused(members):
        gradient.clear()
        made = [
            micro_step(setup.model, setup.space.train, one, batch, slice(0, len(batch.images)), 0, ALONE)
            for one in members
        ]
        accumulate(made, KINDS, gradient, ALONE, torch.float32, 1.0, lambda: False)
        return gradient.buffer.clone()

    twice = fused([SandwichSubnet(architecture, ("random", "random"))])
    apart = fused([SandwichSubnet(architecture, ("random",)), SandwichSubnet(architecture, ("random",))])
    torch.testing.assert_close(twice, apart)


def test_training_lowers_the_loss_of_every_kind(tmp_path):
    class Same(Noise):
        def train_batches(self, first_step, steps, rank, world, device):
            for _ in range(steps):
                yield from Noise().train_batches(0, 1, rank, world, device)

    steps = []
    recipe = evolve(RECIPE, drop_path=0, learning_rate=Fraction(1, 50))
    learn(new_setup(tmp_path, recipe, Limits(60), Same()), steps.append)
    floor = 1.2  # about the entropy of the targets, below which no loss can come
    for kind in ("largest", "smallest", "random"):
        assert steps[-1].losses[kind] < steps[0].losses[kind]
        assert steps[-1].losses[kind] > floor / 2
    assert [step.step for step in steps] == list(range(1, 61))
    assert steps[-1].progress == 1


@pytest.mark.parametrize(("cut", "optimizer"), [(1, "adamw"), (5, "adamw"), (11, "adamw"), (5, "muon")])
def test_a_run_cut_in_two_is_the_uncut_run_to_the_bit(tmp_path, cut, optimizer):
    whole, parts, recipe = [], [], evolve(RECIPE, optimizer=optimizer)
    uncut = new_setup(tmp_path / "uncut", recipe)
    learn(uncut, whole.append)

    class Cut(Noise):
        def train_batches(self, first_step, steps, rank, world, device):
            for batch in super().train_batches(first_step, steps, rank, world, device):
                if len(parts) == cut:
                    os.kill(os.getpid(), signal.SIGINT)
                yield batch

    setup = new_setup(tmp_path / "cut", recipe, dataset=Cut())
    with pytest.raises(Failure, match=f"stopped at step {cut} of 12") as stopped:
        learn(setup, parts.append)
    assert setup.run.name in stopped.value.remedy
    assert setup.run.state.step == cut
    assert not setup.run.state.finished
    resumed = _resume(setup, Limits(12))
    torch.rand(7)  # whatever else was drawn before does not matter
    learn(resumed, parts.append)

    seen, expected = ([(s.step, s.losses, s.rate, s.norm) for s in steps] for steps in (parts, whole))
    assert seen == expected
    one, other = (checkpoint.load(j.run.checkpoint, j.space) for j in (uncut, setup))
    assert one.state.losses == other.state.losses
    for name in ("weights", "average"):
        theirs = getattr(other, name)
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in getattr(one, name).items())
    for key, state in one.optimizer["state"].items():
        assert all(torch.equal(v, other.optimizer["state"][key][k]) for k, v in state.items())
    assert setup.run.state.finished


@pytest.mark.parametrize("law", ["constant", "sqrt"])
def test_a_longer_run_goes_on_where_a_single_run_of_its_length_would_be(tmp_path, law):
    recipe = evolve(RECIPE, rate_law=law)
    setup = new_setup(tmp_path, recipe, Limits(4))
    learn(setup)
    steps = []
    learn(_resume(setup, Limits(8)), steps.append)
    alone = []
    learn(new_setup(tmp_path, recipe, Limits(8)), alone.append)
    assert [(s.step, s.rate) for s in steps] == [(s.step, s.rate) for s in alone[4:]]


def test_a_shorter_run_has_the_peak_of_its_length(tmp_path):
    peaks = {}
    for law in ("constant", "sqrt"):
        steps = []
        learn(new_setup(tmp_path, evolve(RECIPE, rate_law=law), Limits(4)), steps.append)
        peaks[law] = max(step.rate for step in steps)
    assert peaks["sqrt"] == pytest.approx(math.sqrt(12 / 4) * peaks["constant"])  # its epochs have 12 steps


def test_a_budget_ends_a_run_in_time_and_its_rate_at_the_floor(tmp_path, monkeypatch):
    ticks = count(0.0, 1 / 16)  # a clock of its own: a step takes as long on every machine
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr("spacelang_runtime.engine.train.time", clock)
    steps = []
    setup = new_setup(tmp_path, limits=Limits(10**6, budget=1.0))
    state = learn(setup, steps.append).state
    assert state.elapsed == 1.0
    assert state.step == 16
    assert steps[-1].rate < steps[len(steps) // 2].rate
    assert [s.progress for s in steps] == sorted(s.progress for s in steps)
    assert setup.run.state.finished


def test_a_second_interrupt_acts_at_once(tmp_path):
    class Twice(Noise):
        def train_batches(self, first_step, steps, rank, world, device):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):  # two signals that arrive together may be one
                if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                    break
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)
            yield from super().train_batches(first_step, steps, rank, world, device)

    # A shell's background setup ignores Ctrl-C from the start; here it is to act as in the foreground.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            learn(new_setup(tmp_path, dataset=Twice()))
    finally:
        signal.signal(signal.SIGINT, inherited)


def test_a_step_that_is_no_number_is_skipped_counted_and_named(tmp_path):
    steps, weights = [], []
    setup = new_setup(tmp_path, dataset=Noise(poisoned=frozenset({3, 4})))

    def watch(step):
        steps.append(step)
        weights.append({name: tensor.clone() for name, tensor in setup.model.state_dict().items()})

    learn(setup, watch)
    assert [step.skipped for step in steps] == [0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    assert [bool(step.problem) for step in steps] == [i in (3, 4) for i in range(12)]
    assert "step 4" in steps[3].problem
    assert setup.subnets.largest.name in steps[3].problem
    assert all(torch.equal(weights[2][name], weights[4][name]) for name in weights[2])
    assert all(bool(tensor.isfinite().all()) for tensor in weights[-1].values())
    assert setup.run.state.skipped == 2


def test_ten_in_a_row_end_the_run_and_keep_the_last_good_weights(tmp_path):
    setup = new_setup(tmp_path, limits=Limits(40), dataset=Noise(poisoned=frozenset({2, *range(5, 40)})))
    steps = []
    with pytest.raises(Failure, match="10 steps in a row"):
        learn(setup, steps.append)
    assert steps[-1].step == 15
    kept = checkpoint.load(setup.run.checkpoint, setup.space)
    assert kept.state.step == 5
    assert all(math.isfinite(loss) for loss in kept.state.losses.values())
    assert all(bool(tensor.isfinite().all()) for tensor in kept.weights.values())


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (MemoryError(), "main memory does not hold a step of 8 images"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: no memory"), "main memory does not hold"),
        (torch.OutOfMemoryError("CUDA out of memory"), "the GPU's memory does not hold the training and its batch"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "prepares images was killed"),
    ],
)
def test_memory_that_does_not_suffice_ends_in_one_message_and_leaves_no_dead_run(tmp_path, fault, told):
    class Huge(Noise):
        def train_batches(self, first_step, steps, rank, world, device):
            yield from super().train_batches(first_step, 0, rank, world, device)
            raise fault

    with pytest.raises(Failure, match=told) as failure:
        learn(new_setup(tmp_path, dataset=Huge()))
    assert failure.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_later_keeps_what_it_has_learned(tmp_path):
    class Ending(Noise):
        def train_batches(self, first_step, steps, rank, world, device):
            yield from super().train_batches(first_step, 3, rank, world, device)
            raise Failure("the disk is gone")

    setup = new_setup(tmp_path, dataset=Ending())
    with pytest.raises(Failure, match="the disk is gone"):
        learn(setup, every=1e-9)
    assert checkpoint.load(setup.run.checkpoint, setup.space).state.step == 3


def test_what_a_run_has_learned_is_what_others_find(tmp_path):
    setup = new_setup(tmp_path)
    learn(setup)
    kept = checkpoint.load(setup.run.checkpoint, setup.space)
    model = trained(setup.run, lower(setup.space), torch.device("cpu"))
    assert not model.training
    assert all(torch.equal(tensor, kept.average[name]) for name, tensor in model.state_dict().items())
    assert any(not torch.equal(tensor, kept.weights[name]) for name, tensor in model.state_dict().items())


def test_norms_biases_tables_and_tokens_do_not_decay(tmp_path):
    setup = new_setup(tmp_path, evolve(RECIPE, learning_rate=Fraction(1, 100), weight_decay=1, warmup=0))
    optimizer = optimizer_of(decaying_first(setup.model, 1.0), notes=0)
    before = {name: parameter.detach().clone() for name, parameter in setup.model.named_parameters()}
    optimizer.step(0.01)
    moved = {n for n, p in setup.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert all(setup.model.get_parameter(name).ndim >= 2 for name in moved)
    assert not any("norm" in name or "bias" in name for name in moved)


def test_tensorboard_finds_the_losses(tmp_path):
    setup, steps = new_setup(tmp_path), []
    learn(setup, steps.append)
    events = EventAccumulator(str(setup.run.tensorboard))
    events.Reload()
    last = events.Scalars("loss/smallest")[-1]
    assert last.step == 12
    assert last.value == pytest.approx(steps[-1].losses["smallest"])


def test_a_profile_is_a_trace_that_its_viewer_reads(tmp_path):
    setup = new_setup(tmp_path)
    learn(setup, profile=True)
    caches = io.Cache()
    with caches:
        loaded = RunLoader("trace", str(setup.run.trace), caches).load()
    (profile,) = loaded.profiles.values()
    assert [row[0] for row in profile.overview["steps"]["rows"]] == ["3", "4", "5"]  # counted from 0
    assert {view.display_name for view in profile.views} >= {"Operator", "Trace"}
