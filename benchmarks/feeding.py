"""Does training wait for its images, and what do more GPUs bring? One command prints the table.

    python benchmarks/feeding.py imagenette-128                          # one GPU, 16 readers, s3.space, batch 256
    python benchmarks/feeding.py imagenette-128 --processes 1,2,4        # and two and four GPUs of this host
    python benchmarks/feeding.py photos --space spaces/digits.space --batch 16 --steps 4 --workers 1 --device cpu

The folder has train/CLASS/* and val/CLASS/*; pictures smaller than the space's are enlarged. All of it goes through
the trainer that `spacelang train` runs, under torchrun, with `--batch` images for each process, on networks drawn
anew in every step, with the recipe's whole augmentation. Three sources are compared:

    device     one batch that lies on the device from the start: nothing to wait for
    decoded    pictures decoded once, in the cache (it is filled before the clock starts)
    files      pictures decoded whenever they are needed

Rates are medians over the steps after a warm-up. `readers` is what the readers deliver when nobody trains. The
message is the sum of the gradients over the processes, timed by itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from attrs import evolve, frozen

from spacelang.check import compile_text
from spacelang.source import Source
from spacelang.space import Space
from spacelang_runtime.data import Batch, Dataset, open_dataset
from spacelang_runtime.engine.distributed import World, join
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

S3 = Path(__file__).resolve().parents[1] / "spaces" / "s3.space"
SOURCES = ("device", "decoded", "files")


@frozen
class Individual:
    """Data that lies on the device: the same batch again and again."""

    batch: Batch

    def steps_per_epoch(self, batch: int) -> int:
        return 1

    def train_batches(
        self, first_step: int, steps: int, rank: int, world: int, device: torch.device
    ) -> Iterator[Batch]:
        for _ in range(steps):
            yield Batch(self.batch.images.clone(), self.batch.targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder with train/CLASS/* and val/CLASS/*")
    parser.add_argument("--space", type=Path, default=S3)
    parser.add_argument("--batch", type=int, default=256, help="images a step, for each process")
    parser.add_argument("--steps", type=int, default=30, help="steps that count")
    parser.add_argument("--warm", type=int, default=15, help="steps before them")
    parser.add_argument("--workers", type=int, default=16, help="reader processes, for each process that trains")
    parser.add_argument("--processes", default="1", help="such as 1,2,4")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--shard", action="store_true", help="share the optimizer's memory out")
    parser.add_argument("--answers", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.answers:
        answer(words)
        return
    rows = []
    for processes in (int(count) for count in words.processes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            answers = Path(folder) / "answers.json"
            launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
            subprocess.run([*launch, __file__, *sys.argv[1:], "--answers", str(answers)], check=True)
            rows.append((processes, json.loads(answers.read_text())))
    table(rows, words)


def answer(words: argparse.Namespace) -> None:
    """Measure as one of the processes; the leader writes what was found."""
    space = compile_text(Source(str(words.space), words.space.read_text())).space
    if space is None:
        sys.exit(f"{words.space} does not compile")
    with join(words.device) as world:
        space = evolve(space, train=evolve(space.train, batch=words.batch * world.size, warmup=1))
        rates = {}
        for source in SOURCES:
            setup = given(source, space, words, world)
            rates[source] = measured(setup, words, world)
        found = {
            "rates": rates,
            "readers": {source: delivered(source, space, words, world) for source in SOURCES[1:]},
            "message": message(setup, world),
            "memory": torch.cuda.max_memory_allocated() / 2**30 if world.device.type == "cuda" else 0.0,
            "device": torch.cuda.get_device_name() if world.device.type == "cuda" else "CPU",
        }
        if world.is_main:
            words.answers.write_text(json.dumps(found))


def given(source: str, space: Space, words: argparse.Namespace, world: World) -> SupernetSetup:
    """A training of fresh weights on one of the sources."""
    request = TrainRequest(space, words.space.read_text(), words.data, steps=words.warm + words.steps)
    setup = new(request, words.answers.parent / "runs", world, words.workers, lambda line: None)
    if source == "files":
        setup.dataset.room = 0
    if source == "device":
        (batch,) = islice(setup.dataset.train_batches(0, 1, world.rank, world.size, world.device), 1)
        setup = evolve(setup, dataset=Individual(batch))
    return setup


def measured(setup: SupernetSetup, words: argparse.Namespace, world: World) -> dict[str, float]:
    """Images a second and the share of the time spent waiting, over the steps that count."""
    ends: list[float] = []
    waiting: list[float] = []

    def watch(step: Step) -> None:
        ends.append(time.perf_counter())
        waiting.append(step.waiting)

    if isinstance(setup.dataset, Dataset) and setup.dataset.room:
        keep(setup.dataset, world)
    train(training(setup), world, watch, shard=words.shard)
    if not world.is_main:
        return {}
    took = statistics.median(b - a for a, b in zip(ends[words.warm - 1 :], ends[words.warm :], strict=False))
    return {"images": setup.space.train.batch / took, "ms": 1000 * took, "waiting": waiting[-1]}


def keep(dataset: Dataset, world: World) -> None:
    """Have the pictures decoded, as a run of some epochs would."""
    steps = dataset.steps_per_epoch(dataset.recipe.batch)
    with closing(dataset.train_batches(0, steps, world.rank, world.size)) as batches:
        next(batches)


def delivered(source: str, space: Space, words: argparse.Namespace, world: World) -> float:
    """Images a second that the readers of all processes give to processes that do not train."""
    dataset = open_dataset(words.data, space.frame, space.train, words.workers, lambda line: None)
    if source == "files":
        dataset.room = 0
    else:
        keep(dataset, world)
    count = words.steps + 2
    batches = dataset.train_batches(0, count, world.rank, world.size, world.device)
    next(batches)
    start = time.perf_counter()
    for batch in batches:
        float(batch.images[0, 0, 0, 0])
    return space.train.batch * (count - 1) / (time.perf_counter() - start)


def message(setup: SupernetSetup, world: World) -> dict[str, float]:
    """Milliseconds that it takes to sum the gradients over the processes, and their size in MB."""
    gradient = torch.zeros(sum(parameter.numel() for parameter in setup.model.parameters()), device=world.device)
    if world.size == 1:
        return {"ms": 0.0, "mb": gradient.nbytes / 1e6}
    took = []
    for _ in range(12):
        dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(gradient)
        float(gradient[0])
        took.append(time.perf_counter() - start)
    return {"ms": 1000 * statistics.median(took[2:]), "mb": gradient.nbytes / 1e6}


def table(rows: list[tuple[int, dict[str, Any]]], words: argparse.Namespace) -> None:
    """Print what was found, as Markdown."""
    alone = rows[0]
    device = alone[1]["device"]
    print(f"\n{words.space.stem}, {words.batch} images a process, {words.workers} readers each, {device}\n")
    print("| processes | images from | img/s | ms a step | of device | waiting | readers alone, img/s | × one |")
    print("|---|---|---|---|---|---|---|---|")
    for processes, found in rows:
        for source, rate in found["rates"].items():
            share = rate["images"] / found["rates"]["device"]["images"]
            times = rate["images"] / alone[1]["rates"][source]["images"] * alone[0]
            readers = f"{found['readers'][source]:.0f}" if source in found["readers"] else ""
            print(
                f"| {processes} | {source} | {rate['images']:.0f} | {rate['ms']:.1f} | {share:.1%} "
                f"| {rate['waiting']:.1%} | {readers} | {times:.2f} |"
            )
    print()
    for processes, found in rows:
        said = found["message"]
        part = said["ms"] / found["rates"]["device"]["ms"]
        print(
            f"{processes} processes: {said['mb']:.0f} MB of gradients summed in {said['ms']:.2f} ms "
            f"({part:.1%} of a step); {found['memory']:.1f} GiB of GPU memory at most"
        )


if __name__ == "__main__":
    main()
