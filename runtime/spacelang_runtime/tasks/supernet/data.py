"""The data that a run was trained on, opened again. What scores networks imports this, and no trainer."""

from __future__ import annotations

from collections.abc import Callable

from spacelang_runtime.data import Dataset, open_dataset
from spacelang_runtime.engine.run import Run
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

Say = Callable[[str], None]


def dataset_of(run: Run, say: Say, workers: int = 0) -> Dataset:
    """The data that a run was trained on, scored by the preprocessing that the run has recorded. Raises `Failure`
    where it is not what it was."""
    space, data = run.space, run.record.data
    dataset = open_dataset(data.where, space.frame, space.train, workers, say, run.record.preprocessing)
    if dataset.fingerprint != data.fingerprint or dataset.classes != data.classes:
        raise changed(data.where, run.name)
    return dataset


def changed(where: str, run: str) -> Failure:
    """The refusal of data that is not what a run was trained on."""
    return Failure(
        f"{where} is not what {run} was trained on: its images have changed", "bring them back, or train a new run"
    )


def preprocessing_of(run: Run, say: Say) -> Preprocessing:
    """What the networks of a run are scored by.

    A run of before that was recorded looked at each picture by the picture's own size: at one not larger than the
    image as a whole, at seven eighths of any other. What it did with most of them is what is chosen for its data;
    where that is not at hand any more, it is the crop share that its models have always stated.
    """
    if run.record.preprocessing is not None:
        return run.record.preprocessing
    try:
        return dataset_of(run, say).preprocessing
    except Failure as reason:
        say(f"how much of a picture {run.name} looked at cannot be told: {reason.message}")
        say("its models state crop_pct 0.875, which is right for pictures larger than the space's image")
        return Preprocessing()
