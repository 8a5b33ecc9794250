"""The data that a run was trained on, opened again. What scores networks imports this, and no trainer."""

from __future__ import annotations

from collections.abc import Callable

from spacelang.runs import resuming
from spacelang_runtime.data import Dataset, TestShare, TrainingData, open_dataset
from spacelang_runtime.data.training_data import from_notes, to_notes
from spacelang_runtime.engine.place import differences, place_of, read_data
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

Say = Callable[[str], None]


def dataset_of(
    run: RunFolder, say: Say, workers: int = 0, where: str | None = None, mended: bool = False
) -> Dataset:
    """The data that a run was trained on, scored by the preprocessing that the run has recorded. where: where it is
    now; None: where it was. mended: whether it may have been changed where it is, which is said. Raises `Failure`
    where it is not what it was."""
    space, data, folder = run.space, run.record.data, place_of(run, where)
    preprocessing = run.record.preprocessing
    dataset = open_dataset(folder, space.frame, space.train, workers, say, preprocessing, share_of(run))
    if dataset.fingerprint == data.fingerprint and dataset.classes == data.classes:
        return dataset
    kept = read_data(run)
    changes = "" if kept is None else differences(kept[0], dataset.files)
    if mended and where is None and changes and dataset.classes == data.classes:
        say(f"{folder} has changed since {run.name} began: {changes}")
        return dataset
    if dataset.files and kept is not None and not changes and dataset.classes == data.classes:
        raise Failure(
            f"{folder} is not what {run.name} was trained on: every class has as many images, of as many bytes, "
            "under other names",
            "write it again with the names that the files had: which images are held out, and their order, follow "
            "from the names; or train a new run",
        )
    again = f"train on with them: {resuming(run.folder, run.record.task == 'finetune')}" if changes else ""
    raise changed(folder, run.name, changes, "" if where else again)


def share_of(run: RunFolder) -> TestShare | None:
    """What a run's data has held out for the test; None for data with a test split of its own."""
    data = run.record.data
    return TestShare(data.test_share, data.test_seed) if data.test_share else None


def learned_by(run: RunFolder) -> TrainingData | None:
    """What is to be known of a run's data where images are held out for a test of its networks."""
    data = run.record.data
    return from_notes(to_notes(data.test_share, data.test_seed, data.fingerprint, data.test_seen))


def changed(where: str, run: str, changes: str = "", again: str = "") -> Failure:
    """The refusal of data that is not what a run was trained on. changes: how it differs; again: what else helps,
    both in words."""
    return Failure(
        f"{where} is not what {run} was trained on: its images have changed" + (f": {changes}" if changes else ""),
        "bring them back, or train a new run" + (f"; or {again}" if again else ""),
    )


def preprocessing_of(run: RunFolder, say: Say, where: str | None = None) -> Preprocessing:
    """What the networks of a run are scored by. where: where its data is now.

    A run of before that was recorded looked at each picture by the picture's own size: at one not larger than the
    image as a whole, at seven eighths of any other. What it did with most of them is what is chosen for its data;
    where that is not at hand any more, it is the crop share that its models have always stated.
    """
    if run.record.preprocessing is not None:
        return run.record.preprocessing
    try:
        return dataset_of(run, say, where=where).preprocessing
    except Failure as reason:
        say(f"how much of a picture {run.name} looked at cannot be told: {reason.message}")
        say("its models state crop_pct 0.875, which is right for pictures larger than the space's image")
        return Preprocessing()
