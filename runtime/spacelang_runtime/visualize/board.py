"""The look inside while a network learns: attention maps in TensorBoard, beside the run's scalars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from spacelang.architecture import Architecture
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.step import Observe, Step
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.visualize import panels
from spacelang_runtime.visualize.photo import photo, read
from spacelang_runtime.visualize.weights import maps

TIMES = 20  # figures a training: each takes the time of a few steps


@contextmanager
def board(
    run: RunFolder, model: Supernet, architecture: Architecture, path: Path, preprocessing: Preprocessing
) -> Iterator[Observe]:
    """An observer that draws, twenty times a training, what the heads of every stage's last layer look at from the
    middle of a photo, in one of the supernet's networks. Raises `Failure` where the photo cannot be read."""
    frame = architecture.frame
    picture = photo(path, frame, preprocessing)
    middle = (frame.image // 2, frame.image // 2)
    writer = SummaryWriter(str(run.tensorboard), filename_suffix=".attention")
    drawn = -1

    def observe(step: Step) -> None:
        nonlocal drawn
        if int(step.progress * TIMES) <= drawn:
            return
        drawn = int(step.progress * TIMES)
        # A copy: the weights in training keep their type and mode, and their random numbers.
        network = extract(model, architecture)
        image = read([picture], frame, preprocessing).to(next(network.parameters()).device)
        for number, stage in enumerate(architecture.stages):
            at = (middle[1] // (frame.patch << number), middle[0] // (frame.patch << number))
            attention = maps(network, image, (number, len(stage.layers) - 1), at)
            title = f"step {step.step}, stage {number + 1}, block {len(stage.layers)}"
            pixels = panels.pixels(panels.attention(picture, attention, middle, title))
            writer.add_image(f"attention/stage {number + 1}", pixels, step.step, dataformats="HWC")

    try:
        yield observe
    finally:
        writer.close()
