"""How long one pass of a model in a file takes."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from spacelang_runtime.export.busy import watch
from spacelang_runtime.export.deployed_card import PassLatency
from spacelang_runtime.export.sessions.session import Session

WARM, PASSES = 3, 15


def pass_latency(session: Session, shape: tuple[int, int, int], threads: int) -> PassLatency:
    """The median of some passes over noise, after some that are not counted; of one image where the batch is free.

    shape: of an image. threads: that the session was told to use, to be told; 0: it was not.
    """
    batch = session.batch or 1
    images = np.random.default_rng(0).standard_normal((batch, *shape), np.float32)
    for _ in range(WARM):
        session.answer(images)
    others, times = watch(), []
    for _ in range(PASSES):
        began = time.perf_counter()
        session.answer(images)
        times.append(time.perf_counter() - began)
    return PassLatency(1000 * median(times), batch, threads, others())
