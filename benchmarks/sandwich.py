"""How fast a sandwich trains on one GPU, beside what people would run instead, in one run.

    python benchmarks/sandwich.py [--parts step,mini,standalone,tiny,isotropic,updates] [--batch 256] [--steps 30]
        [--json FILE]

Times are medians between CUDA events, after a warm-up; images and labels are random and on the device. A step is
forward, backward and AdamW, in bf16. The baselines: the same supernet without its kernels (plain attention,
eager, autocast); the four networks of a sandwich as standalone models, each whole-graph compiled; timm's model of
S3-T compiled. An update is by either optimizer of a recipe, beside torch's Muon over the same matrices one by one.
The part `mini`: small networks on small images, whose kernels are so short that starting them counts; a step's
kernels are also enqueued on an idle device, by a process that is pinned to one core. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from spacelang.architecture import Architecture
from spacelang.check import compile_text
from spacelang.lower import plan
from spacelang.lower.cost import price
from spacelang.lower.lowered import Lowered, lower
from spacelang.project import loader
from spacelang.recipe import RULES, OptimizerName
from spacelang.resources import folder
from spacelang.source import Source, read
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.engine.optimizer import optimizer_of
from spacelang_runtime.fused.backend import backend
from spacelang_runtime.fused.learn import learn
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.ops.attention import plain
from spacelang_runtime.tasks.supernet.objective import decaying_first
from spacelang_runtime.tasks.supernet.sandwich import subnets_of

DEVICE = torch.device("cuda")
DEIT = """
edition 2026
space deit
image = 224
patch = 16
classes = 1000
head_dim = 64
position = absolute
token = class
pool = token
stage 1 {
  embed in 320..448 step 64
  depth in 12..14
  each layer {
    heads in 5..7
    mlp in 3..4 step 0.5
    qkv = heads * head_dim
    window = global
  }
}
"""


def space(name: str) -> Lowered:
    source = Source("deit", DEIT) if name == "deit" else read(folder("spaces") / f"{name}.space")
    found = compile_text(source, loader(source.name)).space
    assert found is not None
    return lower(found)


def times(step: Callable[[int], object], steps: int, warm: int) -> list[float]:
    """Milliseconds of each of so many steps, after `warm` others."""
    for i in range(warm):
        step(i)
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(steps + 1)]
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    marks[0].record()
    for i in range(steps):
        step(warm + i)
        marks[i + 1].record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) for a, b in pairwise(marks)]


def clean() -> None:
    gc.collect()
    torch._dynamo.reset()
    torch.cuda.empty_cache()


def batch_of(size: int, side: int = 224, classes: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(size, 3, side, side, device=DEVICE), torch.randint(classes, (size,), device=DEVICE)


def sandwich_step(
    lowered: Lowered, batch: int, *, records: bool = False, split: bool = False, drop_path: float = 0.0
) -> Callable[[int], None]:
    """A step of a space's supernet: largest, smallest, two at random, anew each step; or its one network. split:
    each of the four on its own quarter of the batch. `step.networks(number)` draws those of a step ahead."""
    clean()
    torch.manual_seed(0)
    model = Supernet(lowered.space.frame, lowered.plan, backend).to(DEVICE)
    optimizer = optimizer_of(decaying_first(model, float(lowered.space.train.weight_decay)), notes=1)
    subnets = subnets_of(lowered)
    images, labels = batch_of(batch, lowered.space.frame.image, lowered.space.frame.classes)
    alone = subnets.largest == subnets.smallest
    parts = list(zip(images.chunk(4), labels.chunk(4), strict=True)) if split else [(images, labels)] * 4

    @lru_cache(1)
    def networks(number: int) -> list[Architecture]:
        return [subnets.largest, *([] if alone else [subnets.smallest, *subnets.draw(0, number, 2)])]

    def step(number: int) -> None:
        members = networks(number)
        optimizer.gradient.clear()
        with precision(DEVICE):
            for member, part in zip(members, parts, strict=False):
                learn(model, member, *part, drop_path, 1 / len(members), records=records)
        optimizer.step(1e-3)

    step.networks = networks
    return step


def enqueuing(step: Callable[[int], object], steps: int, first: int) -> float:
    """Milliseconds in which a process on one core starts all that a step does on a device that is idle. Its
    networks are drawn before."""
    threads = [int(name) for name in os.listdir("/proc/self/task")]
    cores = os.sched_getaffinity(0)
    found = []
    try:
        for thread in threads:
            os.sched_setaffinity(thread, {min(cores)})
        for number in range(first, first + steps):
            step.networks(number)
            torch.cuda.synchronize()
            began = time.perf_counter()
            step(number)
            found.append(1e3 * (time.perf_counter() - began))
    finally:
        for thread in threads:
            os.sched_setaffinity(thread, cores)
    return statistics.median(found)


def supernet_step(
    lowered: Lowered, batch: int, steps: int, *, records: bool = False, slow: bool = False, warm: int = 8
) -> dict[str, float]:
    """What `sandwich_step` takes."""
    step = sandwich_step(lowered, batch, records=records)
    began = time.monotonic()
    if slow:
        with plain():
            found = times(step, steps, warm)
    else:
        found = times(step, steps, warm)
    return {
        "ms": statistics.median(found),
        "worst": max(found),
        "GiB": torch.cuda.max_memory_allocated() / 2**30,
        "reserved GiB": torch.cuda.max_memory_reserved() / 2**30,
        "seconds in all": time.monotonic() - began,
    }


def updating(lowered: Lowered, rule: OptimizerName, steps: int) -> float:
    """Milliseconds of an update of a supernet, without the passes before it."""
    clean()
    model = Supernet(lowered.space.frame, lowered.plan).to(DEVICE)
    optimizer = optimizer_of(decaying_first(model, 0.05, rule), notes=1)
    optimizer.gradient.values.normal_()
    return statistics.median(times(lambda _: optimizer.step(1e-6), steps, 5))


def updating_one_by_one(lowered: Lowered, steps: int) -> float:
    """The same of its matrices alone, by torch's Muon."""
    clean()
    model = Supernet(lowered.space.frame, lowered.plan).to(DEVICE)
    matrices = [
        torch.nn.Parameter(matrix.clone())
        for name, shape in model.matrices().items()
        for matrix in model.get_parameter(name).detach().view(shape)
    ]
    for matrix in matrices:
        matrix.grad = torch.randn_like(matrix)
    optimizer = torch.optim.Muon(matrices, lr=1e-6, adjust_lr_fn="match_rms_adamw")
    return statistics.median(times(lambda _: optimizer.step(), steps, 5))


STEPS = {  # a space, a batch, and whether it is split
    "mini at 1024": ("mini", 1024, False),
    "mini at 256": ("mini", 256, False),
    "mini at 1024, split": ("mini", 1024, True),
    "mini at 256, split": ("mini", 256, True),
    "s3 at 64": ("s3", 64, False),
}
LONG = 250  # steps after which most layers of random networks have come before


def trained_step(name: str) -> Callable[[int], None]:
    """A step as a training runs it."""
    which, batch, split = STEPS[name]
    lowered = space(which)
    return sandwich_step(lowered, batch, records=True, split=split, drop_path=float(lowered.space.train.drop_path))


def trained(name: str, steps: int, warm: int = LONG) -> dict[str, float]:
    """`trained_step` in milliseconds, and enqueued."""
    step = trained_step(name)
    found = times(step, steps, warm)
    return {
        "ms": statistics.median(found),
        "worst": max(found),
        "enqueued in ms": enqueuing(step, 30, warm + steps),
        "GiB": torch.cuda.max_memory_allocated() / 2**30,
        "reserved GiB": torch.cuda.max_memory_reserved() / 2**30,
    }


def standalone(model: torch.nn.Module, batch: int, steps: int, *, scores: bool = False) -> dict[str, float]:
    """A training step, or one scoring, of a whole-graph compiled model."""
    clean()
    model = model.to(DEVICE).train(not scores)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    compiled = torch.compile(model)
    images, labels = batch_of(batch)

    def train(number: int) -> None:
        with precision(DEVICE):
            logits = compiled(images)
        cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def score(number: int) -> None:
        with torch.inference_mode(), precision(DEVICE):
            compiled(images)

    began = time.monotonic()
    found = times(score if scores else train, steps, 4)
    return {"ms": statistics.median(found), "seconds in all": time.monotonic() - began}


def scoring(lowered: Lowered, batch: int, steps: int) -> float:
    """Milliseconds to score a batch with the largest network of a space, by the kernels."""
    clean()
    model = Supernet(lowered.space.frame, lowered.plan, backend).to(DEVICE).eval()
    images, _ = batch_of(batch)

    def score(number: int) -> None:
        with torch.inference_mode(), precision(DEVICE):
            model(images, lowered.largest)

    return statistics.median(times(score, steps, 4))


def ceilings() -> tuple[float, float]:
    """What this GPU reaches: bf16 TFLOP/s in a product of 8192³, TB/s in a copy (read and written)."""
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    flops = 2 * 8192**3 / statistics.median(times(lambda _: a @ b, 20, 5)) / 1e9
    x = torch.randn(2**30, device=DEVICE)
    y = torch.empty_like(x)
    return flops, 8 * 2**30 / statistics.median(times(lambda _: y.copy_(x), 20, 5)) / 1e9


def floor(lowered: Lowered, batch: int, flops: float, bandwidth: float, steps: int) -> float:
    """Milliseconds under which no sandwich step of this kind comes: the larger of arithmetic and memory, network by
    network.

    Arithmetic: three times the products of the forward pass. Memory: every product, and attention, forward and
    backward, reads its activations and writes its result once in bf16; all else is free, weights too.
    """
    subnets = subnets_of(lowered)
    drawn = [a for i in range(steps) for a in subnets.draw(0, i, 2)]
    total = 0.0
    for group in ([subnets.largest], [subnets.smallest], drawn):
        each = []
        for architecture in group:
            moved = 0
            for block in plan.of_architecture(architecture):
                if isinstance(block, plan.TransformerBlock):
                    tokens = block.side**2 + block.token
                    products = (
                        2 * (block.embed + block.hidden) + (block.embed + 3 * block.qkv) + block.qkv + block.embed
                    )
                    moved += 2 * batch * tokens * (3 * products + 4 * block.qkv + 8 * block.qkv)
            work = 6 * batch * price(architecture).flops
            each.append(max(work / flops / 1e9, moved / bandwidth / 1e9))
        total += statistics.mean(each) * (2 if group is drawn else 1)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="step,mini,standalone,tiny,isotropic,updates")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts, batch, steps = options.parts.split(","), options.batch, options.steps
    figures: dict[str, dict[str, float]] = {}

    def note(what: str, **found: float) -> None:
        figures[what] = found
        print(f"| {what} | " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()) + " |", flush=True)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1))

    flops, bandwidth = ceilings()
    note(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", **{"TFLOP/s": flops, "TB/s": bandwidth})
    if "step" in parts:
        lowered = space("s3")
        ours = supernet_step(lowered, batch, steps)
        note("s3: sandwich step", **ours)
        note("s3: sandwich step, graphs", **supernet_step(lowered, batch, steps, records=True))
        small = supernet_step(lowered, 64, steps, records=True, warm=LONG)
        note("s3: sandwich step at 64, graphs", **small, ratio=ours["ms"] / small["ms"])
        note("s3: sandwich step at 64", **supernet_step(lowered, 64, steps))
        slow = supernet_step(lowered, batch, min(steps, 8), slow=True, warm=2)
        note("s3: the same, plain and eager", **slow, times=slow["ms"] / ours["ms"])
        least = floor(lowered, batch, flops, bandwidth, steps)
        note("s3: floor", ms=least, share=least / ours["ms"])
    if "mini" in parts:
        for name in STEPS:
            if name.startswith("mini"):
                note(name, **trained(name, steps))
    if "standalone" in parts:
        lowered = space("s3")
        subnets = subnets_of(lowered)
        model = Supernet(lowered.space.frame, lowered.plan)
        sums = 0.0
        for architecture in (subnets.largest, subnets.smallest, *subnets.draw(0, 0, 2)):
            with plain():
                found = standalone(extract(model, architecture), batch, 10)
            sums += found["ms"]
            note(f"standalone, compiled: {architecture.name}", **found)
        step = figures.get("s3: sandwich step", {}).get("ms", float("nan"))
        note("four standalone networks", ms=sums, times=sums / step)
    if "tiny" in parts:
        import timm

        lowered = space("s3_tiny")
        ours = supernet_step(lowered, batch, steps)
        note("S3-T: training step", **ours)
        compiled = standalone(timm.create_model("swin_s3_tiny_224"), batch, 10)
        note("S3-T of timm, compiled", **compiled, times=compiled["ms"] / ours["ms"])
        score = scoring(lowered, batch, steps)
        compiled = standalone(timm.create_model("swin_s3_tiny_224"), batch, 20, scores=True)
        note("S3-T: scoring", ms=score)
        note("S3-T of timm, compiled: scoring", **compiled, times=compiled["ms"] / score)
    if "isotropic" in parts:
        for name in ("autoformer_small", "deit"):
            lowered = space(name)
            ours = supernet_step(lowered, batch, steps)
            note(f"{name}: sandwich step", **ours)
            slow = supernet_step(lowered, batch, min(steps, 8), slow=True, warm=2)
            note(f"{name}: the same, plain and eager", **slow, times=slow["ms"] / ours["ms"])
    if "updates" in parts:
        for name in ("mini", "s3"):
            lowered = space(name)
            for rule in RULES:
                note(f"{name}: update by {rule}", ms=updating(lowered, rule, steps))
            note(f"{name}: its matrices by torch's Muon", ms=updating_one_by_one(lowered, steps))


if __name__ == "__main__":
    main()
