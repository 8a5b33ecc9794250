"""A few steps as a trace that TensorBoard shows with torch-tb-profiler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.profiler import ProfilerActivity, profile, schedule, tensorboard_trace_handler

from spacelang_runtime.engine.distributed import World

SKIPPED, WARMING, TRACED = 2, 1, 3  # steps


@contextmanager
def tracing(folder: Path, world: World) -> Iterator[Callable[[], None]]:
    """Trace steps 4 to 6 of what happens inside into a folder. Call the given function after each step."""
    # Else the profiler writes straight to the terminal, not least about GPUs that are not there.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    activities = [ProfilerActivity.CPU]
    if world.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(
        activities=activities,
        schedule=schedule(skip_first=SKIPPED, wait=0, warmup=WARMING, active=TRACED, repeat=1),
        on_trace_ready=tensorboard_trace_handler(str(folder), worker_name=f"process{world.rank}"),
    ) as profiler:
        yield profiler.step
