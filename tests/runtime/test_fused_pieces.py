"""Networks in recorded pieces learn what they learn without: to the bit, whichever pieces are recorded by then."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from networks import AWKWARD, draw, shipped, stirred
from torch import Tensor

from spacelang.lower.lowered import lower
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.engine.optimizer import optimizer_of
from spacelang_runtime.fused import learn as learning
from spacelang_runtime.fused import pieces as recording
from spacelang_runtime.fused.attention import by_windows
from spacelang_runtime.fused.backend import backend
from spacelang_runtime.fused.pieces import RecordedStep
from spacelang_runtime.fused.weights import weights
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.objective import decaying_first


class Recorder:
    """Plays again by doing again, where there are no CUDA graphs. parts: of what was recorded."""

    parts: list[object]

    def __init__(self, device: torch.device) -> None:
        self.parts = []

    def record(self, run: Callable[[], object], part: object) -> Callable[[], object]:
        self.parts.append(part)
        return run


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("gpu"):
        return
    monkeypatch.setattr(recording, "Recorder", Recorder)
    monkeypatch.setattr(learning, "_roomy", lambda device: True)
    monkeypatch.setattr(recording, "by_windows", lambda *_: True)  # here the reference stands for the kernels
    monkeypatch.setattr(learning, "OFTEN", 10**6)  # no network is recorded as a whole
    monkeypatch.setattr(learning, "weights", lambda model, dtype, counted: weights(model, torch.float32, counted))


def supernet(name: str) -> tuple[Supernet, random.Random]:
    lowered = lower(AWKWARD[name])
    model = stirred(Supernet(lowered.space.frame, lowered.plan))
    optimizer_of(decaying_first(model, 0.05), notes=1)  # gradients lie in one vector, as they do in a training
    return model, random.Random(7)


@pytest.mark.parametrize("drop_path", [0.0, 0.4])
@pytest.mark.parametrize("name", ["pyramid", "pyramid without positions", "column with windows"])
def test_losses_and_gradients_are_the_same(name: str, drop_path: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over networks that come by turns, so that pieces, and layers that are none yet, stand beside one another in
    every way; odd maps, branches that samples leave out."""
    lowered, (model, rng) = lower(AWKWARD[name]), supernet(name)
    frame, book, mixed = lowered.space.frame, learning.Book(), 0
    eager = learning.eager

    def told(*arguments: object) -> Tensor:
        nonlocal mixed
        pieces = arguments[7]
        mixed += 0 < sum(piece is not None for piece in pieces) < len(pieces)
        return eager(*arguments)

    monkeypatch.setattr(learning, "eager", told)
    for step in range(24):
        architecture = draw(lowered, rng)
        images = torch.randn(2, frame.channels, frame.image, frame.image)
        targets = torch.randint(frame.classes, (2,))
        found = []
        for learn in (book.learn, learning.Book().learn):
            for parameter in model.parameters():
                parameter.grad.zero_()
            torch.manual_seed(step)
            loss = learn(model, architecture, images, targets, drop_path, 0.25)
            found.append([loss, *(parameter.grad.clone() for parameter in model.parameters())])
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    (pieces,) = book._pieces.values()
    assert mixed > 5
    assert len(pieces._pieces) > 5
    assert len(pieces._recorder.parts) == 2 * len(pieces._pieces)


def test_every_piece_reads_where_the_one_before_it_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So nothing is copied but what comes from the patch embedding, and on the way back from the head."""
    lowered, (model, _) = lower(AWKWARD["pyramid"]), supernet("pyramid")
    book, images, targets = learning.Book(), torch.randn(2, 3, 52, 52), torch.tensor([0, 1])
    copied = []
    put = recording._put

    def told(value: Tensor, place: Tensor) -> None:
        if value.data_ptr() != place.data_ptr():
            copied.append(value)
        put(value, place)

    monkeypatch.setattr(recording, "_put", told)
    for _ in range(recording.AGAIN + 1):
        copied.clear()
        book.learn(model, lowered.largest, images, targets, 0.0, 1.0)
    assert len(copied) == 2


def test_layers_that_the_kernels_of_windows_do_not_serve_are_no_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here those with relative positions; the mergings between them are."""
    monkeypatch.setattr(recording, "by_windows", by_windows)
    lowered, (model, rng) = lower(AWKWARD["pyramid with all positions"]), supernet("pyramid with all positions")
    book, images, targets = learning.Book(), torch.randn(1, 3, 52, 52), torch.tensor([1])
    for _ in range(12):
        book.learn(model, draw(lowered, rng), images, targets, 0.0, 1.0)
    (pieces,) = book._pieces.values()
    assert {part[1] for part in pieces._recorder.parts if part != "back"} == {"merging"}


def test_where_recording_fails_all_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered, (model, _) = lower(AWKWARD["pyramid"]), supernet("pyramid")
    book, images, targets = learning.Book(), torch.randn(1, 3, 52, 52), torch.tensor([1])

    def refused(self: Recorder, run: Callable[[], object], part: object) -> Callable[[], object]:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Recorder, "record", refused)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    losses = [book.learn(model, lowered.largest, images, targets, 0.0, 1.0) for _ in range(3)]
    assert losses[0] == losses[1] == losses[2]
    assert not book._pieces


def test_a_training_keeps_so_many_pieces_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered, (model, rng) = lower(AWKWARD["pyramid"]), supernet("pyramid")
    book, images, targets = learning.Book(), torch.randn(1, 3, 52, 52), torch.tensor([1])
    monkeypatch.setattr(recording, "MOST", 5)
    for _ in range(12):
        book.learn(model, draw(lowered, rng), images, targets, 0.0, 1.0)
    (pieces,) = book._pieces.values()
    assert len(pieces._pieces) == 5
    assert all(isinstance(piece, RecordedStep) for piece in pieces._pieces.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_graphs_of_pieces_learn_what_kernels_started_one_by_one_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, over networks that come again in another order."""
    device, lowered, rng = torch.device("cuda"), shipped("mini"), random.Random(3)
    model = stirred(Supernet(lowered.space.frame, lowered.plan, backend)).to(device)
    optimizer = optimizer_of(decaying_first(model, 0.05), notes=1)
    monkeypatch.setattr(learning, "OFTEN", 10**6)
    drawn = [draw(lowered, rng) for _ in range(4)]
    for step in range(16):
        images = torch.randn(16, 3, 64, 64, device=device)
        targets = torch.randint(100, (16,), device=device)
        found = []
        for records in (True, False):
            optimizer.gradient.clear()
            torch.manual_seed(step)
            with precision(device):
                loss = learning.learn(
                    model, drawn[step * 3 % 4], images, targets, drop_path=0.1, share=0.5, records=records
                )
            found.append([loss, *(parameter.grad.clone() for parameter in model.parameters())])
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    (pieces,) = learning._BOOKS[model]._pieces.values()
    assert learning._BOOKS[model]._records
    assert len(pieces._pieces) > 20
