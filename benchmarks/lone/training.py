"""One unit of work on one device, by the product's own trainer. All that is asked of the runtime is asked here."""

from __future__ import annotations

import gc
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import define, evolve, field

from lone.parent import elapsed, parent
from lone.plan import Plan
from lone.unit import Alone, Finish, Inherited, Unit, name, place
from spacelang import notation
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.data import open_dataset
from spacelang_runtime.data.decoded import decoded
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Stopped
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.inherit import inherit
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.search.images import ScoringImages
from spacelang_runtime.search.images import place as placed
from spacelang_runtime.tasks.finetune import narrowest, recipe_of
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

ENDLESS = 10**9  # steps, where seconds are meant


class Interrupted(Exception):
    """The unit was given up by Ctrl-C or SIGTERM."""


@define
class Trainer:
    """Does one unit after another; what they share is made once: the images to score on lie on the device, the
    supernet too."""

    plan: Plan
    out: Path
    world: World
    workers: int
    keep: bool  # the runs of what was trained
    say: Callable[[str], None]
    fingerprint: str = field(init=False)  # of the data
    test: ScoringImages = field(init=False)
    held_out: ScoringImages | None = field(init=False)
    _supernet: Supernet | None = None

    def __attrs_post_init__(self) -> None:
        space, device = self.plan.space, self.world.device
        dataset = open_dataset(self.plan.data, space.frame, space.train, self.workers, self.say)
        self.fingerprint = dataset.fingerprint
        self.test = placed(decoded(dataset.test, None, self.say), space.frame, device)
        self.held_out = None
        if len(dataset.search):
            self.held_out = placed(decoded(dataset.search, None, self.say), space.frame, device)

    def do(self, unit: Unit) -> dict[str, Any]:
        """Find what a unit asks for, and keep it. Raises `Interrupted`, after which nothing is kept."""
        began = time.monotonic()
        architecture = self.plan.networks[unit.network]
        match unit:
            case Alone(seed=seed, epochs=epochs, seconds=seconds):
                recipe = evolve(self.plan.space.train, epochs=epochs, seed=seed)
                scores = self._trained(unit, self._setup(unit, architecture, recipe, seconds))
            case Inherited():
                run, model = self._parent()
                scores = self._scored(model, evolve(architecture, frame=run.space.frame))
            case Finish(share=share):
                scores = self._trained(unit, self._further(unit, architecture, float(share)))
        memory = torch.cuda.max_memory_allocated() / 2**30 if self.world.device.type == "cuda" else 0.0
        self._clean()
        cost = price(architecture)
        record = {
            "unit": name(unit),
            "series": unit.series,
            "network": unit.network,
            "seed": unit.seed if isinstance(unit, Alone) else None,
            "share": float(unit.share) if isinstance(unit, Finish) else None,
            "line": notation.write(architecture),
            "flops": cost.flops,
            "params": cost.params,
            **scores,
            "data": self.fingerprint,
            "device": torch.cuda.get_device_name() if self.world.device.type == "cuda" else "CPU",
            "gpu_memory_gib": memory,
            "threads": torch.get_num_threads(),
            "whole_seconds": time.monotonic() - began,
        }
        path = place(self.out, unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_json(path, record)
        return record

    def _setup(self, unit: Unit, architecture: Architecture, recipe: Train, seconds: float | None) -> SupernetSetup:
        runs = self._runs(unit)
        shutil.rmtree(runs, ignore_errors=True)  # of a process that was killed
        line = notation.write(architecture)
        request = TrainRequest(
            narrowest(architecture, recipe),
            f"# The network {line} alone.\n",
            self.plan.data,
            steps=None if seconds is None else ENDLESS,
            budget=seconds,
            network=line,
        )
        return new(request, runs, self.world, self.workers, lambda _: None)

    def _further(self, unit: Finish, architecture: Architecture, share: float) -> SupernetSetup:
        """Today's finetune from the inherited weights. The held-out images stay out, as in all other units."""
        run, model = self._parent()
        given = run.space.train
        recipe = evolve(recipe_of(False, given), holdout=given.holdout)
        if unit.rate is not None:
            recipe = evolve(recipe, learning_rate=unit.rate)
        setup = self._setup(unit, architecture, recipe, share * elapsed(self.plan.run))
        weights = extract(model, evolve(architecture, frame=run.space.frame)).state_dict()
        inherit(setup.model, setup.subnets.largest, weights)
        return setup

    def _trained(self, unit: Unit, setup: SupernetSetup) -> dict[str, Any]:
        last: list[Step] = []

        def watch(step: Step) -> None:
            last[:] = [step]

        diverged = False
        try:
            train(training(setup), self.world, watch, every=math.inf)
        except Stopped:
            diverged = bool(last and last[0].problem)
            if not diverged:
                shutil.rmtree(self._runs(unit))
                raise Interrupted from None
        model = trained(setup.run, lower(setup.space), self.world.device)  # averaged, where the recipe averages
        scores = self._scored(model, setup.subnets.largest)
        if not self.keep:
            shutil.rmtree(self._runs(unit))
        step = last[0]
        recipe = setup.space.train
        return scores | {
            "diverged": diverged,
            "rate": float(recipe.rate),
            "batch": recipe.batch,
            "steps": step.step,
            "skipped": step.skipped,
            "seconds": step.elapsed,
            "images_a_second": step.step * recipe.batch / step.elapsed,
            "waiting": step.waiting,
        }

    def _scored(self, model: Supernet, architecture: Architecture) -> dict[str, Any]:
        return {
            "test": _score(model, architecture, self.test),
            "held_out": None if self.held_out is None else _score(model, architecture, self.held_out),
        }

    def _parent(self) -> tuple[RunFolder, Supernet]:
        """The run of the supernet, and the supernet on the device."""
        run = parent(self.plan.run)
        if self._supernet is None:
            self._supernet = trained(run, lower(run.space), self.world.device)
        return run, self._supernet

    def _runs(self, unit: Unit) -> Path:
        return self.out / "runs" / name(unit)

    def _clean(self) -> None:
        """Give the device back what the unit took. A pass is recorded as a graph where there is room for twice what
        was in use at most: by this unit, not by one before it."""
        gc.collect()
        if self.world.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def _score(model: Supernet, architecture: Architecture, images: ScoringImages) -> dict[str, float]:
    tested = evaluate(model, images.batches(), normalise, images.device, architecture)
    return {"accuracy": tested.top1, "loss": tested.loss, "images": tested.images}
