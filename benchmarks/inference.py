"""Inference of an exported S3-T beside timm's `swin_s3_tiny_224` under `torch.compile`, in one run.

Run `python benchmarks/inference.py` on a GPU: batch 256 at 224 pixels, weights and images in bf16. Without a GPU,
`--device cpu --batch 1 --rounds 1 --steps 1 --warmup 1 --backend eager` tries this file. The contenders have the
same weights, whose logits are compared first, and take turns, round after round, so that a drift of the clock
meets all alike. A round's figure is the mean over `--steps` batches between two synchronisations; the median over
the rounds is told. Prints JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median

import timm
import torch
from torch import Tensor, nn

from spacelang_runtime.nn.convert import of_swin

NAME = "swin_s3_tiny_224"


def main() -> None:
    """Measure and print images a second."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--device", default="cuda")
    asked.add_argument("--batch", type=int, default=256)
    asked.add_argument("--rounds", type=int, default=9)
    asked.add_argument("--steps", type=int, default=10)
    asked.add_argument("--warmup", type=int, default=10)
    asked.add_argument("--mode", default=None, help="of torch.compile, such as max-autotune")
    asked.add_argument("--backend", default="inductor", help="of torch.compile; eager to try this file quickly")
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    device = torch.device(given.device)
    torch.manual_seed(0)
    theirs = timm.create_model(NAME).eval()
    ours = of_swin(theirs).eval()
    images = torch.randn(given.batch, 3, 224, 224)
    theirs, ours, images = theirs.to(device), ours.to(device), images.to(device)
    # In evaluation without autocast, weights and images in bf16: what both would be served as.
    low = torch.bfloat16 if device.type == "cuda" else torch.float32
    with torch.inference_mode():
        expected, found = theirs(images[:8]), ours(images[:8])
        apart = float((found - expected).abs().max() / expected.abs().max())
    assert apart < 1e-2, f"the two are different networks: {apart}"
    theirs, ours, images = theirs.to(low), ours.to(low), images.to(low)
    contenders: dict[str, Callable[[Tensor], Tensor]] = {
        "timm, eager": theirs,
        "timm, compiled": compiled(theirs, given.backend, given.mode),
        "ours, eager": ours,
        "ours, compiled": compiled(ours, given.backend, given.mode),
    }
    rounds: dict[str, list[float]] = {name: [] for name in contenders}
    with torch.inference_mode():
        for name, model in contenders.items():
            seconds(model, images, given.warmup, device)
            print(f"{name} is warm", flush=True) if not given.json else None
        for _ in range(given.rounds):
            for name, model in contenders.items():
                rounds[name].append(seconds(model, images, given.steps, device))
    paces = {name: given.batch / median(times) for name, times in rounds.items()}
    best = max(paces["ours, eager"], paces["ours, compiled"])
    record = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "timm": timm.__version__,
        "type": str(low),
        "batch": given.batch,
        "logits_apart_in_float32": apart,
        "images_a_second": paces,
        "milliseconds": {name: [round(1000 * t, 3) for t in times] for name, times in rounds.items()},
        "ours_over_timm_compiled": best / paces["timm, compiled"],
    }
    if given.json:
        print(json.dumps(record, indent=2))
        return
    print(f"{record['device']}, torch {torch.__version__}, {low}, batch {given.batch}; logits apart by {apart:.1e}")
    for name, pace in paces.items():
        print(f"{name:16} {pace:10.1f} img/s   {1000 * median(rounds[name]):8.2f} ms")
    print(f"the better of ours is {record['ours_over_timm_compiled']:.2f} times timm's compiled")


def compiled(model: nn.Module, backend: str, mode: str | None) -> Callable[[Tensor], Tensor]:
    """A model compiled for one shape."""
    return torch.compile(model, backend=backend, mode=mode, dynamic=False)


def seconds(model: Callable[[Tensor], Tensor], images: Tensor, steps: int, device: torch.device) -> float:
    """Seconds a batch takes, as the mean of some."""
    wait = torch.cuda.synchronize if device.type == "cuda" else nullcontext
    wait()
    began = time.perf_counter()
    for _ in range(steps):
        model(images)
    wait()
    return (time.perf_counter() - began) / steps


if __name__ == "__main__":
    main()
