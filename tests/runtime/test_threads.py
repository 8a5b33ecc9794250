"""The threads of torch on the CPU: they follow from the work, and what a user has said stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from attrs import evolve
from tiny_training import RECIPE, learn, new_setup

import spacelang as sl
from spacelang_runtime.engine import threads
from spacelang_runtime.engine.threads import ENOUGH, NAMES, suited
from spacelang_runtime.tasks.supernet.objective import training

CPU = torch.device("cpu")
CORES = 3


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of three cores, on which nobody has said how many threads there are to be."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "own", lambda: CORES)
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield
    torch.set_num_threads(before)


def inside(work: int, device: torch.device = CPU) -> int:
    """How many there are inside; afterwards there are as many as before."""
    before = torch.get_num_threads()
    with suited(work, device):
        here = torch.get_num_threads()
    assert torch.get_num_threads() == before
    return here


def test_small_passes_are_not_shared_out() -> None:
    assert (inside(0), inside(ENOUGH - 1)) == (1, 1)
    assert (inside(ENOUGH), inside(10**15)) == (CORES, CORES)


def test_another_device_has_no_need_of_it() -> None:
    assert inside(0, torch.device("cuda")) == CORES


@pytest.mark.parametrize("name", NAMES)
def test_a_number_in_the_environment_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(CORES))
    assert inside(0) == CORES


def test_a_number_that_torch_was_told_stays() -> None:
    torch.set_num_threads(2)
    assert inside(0) == 2


def test_what_fails_inside_leaves_them_as_they_were() -> None:
    with pytest.raises(ValueError), suited(0, CPU):  # noqa: PT011
        raise ValueError
    assert torch.get_num_threads() == CORES


def test_torch_takes_as_many_by_itself_as_are_taken_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    plain = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = "import torch\nfrom spacelang_runtime.engine.threads import own\nprint(torch.get_num_threads(), own())"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout
    taken, own = said.split()
    assert taken == own


@pytest.mark.parametrize(("batches", "parts"), [("shared", 1), ("split", 4)])
def test_the_work_of_a_training_is_that_of_the_largest_network_on_its_images(
    batches: str, parts: int, tmp_path: Path
) -> None:
    setup = new_setup(tmp_path, evolve(RECIPE, batches=batches))
    flops = sl.Architecture(setup.subnets.largest).flops
    assert training(setup).work == flops * RECIPE.batch // parts


def test_a_small_space_is_trained_on_one_as_if_a_user_had_said_so(tmp_path: Path) -> None:
    seen: list[int] = []
    result = learn(new_setup(tmp_path), lambda step: seen.append(torch.get_num_threads()))
    assert set(seen) == {1}
    assert torch.get_num_threads() == CORES
    torch.set_num_threads(1)
    assert learn(new_setup(tmp_path)).state.losses == result.state.losses


def test_a_small_space_is_searched_on_one(tmp_path: Path) -> None:
    space, seen = sl.load("spaces/digits.space"), list[int]()
    run = sl.train(space, "digits", steps=2, settings={"batch": 16}, device="cpu", runs=tmp_path)
    small = {"population": 4, "parents": 2, "generations": 1, "crossover": 1, "mutation": 1}
    observe = lambda _: seen.append(torch.get_num_threads())  # noqa: E731
    run.search(images=64, settings=small, device="cpu", observe=observe)
    assert set(seen) == {1}
    assert torch.get_num_threads() == CORES
