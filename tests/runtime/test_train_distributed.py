"""Several processes train the same supernet as one, on the same networks, and stop together."""

import os
import signal

import processes
import pytest
import torch
from attrs import evolve, frozen
from tiny_training import RECIPE, SPACE, Noise, learn, new_setup

from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.distributed import broadcast, choose
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import find
from spacelang_runtime.failure import Failure


class _Stopping(Noise):
    """The third batch comes with a SIGTERM to the process that asked for it."""

    def train_batches(self, first_step, steps, rank, world, device):
        for number, batch in enumerate(super().train_batches(first_step, steps, rank, world, device)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch


@frozen
class Account:
    """What a process has seen of a training."""

    drawn: list[list[str]]
    losses: list[dict[str, float]]
    ended: str
    weights: dict[str, list[float]]


def _account(runs, world, dataset, kept=None, most=8, **how):
    """most: how many images the memory of the process bears at a time."""
    setup = new_setup(runs / str(world.rank), RECIPE, Limits(8 if kept else 6), dataset)
    forward = setup.model.forward

    def bearing(images, *more):
        if len(images) > most:
            raise MemoryError
        return forward(images, *more)

    setup.model.forward = bearing
    setup = evolve(setup, checkpoint=kept)
    drawn, losses, ended = [], [], ""

    def draw(seed, step, count):
        found = setup.subnets.draw(seed, step, count)
        drawn.append([architecture.name for architecture in found])
        return found

    try:
        watched = evolve(setup, subnets=evolve(setup.subnets, draw=draw))
        learn(watched, lambda step: losses.append(dict(step.losses)), world, **how)
    except Failure as failure:
        ended = failure.message
    return Account(drawn, losses, ended, {k: v.tolist() for k, v in setup.model.state_dict().items()})


def _trained(world, runs):
    agreed = broadcast(world, f"process {world.rank}")
    whole = _account(runs / "whole", world, Noise())
    stopped = _account(runs / "stopped", world, _Stopping() if world.rank == 1 else Noise())
    shared = _account(runs / "shared", world, Noise(), shard=True)
    little = _account(runs / "little", world, Noise(), most=1 if world.rank else 8)
    kept = checkpoint.load(runs / "alone" / "tiny-1" / "checkpoint.pt", SPACE)
    again = [_account(runs / f"again-{how}", world, Noise(), kept, shard=how) for how in (False, True)]
    return world.rank, agreed, whole, stopped, shared, little, again


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two processes train: undisturbed, with a signal to the second, with a shared optimizer, with little memory
    in the second, and on from where one process alone had come."""
    runs = tmp_path_factory.mktemp("two")
    learn(new_setup(runs / "alone", RECIPE, Limits(6)))
    return runs, processes.two(_trained, runs)


def test_two_processes_learn_what_one_does(two, tmp_path):
    _, ((_, _, leader, *_), (_, _, follower, *_)) = two
    losses = []
    setup = new_setup(tmp_path, RECIPE, Limits(6))
    learn(setup, lambda step: losses.append(dict(step.losses)))
    assert leader.weights == follower.weights
    for name, tensor in setup.model.state_dict().items():
        torch.testing.assert_close(torch.tensor(leader.weights[name]), tensor, rtol=2e-4, atol=2e-5)
    for mine, theirs in zip(losses, leader.losses, strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4)


def test_all_processes_train_the_same_networks(two):
    _, ((_, _, leader, *_), (_, _, follower, *_)) = two
    assert leader.drawn == follower.drawn
    assert len({name for names in leader.drawn for name in names}) > 1


def test_one_process_speaks_and_writes_for_all(two):
    runs, ((_, first, *_), (_, second, follower, *_)) = two
    assert first == second == "process 0"
    assert follower.losses == []
    assert [find(runs / "whole" / str(rank)).checkpoint.exists() for rank in range(2)] == [True, False]


def test_an_optimizer_shared_out_learns_and_keeps_what_a_whole_one_does(two):
    runs, ((_, _, whole, _, leader, *_), (_, _, _, _, follower, *_)) = two
    assert leader.weights == follower.weights
    for name, values in whole.weights.items():
        torch.testing.assert_close(torch.tensor(leader.weights[name]), torch.tensor(values), rtol=2e-4, atol=2e-5)
    one, other = (find(runs / how / "0") for how in ("whole", "shared"))
    kept, theirs = (checkpoint.load(run.checkpoint, run.space).optimizer for run in (one, other))
    assert kept["param_groups"] == theirs["param_groups"]
    for index, state in kept["state"].items():
        for name, value in state.items():
            torch.testing.assert_close(theirs["state"][index][name], value, rtol=2e-3, atol=1e-6)


def test_what_one_process_trained_two_go_on_with(two, tmp_path):
    runs, ((*_, leaders), _) = two
    setup = new_setup(tmp_path, RECIPE, Limits(8))
    kept = checkpoint.load(runs / "alone" / "tiny-1" / "checkpoint.pt", setup.space)
    learn(evolve(setup, checkpoint=kept))
    for leader in leaders:  # with a whole optimizer, and with a shared one
        for name, tensor in setup.model.state_dict().items():
            torch.testing.assert_close(torch.tensor(leader.weights[name]), tensor, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("how", ["whole", "shared"])
def test_what_two_processes_trained_one_goes_on_with(two, tmp_path, how):
    runs, _ = two
    run = find(runs / how / "0")
    setup = evolve(new_setup(tmp_path, RECIPE, Limits(8)), checkpoint=checkpoint.load(run.checkpoint, run.space))
    assert learn(setup).state.step == 8


def test_a_signal_to_one_process_stops_all_after_the_same_step(two):
    runs, ((_, _, _, leader, *_), (_, _, _, follower, *_)) = two
    assert leader.ended.startswith("stopped at step 3 of 6")
    assert follower.ended.startswith("stopped at step 3 of 6")
    assert leader.weights == follower.weights
    assert find(runs / "stopped" / "0").state.step == 3


@pytest.mark.parametrize("name", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_a_failure(name):
    with pytest.raises(Failure, match=f"'{name}' cannot be used here"):
        choose(name)


def test_a_process_with_little_memory_takes_its_share_in_parts_and_the_others_need_not_know(two):
    runs, ((_, _, whole, _, _, leader, _), (_, _, _, _, _, follower, _)) = two
    assert leader.weights == follower.weights
    for mine, theirs in zip(whole.losses, leader.losses, strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4)
    assert find(runs / "little" / "0").state.finished
