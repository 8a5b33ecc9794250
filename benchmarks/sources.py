"""What does an epoch cost from shards, Parquet or a zip, beside the folder that they were made of?

    python benchmarks/sources.py mini-imagenet-64                              # an epoch of each, three turns
    python benchmarks/sources.py imagenette-128 --space spaces/s3.space --batch 256
    python benchmarks/sources.py mini-imagenet-64 --images 512 --batch 32 --workers 1 --device cpu

The folder has train/CLASS/* and val/CLASS/*. It is written once in each form, with the names of its files kept,
into `--into` (a temporary folder otherwise). Each turn measures all forms one after the other, in an order that
goes round. Nothing is found in a cache: it is empty at the beginning of each measurement, no picture is kept
decoded, and what the system remembers of the files is dropped (`--warm` leaves it). So `opened` has the making of
the index in it, and, for Parquet of one group, the laying out of its images.

`readers` is what the readers give when nobody trains, `training` what the trainer of `spacelang train` takes, first
steps left out, and `waiting` the share of its time that it waits. Figures are medians of the turns. `of the folder`
is the median of the ratio to the folder in the same turn.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from hashlib import md5
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen

from spacelang.check import compile_text
from spacelang.source import Source
from spacelang_runtime.engine.distributed import join
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.tasks.supernet.objective import training
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

MINI = Path(__file__).resolve().parents[1] / "spaces" / "mini.space"
SPLITS = ("train", "val")
SHARD = 2_000  # images of a tar
GROUP = 100  # rows of a group, as the hub has them for images
WARM = 3  # steps that do not count: readers start, kernels are made


@frozen
class Measured:
    """One form in one turn. opened: seconds; readers, training: images a second; waiting: a share."""

    opened: float
    readers: float
    training: float
    waiting: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with train/CLASS/* and val/CLASS/*")
    parser.add_argument("--space", type=Path, default=MINI)
    parser.add_argument("--batch", type=int, help="images a step (that of the space)")
    parser.add_argument("--images", type=int, help="how many of each form (an epoch)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=16, help="reader processes")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--forms", default=",".join(("folder", *FORMS)), help="such as folder,zip")
    parser.add_argument("--warm", action="store_true", help="leave what the system remembers of the files")
    parser.add_argument("--into", type=Path, help="where the forms are written, and found the next time")
    words = parser.parse_args()
    forms = [name.strip() for name in words.forms.split(",")]
    if unknown := set(forms) - {"folder", *FORMS} or {"folder"} - set(forms):
        parser.error(f"--forms takes folder and {', '.join(FORMS)}; not so: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        into = words.into or Path(folder) / "forms"
        where = {name: words.data if name == "folder" else written(words.data, name, into) for name in forms}
        turns: list[dict[str, Measured]] = []
        for turn in range(words.turns):
            order = forms[turn % len(forms) :] + forms[: turn % len(forms)]
            turns.append({name: measured(where[name], words, Path(folder)) for name in order})
            print(f"turn {turn + 1} of {words.turns}: " + json.dumps(rates(turns[-1])), file=sys.stderr, flush=True)
        table(turns, forms, words)


def images(data: Path, split: str) -> list[Path]:
    """The images of a split, in an order that is that of no folder."""
    return sorted((data / split).glob("*/*"), key=lambda path: md5("/".join(path.parts[-2:]).encode()).digest())


def zipped(data: Path, to: Path) -> None:
    with zipfile.ZipFile(to / "all.zip", "w", strict_timestamps=False) as file:
        for path in (path for split in SPLITS for path in images(data, split)):
            file.write(path, path.relative_to(data.parent))


def shards(data: Path, to: Path) -> None:
    for split in SPLITS:
        every = images(data, split)
        for number, first in enumerate(range(0, len(every), SHARD)):
            with tarfile.open(to / f"{split}-{number:06d}.tar", "w") as tar:
                for path in every[first : first + SHARD]:
                    for ending, content in ((path.suffix, path.read_bytes()), (".cls", path.parent.name.encode())):
                        member = tarfile.TarInfo(f"{path.parent.name}/{path.stem}{ending}")
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))


def parquet(rows: int | None) -> Callable[[Path, Path], None]:
    """Parquet as `datasets` writes it, with so many rows to a group; None: all in one."""

    def write(data: Path, to: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet as pq

        for split in SPLITS:
            every = images(data, split)
            read = ({"bytes": path.read_bytes(), "path": path.name} for path in every)
            kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            columns = {"image": pa.array(read, kind), "label": pa.array([path.parent.name for path in every])}
            pq.write_table(pa.table(columns), to / f"{split}-00000-of-00001.parquet", row_group_size=rows or 2**30)

    return write


FORMS: dict[str, Callable[[Path, Path], None]] = {
    "shards": shards,
    "zip": zipped,
    "Parquet": parquet(GROUP),
    "Parquet of one group": parquet(None),
}


def written(data: Path, form: str, into: Path) -> Path:
    """Where a form of the data lies, written now where it does not yet."""
    place, unfinished = into / form, into / f"{form}.part"
    if not place.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        FORMS[form](data, unfinished)
        unfinished.rename(place)
    return place / "all.zip" if form == "zip" else place


def measured(where: Path, words: argparse.Namespace, folder: Path) -> Measured:
    """One form, from nothing: opened, read without training, and trained on."""
    space = compile_text(Source(str(words.space), words.space.read_text())).space
    if space is None:
        sys.exit(f"{words.space} does not compile")
    space = evolve(space, train=evolve(space.train, batch=words.batch or space.train.batch, warmup=1))
    forget([where], words.warm)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    os.environ["SPACELANG_CACHE"] = str(folder / "cache")
    with join(words.device) as world:
        start = time.perf_counter()
        batch = space.train.batch
        steps = (words.images or 10**9) // batch
        request = TrainRequest(space, words.space.read_text(), str(where), steps=10**6)
        setup = new(request, folder / "runs", world, words.workers, lambda line: None)
        opened, dataset = time.perf_counter() - start, setup.dataset
        dataset.room = 0  # pictures are decoded whenever they are needed
        steps = min(steps, dataset.steps_per_epoch(batch))
        if steps <= WARM:
            sys.exit(f"{steps} steps of {batch} images are too few: more --images, or a smaller --batch")
        forget([where], words.warm)
        readers = delivered(dataset.train_batches(0, steps, device=world.device), batch, steps)
        forget([where], words.warm)
        ends, waiting = list[float](), 0.0

        def watch(step: Step) -> None:
            nonlocal waiting
            ends.append(time.perf_counter())
            waiting = step.waiting

        bounds = evolve(setup.limits, steps=steps)
        train(training(evolve(setup, limits=bounds), looks=0), world, watch)
        rate = batch * (len(ends) - WARM) / (ends[-1] - ends[WARM - 1])
    shutil.rmtree(folder / "runs", ignore_errors=True)
    return Measured(opened, readers, rate, waiting)


def delivered(batches: Iterable[Any], batch: int, steps: int) -> float:
    """Images a second that the readers give when nobody trains, the first steps left out."""
    start = time.perf_counter()
    for number, one in enumerate(batches):
        float(one.images[0, 0, 0, 0])  # waits until they are on the device
        if number + 1 == WARM:
            start = time.perf_counter()
    return batch * (steps - WARM) / (time.perf_counter() - start)


def forget(places: list[Path], warm: bool) -> None:
    """Have the system drop what it remembers of files, where it can be asked to."""
    if warm or not hasattr(os, "posix_fadvise"):
        return
    for place in places:
        for path in place.rglob("*") if place.is_dir() else (place,):
            if path.is_file():
                file = os.open(path, os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)


def rates(turn: dict[str, Measured]) -> dict[str, list[int]]:
    return {name: [round(one.readers), round(one.training)] for name, one in turn.items()}


def table(turns: list[dict[str, Measured]], forms: list[str], words: argparse.Namespace) -> None:
    """Print what was found, as Markdown."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() and words.device != "cpu" else "CPU"
    much = f"{words.images} images" if words.images else "an epoch"
    print(
        f"\n{words.data.name}, {words.space.stem}: {much}, {words.workers} readers, {len(turns)} turns, {device}\n"
    )
    print("| form | opened, s | readers, img/s | of the folder | training, img/s | of the folder | waiting |")
    print("|---|---|---|---|---|---|---|")
    for name in forms:
        of = [(turn[name], turn["folder"]) for turn in turns]
        opened = statistics.median(own.opened for own, _ in of)
        readers = statistics.median(own.readers for own, _ in of)
        of_readers = statistics.median(own.readers / folder.readers for own, folder in of)
        rate = statistics.median(own.training for own, _ in of)
        of_rate = statistics.median(own.training / folder.training for own, folder in of)
        waiting = statistics.median(own.waiting for own, _ in of)
        print(
            f"| {name} | {opened:.1f} | {readers:.0f} | {of_readers:.1%} | {rate:.0f} | {of_rate:.1%} "
            f"| {waiting:.1%} |"
        )


if __name__ == "__main__":
    main()
