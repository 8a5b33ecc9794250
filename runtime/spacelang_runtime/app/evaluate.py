"""How good networks are on images that nothing has learned or searched on."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal, get_args

from attrs import frozen

from spacelang.amount import counted
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang_runtime.app.watching import Say
from spacelang_runtime.app.workers import readers
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.data import LabelledSplit, TestShare, TrainingData
    from spacelang_runtime.engine.evaluate import Evaluation
    from spacelang_runtime.engine.run import RunFolder

FEW = 5  # classes, up to which the class of every image is among the first five

Row = dict[str, Any]
SplitName = Literal["test", "search"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
Observe = Callable[[float, str], None]  # the share that is done, and what to say of it


@frozen
class EvaluationOptions:
    """What does not change an answer. workers: processes that read. say: what a person would be told; observe: how
    many of the images have been seen. data: where that of a run is now, if not where it was trained. held_out:
    for the test, of a model's data that has no test split. learned: what a file was trained on; a folder tells."""

    device: str = "auto"
    workers: int | None = None
    say: Say = lambda _: None
    observe: Observe = lambda _, __: None
    data: str | None = None
    held_out: TestShare | None = None
    learned: TrainingData | None = None


@frozen(repr=False)
class Tested:
    """What networks do on a split of images, a row each, as `spacelang eval --json` has them."""

    split: SplitName
    rows: tuple[Row, ...]

    def records(self) -> list[Row]:
        """The rows."""
        return list(self.rows)

    def __repr__(self) -> str:
        said = ", ".join("{what} {top1:.2%}".format(**row) for row in self.rows)
        return f"<{self.split} top-1: {said}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        names = ("what", "name", "top1", "loss", "images", "flops", "params")
        return of_records(f"{self.split} images", [{name: row[name] for name in names} for row in self.rows])


def of_run(
    run: RunFolder,
    lowered: Lowered,
    names: Sequence[str],
    random: int = 0,
    split: SplitName = "test",
    seed: int = 0,
    by_class: bool = False,
    options: EvaluationOptions = EvaluationOptions(),
    inherited: bool = False,
) -> Tested:
    """Networks of a run, and the mean of random ones inside the search's bounds: with the weights of a network's
    finish where it has one, else with those of the supernet.

    names: `best`, `largest`, `smallest`, a name, a line, a JSON file. by_class: whether each class is told of too.
    inherited: whether finishes are left aside. Raises `Failure` for the held-out images where a finish has learned
    from them.
    """
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.evaluate import evaluate, evaluate_all
    from spacelang_runtime.engine.finished import finished
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.nn.saved import load
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.supernet.data import dataset_of

    chosen = [resolve(name, run, lowered) for name in names]
    finishes = [None if inherited else finished(run, architecture) for architecture in chosen]
    for name, finish in zip(names, finishes, strict=True):
        if split == "search" and finish and finish.record.finish and finish.record.finish.final:
            raise Failure(
                f"{name} was finished on the images that were held out for the search as well: --final",
                "measure it on the test images, or as it was before: --inherited",
            )
    if split == "test" and run.record.data.test_seen:
        options.say(f"{run.name} began with weights that may have learned from some of the images that are tested")
    drawn = _random(lowered, run.best, random, seed, options.say)
    where = choose(options.device)
    model = trained(run, lowered, where)
    dataset = dataset_of(run, options.say, readers(options.workers, spare=0), options.data)
    images = dataset.test if split == "test" else dataset.search
    with_those = [one for one, finish in zip(chosen, finishes, strict=True) if finish is None]
    tested: list[Evaluation] = []
    if with_those or drawn:
        with closing(_batches(images, where, options.observe)) as batches:
            tested += evaluate_all(model, batches, images.normalise, where, [*with_those, *drawn])
    rows = []
    for name, architecture, finish in zip(names, chosen, finishes, strict=True):
        if finish is None:
            evaluation = tested.pop(0)
        else:
            with closing(_batches(images, where, options.observe)) as batches:
                evaluation = evaluate(load(finish.model).to(where), batches, images.normalise, where)
        what = name if finish is None else f"{name}, finished"
        rows.append(row(what, architecture, evaluation, images.classes, by_class))
    others = list(zip(drawn, tested, strict=True))
    return Tested(split, (*rows, *([averaged(others, images.classes)] if others else [])))


def of_model(
    folder: str | os.PathLike[str],
    data: str,
    by_class: bool = False,
    options: EvaluationOptions = EvaluationOptions(),
) -> Tested:
    """A model's folder on the test images of some data. Raises `Failure` where they tell other classes apart."""
    from spacelang_runtime.data import open_split
    from spacelang_runtime.data.training_data import from_notes
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.evaluate import evaluate
    from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of, require_finite

    where, folder = choose(options.device), Path(folder)
    network = load(folder)
    require_finite(network, folder)
    network = network.float().to(where)  # whatever type or types the weights were kept in
    architecture = network.architecture
    workers = readers(options.workers, spare=0)
    preprocessing, notes = preprocessing_of(folder), notes_of(folder)
    parted = (options.held_out, from_notes(notes))
    images = open_split(data, architecture.frame, preprocessing, workers, options.say, *parted)
    if len(images.classes) != architecture.frame.classes:
        raise Failure(
            f"{folder} tells {architecture.frame.classes} classes apart, and {data} has {len(images.classes)}",
            f"give it a head for them: spacelang finetune {folder} --data {data} -o tuned/",
        )
    known = notes.get("classes")
    if known and list(images.classes) != known:
        options.say(
            f"the classes of {data} have other names than those that {folder} has learned: is it the same data?"
        )
    with closing(_batches(images, where, options.observe)) as batches:
        evaluation = evaluate(network, batches, images.normalise, where)
    return Tested("test", (row(str(folder), architecture, evaluation, images.classes, by_class),))


def of_file(
    path: str | os.PathLike[str],
    data: str,
    by_class: bool = False,
    options: EvaluationOptions = EvaluationOptions(),
) -> Tested:
    """A model's file as it will be used, in its own runtime on the CPU, on the test images of some data.

    Raises `Failure` where its runtime is not installed, and where the data tells other classes apart.
    """
    import torch

    from spacelang_runtime.data import open_split
    from spacelang_runtime.engine.evaluate import evaluate
    from spacelang_runtime.export.metadata import told_by
    from spacelang_runtime.export.sessions.answering import Answering
    from spacelang_runtime.export.sessions.opened import opened

    path = Path(path)
    session = opened(path)
    told = told_by(session.told, str(path))
    architecture = told.architecture
    workers = readers(options.workers, spare=0)
    parted = (options.held_out, options.learned)
    images = open_split(data, architecture.frame, told.preprocessing, workers, options.say, *parted)
    if len(images.classes) != architecture.frame.classes:
        raise Failure(
            f"{path} tells {architecture.frame.classes} classes apart, and {data} has {len(images.classes)}",
            "test it on data like that of its training",
        )
    if told.classes and images.classes != told.classes:
        options.say(
            f"the classes of {data} have other names than those that {path} has learned: is it the same data?"
        )
    where = torch.device("cpu")
    with closing(_batches(images, where, options.observe)) as batches:
        evaluation = evaluate(Answering(session), batches, images.normalise, where)
    return Tested("test", (row(str(path), architecture, evaluation, images.classes, by_class),))


def row(
    what: str, architecture: Architecture, evaluation: Evaluation, classes: Sequence[str], by_class: bool = False
) -> Row:
    """What is told of one network. classes: their names; by_class: whether each is told of by itself."""
    from spacelang_runtime.engine.wilson import wilson

    cost, images = price(architecture), evaluation.images
    found: Row = {
        "what": what,
        "name": architecture.name,
        "top1": evaluation.top1,
        "top1_interval": list(wilson(evaluation.first, images)),
        "top5": evaluation.top5,
        "top5_interval": list(wilson(evaluation.five, images)),
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration_error,
        "images_a_second": evaluation.images_a_second,
        "images": images,
        "flops": cost.flops,
        "params": cost.params,
    }
    if len(classes) <= FEW:
        del found["top5"], found["top5_interval"]
    if by_class:
        matrix = evaluation.confusion(len(classes)).tolist()
        counts = [(line[number], sum(line)) for number, line in enumerate(matrix)]
        found["classes"] = [
            {
                "class": name,
                "images": whole,
                "top1": right / whole if whole else None,
                "top1_interval": list(wilson(right, whole)) if whole else None,
            }
            for name, (right, whole) in zip(classes, counts, strict=True)
        ]
        found["confusion"] = matrix
    return found


def averaged(others: Sequence[tuple[Architecture, Evaluation]], classes: Sequence[str]) -> Row:
    """The mean of several networks; sd: the standard deviation of top-1 over them."""
    rows = [row("", architecture, evaluation, classes) for architecture, evaluation in others]
    own = ("what", "name", "top1_interval", "top5_interval")
    means: Row = {key: mean(one[key] for one in rows) for key in rows[0] if key not in own}
    return {
        **means,
        "what": f"mean of {len(others)} random",
        "name": "",
        "sd": stdev([one["top1"] for one in rows]) if len(rows) > 1 else 0.0,
        "images": rows[0]["images"],
        "flops": round(means["flops"]),
        "params": round(means["params"]),
    }


def _batches(
    images: LabelledSplit, device: torch.device, observe: Observe
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """The images of a split as they are read, and a word on how many have been."""
    seen = 0
    with closing(images.batches(device=device)) as batches:
        for pictures, labels in batches:
            yield pictures, labels
            seen += len(labels)
            observe(seen / len(images), f"{seen} of {counted(len(images), 'image')}")


def _random(lowered: Lowered, best: dict[str, Any] | None, count: int, seed: int, say: Say) -> list[Architecture]:
    """Random networks inside the bounds of the last search, or of the recipe where there was none."""
    from spacelang.lower.bounds import measured, windows
    from spacelang.lower.draw import draw, stream
    from spacelang.lower.untrained import untrained
    from spacelang.recipe import from_record

    if not count:
        return []
    bounds = tuple(map(from_record, best["bounds"])) if best else lowered.space.evolve.bounds
    for bound in bounds:
        if not measured(lowered.chain, bound.measure):
            say(
                f"the random networks are not bound in {bound.measure}, as the search was: its table is not at hand"
            )
    bounds = tuple(bound for bound in bounds if measured(lowered.chain, bound.measure))
    for line in untrained(lowered.space.train.bounds, bounds, lowered.chain):
        say(line)
    return [
        lowered.architecture(genotype)
        for genotype in draw(lowered.chain, count, stream(seed), bounds=windows(bounds, lowered.chain))
    ]
