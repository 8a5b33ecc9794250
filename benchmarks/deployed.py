"""Networks as files in their own runtimes: equal to torch, no larger than said, and how long a pass takes.

    python benchmarks/deployed.py files --latency        # 10 random networks each of s3, autoformer_tiny and mini
    python benchmarks/deployed.py peer --latency         # S3-T beside timm's swin_s3_tiny_224, by the same exporter
    python benchmarks/deployed.py bounded TABLE RUN      # 20 searches at different bounds, their answers run whole

Forms whose packages are missing are left out, and said to be. Networks have random weights, whose logits are as
large as a trained network's. `--latency` times a pass of one image at one thread (ExecuTorch: by `taskset -c 0`);
leave it out on a machine that others use. What is printed is Markdown for docs/results.md.
"""

from __future__ import annotations

import argparse
import platform
import random
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from spacelang.architecture import Architecture
from spacelang.check import compile_text
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.project import loader
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.app.latency import processor, whole
from spacelang_runtime.export.latency.place import Place, passing
from spacelang_runtime.export.pace import pace_of
from spacelang_runtime.export.portable.portable import portable
from spacelang_runtime.export.sessions.opened import opened
from spacelang_runtime.export.written import Written
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.search.timing import timed

SUFFIXES = (".onnx", ".xml", ".pte", ".tflite", ".mlpackage")
PACKAGES = (
    "torch",
    "onnxruntime",
    "openvino",
    "executorch",
    "ai-edge-litert",
    "litert-torch",
    "coremltools",
    "nncf",
)
MOST = 1.1, 2_000_000  # times the weights, and bytes besides


def lowered_of(name: str) -> Lowered:
    """A shipped space."""
    source = read(folder("spaces") / f"{name}.space")
    space = compile_text(source, loader(source.name)).space
    assert space is not None
    return lower(space)


def network_of(architecture: Architecture, seed: int) -> Network:
    """With weights all of which matter."""
    torch.manual_seed(seed)
    network = Network(architecture).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def written(network: Network, path: Path) -> Written:
    """A file, checked as `spacelang export` does."""
    match path.suffix:
        case ".onnx":
            from spacelang_runtime.export import onnx_file as form
        case ".xml":
            from spacelang_runtime.export import openvino_file as form
        case ".pte":
            from spacelang_runtime.export import executorch_file as form
        case ".tflite":
            from spacelang_runtime.export import litert_file as form
        case _:
            from spacelang_runtime.export import coreml_file as form
    return form.write(network, path)


def files(given: argparse.Namespace) -> None:
    """Random networks of each space, in every form."""
    print("| space | networks | file | differs from torch, at most | size over weights, at most | ms a pass |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in given.spaces:
        lowered = lowered_of(name)
        networks = [lowered.architecture(one) for one in draw(lowered.chain, given.count, stream(0))]
        for suffix in given.suffixes:
            rows, times = [], []
            with TemporaryDirectory() as place:
                path = Path(place) / f"model{suffix}"
                try:
                    for seed, architecture in enumerate(networks):
                        rows.append(written(network_of(architecture, seed), path))
                        if given.latency and suffix != ".mlpackage":
                            frame = architecture.frame
                            shape = (frame.channels, frame.image, frame.image)
                            times.append(pace_of(opened(path, threads=1, batch=1), shape, 1).milliseconds)
                except Failure as reason:
                    print(f"| `{name}` | – | {suffix} | {reason.message} | | |", flush=True)
                    continue
            for one in rows:
                kept = one.weights // 2 if one.precision == "float16" else one.weights
                assert one.size <= MOST[0] * kept + MOST[1], (one.size, kept)
            apart = [one.difference for one in rows if one.difference is not None]
            worst = f"{max(apart):.1e}" if apart else "not run"
            size = max(one.size / (one.weights // (2 if one.precision == "float16" else 1)) for one in rows)
            took = f"{min(times):.3g} to {max(times):.3g}" if times else ""
            print(f"| `{name}` | {len(rows)} | {suffix} | {worst} | {size:.3f} | {took} |", flush=True)
    print(f"\n{processor()}, {_versions()}")


def peer(given: argparse.Namespace) -> None:
    """S3-T of timm and ours with the same weights, each exported by the same exporter and timed by turns."""
    import timm

    from spacelang_runtime.nn.convert import of_swin

    torch.manual_seed(0)
    theirs = timm.create_model("swin_s3_tiny_224").eval()
    ours = portable(of_swin(theirs).eval())
    images = torch.randn(1, 3, 224, 224)
    for runtime in ("onnxruntime", "openvino"):
        place = Place(runtime, 1, rounds=given.rounds)
        passes = {"timm": passing(theirs, images, place)[0], "ours": passing(ours, images, place)[0]}
        answers = {name: torch.from_numpy(run()) for name, run in passes.items()}  # type: ignore[arg-type]
        apart = float((answers["ours"] - answers["timm"]).abs().max() / answers["timm"].abs().max())
        assert apart < 1e-4, apart
        if not given.latency:
            print(f"{runtime}: logits apart by {apart:.1e}")
            continue
        found = timed(passes, place.bench, lambda share, said: None, 1)
        ratio = found["ours"].median / found["timm"].median
        said = ", ".join(f"{name} {1000 * timing.median:.1f} ms" for name, timing in found.items())
        print(f"{runtime}: {said}, ratio {ratio:.3f}; logits apart by {apart:.1e}", flush=True)
    print(f"{processor()}, {_versions()}")


def bounded(given: argparse.Namespace) -> None:
    """Searches of a run under bounds between the table's extremes: how many answers keep theirs when run anew."""
    import json

    import spacelang as sl
    from spacelang_runtime.app.latency import place_of

    facts = json.loads(Path(given.table).read_text())
    where, run = place_of(facts), sl.open_run(given.run)
    assert where is not None, "the table is of another machine"
    space = run.space.with_costs(given.table)
    low, high = space.range("latency")
    rng, kept, shares = random.Random(0), 0, []
    for _ in range(given.count):
        bound = round(float(low) + rng.uniform(0.1, 0.9) * float(high - low), 3)
        found = run.search(latency=f"{bound}ms", cost=given.table, flops="99G", candidates=60, images=256)
        (seconds,) = whole([found.best.network], where)
        kept += 1000 * seconds <= bound
        shares.append(1000 * seconds / bound)
        print(f"bound {bound} ms, answer {found.best.name} {1000 * seconds:.4g} ms", flush=True)
    print(f"{kept} of {given.count} keep their bound; median share of it {median(shares):.3f}")


def _versions() -> str:
    found: list[Any] = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main() -> None:
    """Run one of the parts."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = asked.add_subparsers(dest="part", required=True)
    one = parts.add_parser("files")
    one.add_argument("--spaces", nargs="+", default=["s3", "autoformer_tiny", "mini"])
    one.add_argument("--suffixes", nargs="+", default=SUFFIXES)
    one.add_argument("--count", type=int, default=10)
    one.add_argument("--latency", action="store_true")
    one.set_defaults(do=files)
    two = parts.add_parser("peer")
    two.add_argument("--rounds", type=int, default=15)
    two.add_argument("--latency", action="store_true")
    two.set_defaults(do=peer)
    three = parts.add_parser("bounded")
    three.add_argument("table")
    three.add_argument("run")
    three.add_argument("--count", type=int, default=20)
    three.set_defaults(do=bounded)
    given = asked.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
