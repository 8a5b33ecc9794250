"""Networks in recorded pieces: each layer and each patch merging, in each of the sizes in which it comes again and
again, as two CUDA graphs, one for either way.

Random networks hardly ever come twice, but their layers do: a layer of a space has tens of variants. A replay
starts all kernels of a piece at once. Recordings read and write memory that stays where it is, and pieces are
joined there: what a layer gives lies where the next one of its stage reads it, whichever variants both are of.
What is saved for the backward pass lies in memory that the variants of a layer share, since a network has one of
them; what backward passes need for themselves is shared by all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from spacelang.architecture import Architecture, Layer, Stage
from spacelang_runtime.fused.attention import by_windows
from spacelang_runtime.fused.layer import LayerPass, Places, ResidualStream, StreamGradient
from spacelang_runtime.fused.patch_merging import PatchMergingPass
from spacelang_runtime.fused.weights import Weights
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.ops.recorder import Recorder
from spacelang_runtime.ops.windows import Grid, cut, grid_of

AGAIN = 2  # how many times a variant comes before it is recorded
MOST = 1024  # pieces that are kept
SMALL = 64 * 2**20  # bytes of a stage's stream up to which starting its kernels takes longer than they do

Key = tuple[object, ...]
PartPass = LayerPass | PatchMergingPass


class RecordedStep(NamedTuple):
    """A recorded step: where it reads the stream and where it leaves its own; the same of the change on the way
    back; what runs it either way."""

    reads: ResidualStream
    gives: ResidualStream
    change: StreamGradient
    changed: StreamGradient
    forth: Callable[[], object]
    back: Callable[[], object]

    def forward(self, stream: ResidualStream) -> ResidualStream:
        _put(stream.x, self.reads.x)
        if self.reads.added is not None:
            _put(stream.added, self.reads.added)
        self.forth()
        return self.gives

    def backward(self, change: StreamGradient) -> StreamGradient:
        _put(change.x, self.change.x)
        if self.change.added is not self.change.x:
            _put(change.added, self.change.added)
        self.back()
        return self.changed


def _put(value: Tensor, place: Tensor) -> None:
    """Copy what a step that is no piece has left elsewhere."""
    if value.data_ptr() != place.data_ptr():
        place.copy_(value)


class Pieces:
    """The recorded pieces of a supernet for images of one shape."""

    def __init__(self, model: Supernet, images: Tensor, found: Weights) -> None:
        self._modules, self._found = model.stages, found  # not the model, which would keep itself by its book
        self._stages = [
            StageBuffers(model, number, grid, images, found.dtype)
            for number, grid in enumerate(_grids(model, images))
        ]
        self._recorder = Recorder(images.device)
        self._seen: dict[Key, int] = {}
        self._pieces: dict[Key, RecordedStep | None] = {}
        self._full = False

    def of(
        self, architecture: Architecture, keep: Tensor | None, room: Callable[[], bool]
    ) -> list[RecordedStep | None]:
        """The pieces of a network in the order of its layers and mergings, None for what is not recorded; what has
        come often enough is recorded now, where there is room. keep: as in `backend.forward`; it is put where the
        pieces read it."""
        keeps, found, before = keep is not None, [], 0
        for number, (stage, place) in enumerate(zip(architecture.stages, self._stages, strict=True)):
            if number and place.small and self._stages[number - 1].small:
                last = architecture.stages[number - 1]
                sizes = (number, len(last.layers), last.embed, stage.embed, keeps)
                found.append(self._find(sizes, partial(self._merging, *sizes), room))
            elif number:
                found.append(None)
            if not place.small:
                found += [None] * len(stage.layers)
            else:
                for index, layer in enumerate(stage.layers):
                    about = (number, index, stage.embed, layer, keeps)
                    found.append(self._find(about, partial(self._layer, stage, *about), room))
                if keep is not None:
                    factors = keep[2 * before : 2 * (before + len(stage.layers))]
                    place.keep[: len(factors)].copy_(factors)
            before += len(stage.layers)
        return found

    def _find(
        self, key: Key, make: Callable[[], RecordedStep | None], room: Callable[[], bool]
    ) -> RecordedStep | None:
        if key in self._pieces or self._full:
            return self._pieces.get(key)
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if seen < AGAIN:
            return None
        if len(self._pieces) >= MOST or not room():
            self._full = True
            return None
        piece = self._pieces[key] = make()
        return piece

    def _layer(
        self, stage: Stage, number: int, index: int, embed: int, layer: Layer, keeps: bool
    ) -> RecordedStep | None:
        place, module = self._stages[number], self._modules[number].layers[index]
        about = cut(place.grid, layer.window, module.shifted, module.token)
        if not by_windows(module, about, layer.head_width, layer.window == "global"):
            return None
        factors = (place.keep[2 * index], place.keep[2 * index + 1]) if keeps else None
        change, changed = place.change(embed, keeps), place.change(embed, keeps and index > 0)
        gives = place.stream(index + 1, embed, keeps)
        places = Places(gives.x, gives.added, *changed)
        step = LayerPass(module, self._found, layer, stage.hidden(layer), factors, True, False, places)
        return self._record((number, index), step, place.stream(index, embed, keeps), gives, change, changed)

    def _merging(self, number: int, depth: int, width: int, embed: int, keeps: bool) -> RecordedStep:
        before, place = self._stages[number - 1 : number + 1]
        gives, changed = place.stream(0, embed, keeps), before.change(width, keeps and depth > 0)
        step = PatchMergingPass(self._modules[number].merge, self._found, embed, (gives.x, *changed))
        reads = before.stream(depth, width, keeps)
        return self._record((number, "merging"), step, reads, gives, place.change(embed, False), changed)

    def _record(
        self,
        part: Key,
        step: PartPass,
        reads: ResidualStream,
        gives: ResidualStream,
        change: StreamGradient,
        changed: StreamGradient,
    ) -> RecordedStep:
        forth = self._recorder.record(lambda: step.forward(reads), part)
        back = self._recorder.record(lambda: step.backward(change), "back")
        return RecordedStep(reads, gives, change, changed, forth, back)


class StageBuffers:
    """Where the streams of a stage lie, and the gradients of them: memory for its widest, of which others take the
    beginning. small: whether its layers may be pieces."""

    def __init__(self, model: Supernet, number: int, grid: Grid, images: Tensor, dtype: torch.dtype) -> None:
        self._layers = model.stages[number].layers
        self.grid, self.tokens = grid, grid[0] * grid[1]
        self._rows, samples = len(images) * self.tokens, len(images)
        most = self._rows * len(self._layers[0].norm1_weight)
        windowed = model.tokens is None or model.tokens.token is None
        self.small = windowed and most * dtype.itemsize <= SMALL
        size = most if self.small else 0
        count = len(self._layers)
        self._x = [torch.empty(size, dtype=dtype, device=images.device) for _ in range(count + 1)]
        self._added, self._dx, self._d_added = (torch.empty_like(self._x[0]) for _ in range(3))
        self.keep = torch.empty(2 * count, samples, device=images.device)

    def _of(self, flat: Tensor, embed: int) -> Tensor:
        return flat[: self._rows * embed].view(self._rows, embed)

    def stream(self, index: int, embed: int, keeps: bool) -> ResidualStream:
        """The stream before the layer of an index, or behind the last."""
        x = self._of(self._x[index], embed)
        if not index:
            return ResidualStream(x, self.grid, self.tokens)
        factor = self.keep[2 * index - 1] if keeps else None
        bias = self._layers[index - 1].contract_bias
        return ResidualStream(x, self.grid, self.tokens, self._of(self._added, embed), factor, bias)

    def change(self, embed: int, apart: bool) -> StreamGradient:
        """The gradient of a stream. apart: whether that of what is added is another than that of the stream."""
        dx = self._of(self._dx, embed)
        return StreamGradient(dx, self._of(self._d_added, embed) if apart else dx)


def _grids(model: Supernet, images: Tensor) -> list[Grid]:
    """The maps of the stages; one with an odd side is padded to merge."""
    grids = [grid_of(images, model.stem.patch)]
    for _ in model.stages[1:]:
        rows, columns = grids[-1]
        grids.append((-(-rows // 2), -(-columns // 2)))
    return grids
