"""What comes again and again is recorded where it can be, and done each time, once each time, wherever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from spacelang_runtime.ops import recorder
from spacelang_runtime.ops.recorder import FIRST, Repeated

CALLS = FIRST + 3


class Done:
    """How often something was done."""

    def __init__(self) -> None:
        self.alone, self.replayed, self.recorded = 0, 0, 0

    def run(self) -> None:
        self.alone += 1

    def replay(self) -> None:
        self.replayed += 1


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    done = Done()

    class Recorder:
        def __init__(self, device: torch.device) -> None:
            pass

        def record(self, run: Callable[[], object], part: object) -> Callable[[], object]:
            done.recorded += 1
            return done.replay

    monkeypatch.setattr(recorder, "Recorder", Recorder)
    return done


def test_on_a_gpu_all_but_the_first_calls_are_replays(done: Done) -> None:
    repeated = Repeated(torch.device("cuda"))
    for _ in range(CALLS):
        repeated(done.run)
    assert (done.alone, done.recorded, done.replayed) == (FIRST, 1, CALLS - FIRST)


@pytest.mark.parametrize(("device", "records"), [("cpu", True), ("cuda", False)])
def test_elsewhere_nothing_is_recorded(done: Done, device: str, records: bool) -> None:
    repeated = Repeated(torch.device(device), records)
    for _ in range(CALLS):
        repeated(done.run)
    assert (done.alone, done.recorded) == (CALLS, 0)


def test_where_recording_fails_all_goes_on_without(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refused(self: object, run: Callable[[], object], part: object) -> Callable[[], object]:
        tries.append(part)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recorder.Recorder, "record", refused)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    repeated = Repeated(torch.device("cuda"))
    for _ in range(CALLS):
        repeated(done.run)
    assert (done.alone, len(tries)) == (CALLS, 1)
