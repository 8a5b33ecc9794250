"""Pictures with their classes, as batches to train on and as images to score.

In: the name of the built-in set (`digits`) or images in any form (`forms`), a frame, and a training recipe. Out: a
`Dataset` of three splits that share no image: training; search, held out of the training images; and test. The two
that networks are scored on are `LabelledSplit`s; test images alone are one (`open_split`).
Then holds: the batch of a step is a pure function of (the files, the recipe, step, rank, world). The number of
workers, what is kept decoded, and where a run was cut do not change a byte of it.

The way of a picture: a worker process decodes it (or finds it decoded, `in_memory`) and crops it; its bytes go to
the device, where the whole batch is mirrored, distorted, erased, normalised and mixed, on a GPU by a thread and a
stream of their own while the network trains on the batch before (`prefetch`).
"""

from spacelang_runtime.data.dataset import Dataset, open_dataset
from spacelang_runtime.data.labelled import LabelledSplit, open_split
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.data.prefetch import Batch
from spacelang_runtime.data.splits import TestShare
from spacelang_runtime.data.training_data import TrainingData

__all__ = [
    "Batch",
    "Dataset",
    "LabelledSplit",
    "TestShare",
    "TrainingData",
    "normalise",
    "open_dataset",
    "open_split",
]
