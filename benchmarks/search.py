"""How fast the search is, and what it finds: `python benchmarks/search.py PART …`, each part by itself.

    scoring      a candidate scored with the supernet's weights, beside the same network on its own
    search       the paper's search (50 + 20 · 50 networks), or its beginning, on pictures of noise
    loader       a straightforward search that decodes the pictures anew for every candidate, beside ours
    races        a trained run searched in full and raced: images spared, and whether the parents agree
    algorithms   a trained run searched by each algorithm at equal budget, over seeds

`search` under torchrun uses all GPUs. What the parts print is JSON, one object each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import mean, median

import attrs
import numpy as np
import torch

from spacelang.check import compile_text
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Bound
from spacelang.source import read
from spacelang_runtime.data.decoded import Decoded, decoded
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.engine.create import create
from spacelang_runtime.engine.distributed import choose, precision
from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.record import Data, Limits, Record
from spacelang_runtime.engine.run import RunFolder, find
from spacelang_runtime.engine.supernet import trained_at, untrained
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.search.algorithms import ALGORITHMS
from spacelang_runtime.search.evolve import Method, SearchOutcome, evolve
from spacelang_runtime.search.images import place
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.pool import Dispatcher, follow, join
from spacelang_runtime.search.racing import RISK
from spacelang_runtime.search.scoring import Scorer
from spacelang_runtime.tasks.supernet.data import dataset_of

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--space", type=Path, default=ROOT / "spaces" / "s3.space")
    parser.add_argument("--image", type=int, help="pixels a side, where not the space's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=10_000, help="in a full score")
    parser.add_argument("--networks", type=int, default=50, help="in parts that take so many")
    parser.add_argument("--candidates", type=int, help="end a search after so many")
    parser.add_argument("--flops", type=int, default=4_500_000_000, help="at most")
    parser.add_argument("--run", help="a trained run: its folder")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="paper", help="of the part search")
    parser.add_argument("--exact", action="store_true", help="of the part search: every network on all images")
    asked = parser.parse_args()
    found = PARTS[asked.part](asked)
    if found is not None:
        print(json.dumps({"part": asked.part, **found}, indent=2))


def lowered_of(asked: argparse.Namespace) -> Lowered:
    space = compile_text(read(asked.space)).space
    assert space is not None, f"{asked.space} has errors"
    if asked.image:
        space = attrs.evolve(space, frame=attrs.evolve(space.frame, image=asked.image))
    return lower(space)


def noise(lowered: Lowered, count: int) -> Decoded:
    frame = lowered.space.frame
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (count, frame.channels, frame.image, frame.image), np.uint8)
    return Decoded(pictures, generator.integers(0, frame.classes, count))


def bounded(lowered: Lowered, flops: int) -> tuple[Bound, ...]:
    least = lowered.range("flops").lo
    return (Bound("flops", None, flops),) if flops >= least else ()


def settle(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def clocked(device: torch.device, work: Callable[[], object]) -> float:
    began = settle(device)
    work()
    return settle(device) - began


def scoring(asked: argparse.Namespace) -> dict[str, object]:
    """Images a second of whole candidates as the search scores them, beside the extracted network's bare forward
    passes over the same batches. Two batches warm each network up, in both."""
    lowered, device = lowered_of(asked), choose(asked.device)
    images = place(noise(lowered, asked.images), lowered.space.frame, device)
    model = untrained(lowered, device).eval()
    scorer = Scorer(model, images, normalise)
    shares, rates = [], []
    drawn = draw(lowered.chain, asked.networks, stream(0))
    for genotype in drawn:
        architecture = lowered.architecture(genotype)
        network = extract(model, architecture)

        def alone(network=network) -> torch.Tensor:
            with torch.inference_mode(), precision(device):
                return torch.stack([network(normalise(pictures)).sum() for pictures, _ in images.batches()])

        def warm(network=network, architecture=architecture) -> None:
            with torch.inference_mode(), precision(device):
                for _, (pictures, _) in zip(range(2), images.batches(), strict=False):
                    network(normalise(pictures))
                    model(normalise(pictures), architecture)

        warm()
        bare = clocked(device, alone)
        scored = clocked(device, lambda architecture=architecture: scorer.answers(architecture))
        shares.append(bare / scored)
        rates.append(len(images) / scored)
    return {
        "networks": len(shares),
        "images": len(images),
        "batch": images.batch,
        "images a second, median": round(median(rates)),
        "share of the bare network's throughput": {
            "median": round(median(shares), 4),
            "least": round(min(shares), 4),
        },
    }


def search(asked: argparse.Namespace) -> dict[str, object] | None:
    """A whole search on noise, which tells no network from another: what is measured is its time."""
    lowered = lowered_of(asked)
    recipe = attrs.evolve(lowered.space.evolve, bounds=bounded(lowered, asked.flops))
    with join(asked.device) as pool, tempfile.TemporaryDirectory() as folder:
        images = place(noise(lowered, asked.images), lowered.space.frame, pool.device)
        scorer = Scorer(untrained(lowered, pool.device).eval(), images, normalise)
        if not pool.is_main:
            follow(pool, scorer.judge, len(images))
            return None
        run = _run(Path(folder), lowered)
        dispatch = Dispatcher(pool, scorer.judge, len(images))
        method = Method(asked.algorithm, exact=asked.exact, budget=asked.candidates)
        outcome = evolve(run, lowered, recipe, method, dispatch, 0, lambda _: None)
        asked_for = recipe.population + recipe.generations * (recipe.crossover + recipe.mutation)
        with open_journal(run.folder) as journal:
            judged = journal.database.execute("SELECT count(*) FROM candidate WHERE images IS NOT NULL").fetchone()[
                0
            ]
        return {
            "processes": pool.size,
            "images": len(images),
            "batch": images.batch,
            "networks scored": outcome.scored,
            "networks asked for": judged,
            "images a network": round(outcome.spent / outcome.networks, 1),
            "seconds": round(outcome.seconds, 2),
            "seconds a network": round(outcome.seconds / outcome.scored, 4),
            "winner": outcome.best.architecture.name,
            "minutes of the whole search, at this pace": round(outcome.seconds / judged * asked_for / 60, 2),
        }


def _run(folder: Path, lowered: Lowered) -> RunFolder:
    space = lowered.space
    record = Record("supernet", Data("noise", "noise", ""), Limits(1), "", (), space=space.name)
    return create(folder, record, "", space)


def loader(asked: argparse.Namespace) -> dict[str, object]:
    """The same candidates scored by decoding JPEGs with 16 workers for each, and by ours. Reading starts cold in
    ours: what decoding once costs is shared out over the paper's 1 050 candidates."""
    from PIL import Image
    from torch.utils.data import DataLoader

    lowered, device = lowered_of(asked), choose(asked.device)
    frame = lowered.space.frame
    model = untrained(lowered, device).eval()
    drawn = [lowered.architecture(g) for g in draw(lowered.chain, asked.networks, stream(0))]
    with tempfile.TemporaryDirectory() as folder:
        generator = np.random.default_rng(0)
        for number in range(asked.images):
            small = generator.integers(0, 256, (24, 32, 3), np.uint8)  # smooth: of a photograph's size as a file
            Image.fromarray(small).resize((500, 375), 3).save(f"{folder}/{number:06}.jpg", quality=95)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / asked.images
        photos = Photos(sorted(map(str, Path(folder).iterdir())), frame.image)
        batch = 256

        def straightforward() -> None:
            for architecture in drawn:
                batches = DataLoader(photos, batch, num_workers=16, pin_memory=device.type == "cuda")
                evaluate(model, batches, normalise, device, architecture)

        theirs = clocked(device, straightforward)
        began = time.perf_counter()
        pictures, labels = zip(*DataLoader(photos, batch, num_workers=16), strict=True)
        once = time.perf_counter() - began
        images = place(Decoded(torch.cat(pictures).numpy(), torch.cat(labels).numpy()), frame, device)
        scorer = Scorer(model, images, normalise)
        ours = clocked(device, lambda: [scorer.answers(architecture) for architecture in drawn])
    per_network = ours / len(drawn) + once / 1050
    return {
        "images": asked.images,
        "bytes a JPEG": round(size),
        "cores": os.cpu_count(),
        "straightforward, candidates an hour": round(3600 / (theirs / len(drawn)), 1),
        "ours, candidates an hour": round(3600 / per_network, 1),
        "times as many": round(theirs / len(drawn) / per_network, 1),
        "seconds to decode once": round(once, 1),
    }


class Photos(torch.utils.data.Dataset):
    """JPEGs as the validation of vision papers reads them: shorter side to 256/224 of the image, centre crop."""

    def __init__(self, paths: list[str], side: int) -> None:
        self.paths, self.side = paths, side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image
        from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

        picture = Image.open(self.paths[index]).convert("RGB")
        return pil_to_tensor(center_crop(resize(picture, self.side * 256 // 224, 3), self.side)), 0


def races(asked: argparse.Namespace) -> dict[str, object]:
    """A trained run searched with the recipe of its space: in full, then raced, each with a journal of its own."""
    run, lowered, scorer, step = _trained(asked)
    recipe = lowered.space.evolve
    found: dict[str, object] = {}
    kept = []
    for name, method in (("in full", Method("paper", exact=True)), ("raced", Method("paper", risk=RISK))):
        with _apart(run) as copy:
            outcome = _searched(copy, lowered, recipe, method, scorer, step)
            with open_journal(copy.folder) as journal:
                generations = journal.generations(journal.last())
        kept.append([set(generation.parents) for generation in generations])
        found[name] = {
            "best": f"{outcome.accuracy:.2%} {outcome.best.architecture.name}",
            "networks scored": outcome.scored,
            "images judged on": outcome.spent,
            "images saved": f"{outcome.saved / (outcome.saved + outcome.spent):.1%}",
            "sd of a generation, median": f"{median(g.spread for g in generations):.2%}",
            "seconds": round(outcome.seconds, 1),
        }
    agreeing = sum(one == other for one, other in zip(*kept, strict=True))
    return {**found, "images": len(scorer.images), "parents' sets that agree": f"{agreeing} of {len(kept[0])}"}


def algorithms(asked: argparse.Namespace) -> dict[str, object]:
    """Each algorithm with the same number of different networks and about the same number of images: those that do
    not part their generations score every network on as many as the predictor spent on one, on average. The test
    images are looked at once a winner stands."""
    run, lowered, scorer, step = _trained(asked)
    dataset = dataset_of(run, lambda line: None)
    pictures, labels = (torch.cat(part).numpy() for part in zip(*dataset.test.batches(), strict=True))
    test = Scorer(scorer.model, place(Decoded(pictures, labels), dataset.frame, scorer.device), scorer.normalise)
    budget = asked.candidates or 300
    table: dict[str, object] = {}
    each = 0.0
    with _apart(run) as copy:
        for name, method in (
            ("predictor", Method()),
            ("paper", Method("paper")),
            ("paper, by accuracy", Method("paper", score="accuracy")),
            ("random", Method("random")),
            ("paper, alike", Method("paper", exact=True)),
            ("regularized, alike", Method("regularized")),
            ("nsga2, alike", Method("nsga2", ("accuracy", "flops"))),
        ):
            rows: list[tuple[float, ...]] = []
            for seed in asked.seeds:
                recipe = attrs.evolve(lowered.space.evolve, seed=seed, generations=10_000)
                part = Fraction(round(each), len(scorer.images)) if method.spending == "full" else method.part
                chosen = attrs.evolve(method, budget=budget, part=part)
                outcome = _searched(copy, lowered, recipe, chosen, scorer, step)
                told = test.answers(outcome.best.architecture)
                spent = outcome.spent / outcome.networks
                each = each or spent
                row = outcome.accuracy, told.correct / len(told), told.loss, spent, outcome.seconds
                rows.append((*row, outcome.best.flops / 1e6))
            held, tested, losses, images, seconds, costs = zip(*rows, strict=True)
            table[name] = {
                "held out": _several(held),
                "test": _several(tested),
                "test loss": [round(loss, 4) for loss in losses],
                "images a network": [round(one, 1) for one in images],
                "seconds": [round(one, 1) for one in seconds],
                "MACs": [round(cost, 1) for cost in costs],
            }
    size = len(test.images)
    return {"networks": budget, "images": len(scorer.images), "test images": size, "seeds": asked.seeds, **table}


def _several(values: Sequence[float]) -> str:
    return f"{mean(values):.2%} (" + ", ".join(f"{value:.2%}" for value in values) + ")"


def _trained(asked: argparse.Namespace) -> tuple[RunFolder, Lowered, Scorer, int]:
    run = find(Path("runs"), asked.run)
    lowered, device = lower(run.space), choose(asked.device)
    model, step = trained_at(run, lowered, device)
    dataset = dataset_of(run, lambda line: None, min(16, (os.cpu_count() or 1) - 1))
    held_out = decoded(dataset.search, min(asked.images, len(dataset.search)), lambda line: None)
    return run, lowered, Scorer(model, place(held_out, dataset.frame, device), normalise), step


def _searched(run: RunFolder, lowered: Lowered, recipe, method: Method, scorer: Scorer, step: int) -> SearchOutcome:
    with join(str(scorer.device)) as pool:
        dispatch = Dispatcher(pool, scorer.judge, len(scorer.images))
        return evolve(run, lowered, recipe, method, dispatch, step, lambda _: None)


@contextlib.contextmanager
def _apart(run: RunFolder):
    """The run in a folder of its own, with no journal yet."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / run.name
        shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("journal*", "tensorboard", "checkpoint*"))
        yield find(Path(folder), run.name)


PARTS = {part.__name__: part for part in (scoring, search, loader, races, algorithms)}

if __name__ == "__main__":
    main()
