"""Kernels start by Triton's own launcher where it takes what is known here, and else by its public one."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from attrs import define, field

from spacelang_runtime.ops.kernels import launch

ONE = torch.ones(4)


@define
class Compiled:
    """A compilation, with a launcher."""

    run: Any
    function: int = 7
    packed_metadata: tuple[int, ...] = ()


@define(slots=False)
class Kernel:
    """What is asked of a Triton kernel. public: its public starts, as they were asked for."""

    compiled: Any
    public: list[tuple[Any, ...]] = field(factory=list)
    arg_names: tuple[str, ...] = ("x", "n", "WIDE")

    def __attrs_post_init__(self) -> None:
        self.__name__ = "kernel"

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def start(*arguments: Any, **how: Any) -> Any:
            self.public.append((grid, *arguments, how["WIDE"]))
            return self.compiled

        return start


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_public", False)
    monkeypatch.setattr(launch, "_COMPILED", {})
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", lambda device: 11, raising=False)


def start(kernel: Kernel, times: int) -> None:
    for _ in range(times):
        launch.launch_kernel(kernel, (5, 2), ONE, 3, WIDE=True)


def test_the_first_start_compiles_and_those_after_it_go_by_the_launcher() -> None:
    started = []

    def run(gridX: int, gridY: int, gridZ: int, stream: int, function: int, *rest: Any) -> None:
        started.append((gridX, gridY, gridZ, stream, function, *rest))

    kernel = Kernel(Compiled(run))
    with warnings.catch_warnings(action="error"):
        start(kernel, 3)
    assert kernel.public == [((5, 2), ONE, 3, True)]
    assert started == [(5, 2, 1, 11, 7, (), None, None, None, ONE, 3, True)] * 2


def of_another_order(stream: int, gridX: int, gridY: int, gridZ: int, function: int, *rest: Any) -> None:
    raise AssertionError("started with a grid for a stream")


def of_fewer(gridX: int, gridY: int, gridZ: int, stream: int, function: int) -> None:
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("compiled", "reason"),
    [
        (Compiled(of_another_order), "its launcher takes stream, gridx"),
        (Compiled(of_fewer), "takes 5 positional arguments"),
        (object(), "have no run, function, packed_metadata"),
    ],
)
def test_a_launcher_that_takes_something_else_leaves_all_to_the_public_one(compiled: Any, reason: str) -> None:
    kernel = Kernel(compiled)
    with pytest.warns(RuntimeWarning, match=reason) as told:
        start(kernel, 4)
    assert len(told) == 1
    assert kernel.public == [((5, 2), ONE, 3, True)] * 4


def test_without_torchs_private_way_the_public_one_gives_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch._C, "_cuda_getCurrentRawStream")

    class Stream:
        cuda_stream = 23

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    assert launch.stream_of(0) == 23
