"""The scalars that training has written for TensorBoard."""

from __future__ import annotations

import logging

from spacelang_runtime.engine.run import RunFolder

PlottedCurve = tuple[list[int], list[float]]


def curves_of(run: RunFolder) -> dict[str, PlottedCurve]:
    """Steps and values of each scalar of a run's training, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    if not run.tensorboard.is_dir():
        return {}
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of each run that went on as of a fault
    events = EventAccumulator(str(run.tensorboard), size_guidance={SCALARS: 2000}).Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = sorted(events.Scalars(tag), key=lambda point: point.step)  # files of one second come in any order
        found[tag] = ([point.step for point in points], [point.value for point in points])
    return found
