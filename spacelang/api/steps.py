"""Who is told of the steps of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacelang_runtime.engine.step import Step

Observe = Callable[["Step"], None]


def steps_to(observe: Observe) -> Any:
    """What watches a training, for someone who is told of its steps."""
    from spacelang_runtime.app.watching import watched_by
    from spacelang_runtime.engine.step import Step

    def watch(seen: object) -> None:
        if isinstance(seen, Step):
            observe(seen)

    return watched_by(watch)
