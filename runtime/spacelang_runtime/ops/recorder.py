"""Work on memory that stays where it is, recorded as CUDA graphs, each of which one call starts as a whole."""

from __future__ import annotations

from collections.abc import Callable

import torch

FIRST = 2  # how often a call comes before it is recorded: what libraries set up for it stays out of the recording


class Recorder:
    """What makes CUDA graphs. Those of one part use the same memory, so that what one leaves there is gone when
    another of them has run."""

    def __init__(self, device: torch.device) -> None:
        self._pools: dict[object, tuple[int, int]] = {}
        self._stream = torch.cuda.Stream(device)
        with torch.cuda.stream(self._stream):
            # What products work in on this stream lies outside of the graphs' own memory from the first.
            one = torch.ones(16, 16, device=device, dtype=torch.bfloat16)
            torch.addmm(one[0], one, torch.mm(one, one))

    def record(self, run: Callable[[], object], part: object) -> Callable[[], object]:
        """A call that does on the device what `run` starts there, which is started by the call alone."""
        pool = self._pools.get(part) or self._pools.setdefault(part, torch.cuda.graph_pool_handle())
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream), torch.no_grad(), torch.autocast("cuda", enabled=False):
            # Other threads, which feed the device, go on calling it meanwhile.
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                run()
            finally:
                graph.capture_end()
        return graph.replay


class Repeated:
    """A call that comes again and again on the same memory, and for which that is all that it depends on: on a GPU
    recorded, where that can be."""

    def __init__(self, device: torch.device, records: bool = True) -> None:
        self._device, self._records = device, records and device.type == "cuda"
        self._seen = 0
        self._replay: Callable[[], object] | None = None

    def __call__(self, run: Callable[[], object]) -> None:
        """Do what `run` does, which is the same each time."""
        if self._replay is None and self._records:
            self._seen += 1
            if self._seen > FIRST:
                try:
                    self._replay = Recorder(self._device).record(run, None)
                except RuntimeError:  # out of memory, or a call from elsewhere that a recording does not bear
                    self._records = False
                    torch.cuda.synchronize()
        (self._replay or run)()
