"""One network's part of a training step: its loss, and its gradient added to what is there.

A network that comes in every step, such as the largest and the smallest of a space, is recorded as a CUDA graph
when it comes for the third time, where memory allows: a replay starts all its kernels at once. Any other is started
kernel by kernel, or, where its kernels are short, in recorded pieces (`pieces`); none is compiled for its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from spacelang.architecture import Architecture
from spacelang_runtime.fused import backend
from spacelang_runtime.fused.pieces import Pieces, RecordedStep
from spacelang_runtime.fused.weights import Weights, gradient, weights
from spacelang_runtime.nn.drop_path import BatchSlice
from spacelang_runtime.nn.supernet import Supernet

OFTEN = 3  # how many times a network comes before it is recorded
MANY = 1000  # networks whose coming is counted; beyond, all counts begin anew


def learn(
    model: Supernet,
    architecture: Architecture,
    images: Tensor,
    targets: Tensor,
    drop_path: float,
    share: float,
    rows: BatchSlice | None = None,
    records: bool = True,
) -> Tensor:
    """The cross-entropy of an architecture, of which `share` times the gradient is added to the parameters'
    `.grad`.

    Called where `distributed.precision` is on, by a training whose optimizer counts the versions of the
    parameters up. rows: which of a batch the images are, where they are not all of it. records: whether networks
    that come again may be recorded.
    """
    if records and backend.serves(model, images):
        book = _BOOKS.setdefault(model, Book())
        return book.learn(model, architecture, images, targets, drop_path, share, rows)
    loss = cross_entropy(model(images, architecture, drop_path, rows).float(), targets)
    (loss * share).backward()
    return loss.detach()


class Book:
    """The recordings of a model."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], int] = {}
        self._graphs: dict[tuple[object, ...], Recording] = {}
        self._inputs: dict[torch.Size, Inputs] = {}  # by the images' shape: parts of a batch may differ by one
        self._pieces: dict[torch.Size, Pieces] = {}
        self._bound: tuple[Weights, int] | None = None
        self._records = True

    def learn(
        self,
        model: Supernet,
        architecture: Architecture,
        images: Tensor,
        targets: Tensor,
        drop_path: float,
        share: float,
        rows: BatchSlice | None = None,
    ) -> Tensor:
        low = weights(model, torch.bfloat16, counted=True)
        bound = (low, gradient(model.head.bias).data_ptr())
        if self._bound != bound:  # other memory: what was recorded reads and writes elsewhere
            self._graphs.clear()
            self._seen.clear()
            self._inputs.clear()
            self._pieces.clear()
            self._bound = bound
        step = drop_path / max(architecture.depth - 1, 1) if model.training else 0.0
        keep = backend.drop_path_factors(images, architecture.depth, step, rows)
        key = (architecture, images.shape, targets.shape, targets.dtype, step, share)
        if key not in self._graphs:
            seen = self._seen.get(key, 0) + 1
            if len(self._seen) > MANY:
                self._seen.clear()
            self._seen[key] = seen
            if seen <= OFTEN or not self._records or not _roomy(images.device):
                pieces = self._recorded(model, architecture, images, keep, low)
                return eager(model, architecture, images, targets, keep, share, low, pieces)
            if images.shape not in self._inputs:
                self._inputs[images.shape] = Inputs(images, targets)
            inputs = self._inputs[images.shape]
            try:
                self._graphs[key] = Recording(model, architecture, inputs, keep, share, low)
            except RuntimeError:  # out of memory, or a call from elsewhere that a recording does not bear
                self._records = False
                torch.cuda.synchronize()
                return eager(model, architecture, images, targets, keep, share, low)
        self._inputs[images.shape].fill(images, targets)
        return self._graphs[key].replay(keep)

    def _recorded(
        self, model: Supernet, architecture: Architecture, images: Tensor, keep: Tensor | None, low: Weights
    ) -> Sequence[RecordedStep | None]:
        """The pieces of a network that are recorded."""
        if not self._records or model.checkpointing:
            return ()
        try:
            if images.shape not in self._pieces:
                if not _roomy(images.device):
                    return ()
                self._pieces[images.shape] = Pieces(model, images, low)
            return self._pieces[images.shape].of(architecture, keep, partial(_roomy, images.device))
        except RuntimeError:  # as above
            self._records = False
            self._pieces.clear()
            torch.cuda.synchronize()
            return ()


_BOOKS: WeakKeyDictionary[Supernet, Book] = WeakKeyDictionary()


class Inputs:
    """Where recordings find their batch."""

    def __init__(self, images: Tensor, targets: Tensor) -> None:
        self.images, self.targets = images.clone(), targets.clone()
        self.pool = torch.cuda.graph_pool_handle()
        self._now: tuple[ref[Tensor], int] | None = None

    def fill(self, images: Tensor, targets: Tensor) -> None:
        """Copy a batch; once for all networks that share it."""
        if self._now is None or self._now[0]() is not images or self._now[1] != images._version:
            self.images.copy_(images)
            self.targets.copy_(targets)
            self._now = ref(images), images._version


class Recording:
    """A network's forward and backward pass as a CUDA graph."""

    def __init__(
        self,
        model: Supernet,
        architecture: Architecture,
        inputs: Inputs,
        keep: Tensor | None,
        share: float,
        found: Weights,
    ) -> None:
        self._keep = None if keep is None else keep.clone()
        self._graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        # Other threads, which feed the device, go on calling it meanwhile.
        with torch.cuda.graph(self._graph, pool=inputs.pool, capture_error_mode="thread_local"):
            self._loss = eager(model, architecture, inputs.images, inputs.targets, self._keep, share, found)

    def replay(self, keep: Tensor | None) -> Tensor:
        if keep is not None:
            self._keep.copy_(keep)
        self._graph.replay()
        return self._loss.clone()


def eager(
    model: Supernet,
    architecture: Architecture,
    images: Tensor,
    targets: Tensor,
    keep: Tensor | None,
    share: float,
    found: Weights | None = None,
    pieces: Sequence[RecordedStep | None] = (),
) -> Tensor:
    """As `learn`, with the factors of its branches (`backend.drop_path_factors`), and the weights and recorded
    pieces, if they are at hand."""
    logits = backend.run(model, images, architecture, keep, found, pieces)
    loss = cross_entropy(logits.float(), targets)
    (loss * share).backward()
    return loss.detach()


def _roomy(device: torch.device) -> bool:
    """Whether the device has room for a second set of activations beside the one that has been in use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free > 1.2 * torch.cuda.max_memory_allocated(device)
