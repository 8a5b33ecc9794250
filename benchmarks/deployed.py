"""Networks as files in their own runtimes: equal to torch, no larger than said, and how long a pass takes.

    python benchmarks/deployed.py files KEPT             # 10 random networks each of s3, autoformer_tiny and mini
    python benchmarks/deployed.py times KEPT             # a pass of each, at one thread, on an idle machine
    python benchmarks/deployed.py table KEPT             # what was found, as Markdown for docs/results.md
    python benchmarks/deployed.py peer KEPT --latency    # S3-T beside timm's swin_s3_tiny_224, by the same exporter
    python benchmarks/deployed.py bounded TABLE RUN KEPT # 20 searches at different bounds, their answers run whole

KEPT is a folder of files and of what was found of them: what is in it is not done again, so the work may be cut
anywhere, and forms whose packages cannot live in one environment are made in several. Networks have random weights,
whose logits are as large as a trained network's.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from statistics import mean, median
from typing import Any

import attrs
import torch
from attrs import asdict, frozen

from spacelang.architecture import Architecture
from spacelang.check import compile_text
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.project import loader
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.app import whole as searching
from spacelang_runtime.app.latency import processor
from spacelang_runtime.app.latency_file import place_of, references_of
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.export.latency import measured
from spacelang_runtime.export.latency.drift import SteadyTiming
from spacelang_runtime.export.latency.target import RuntimeTarget, passing
from spacelang_runtime.export.pass_latency import pass_latency
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


@frozen
class Kept:
    """A folder of files, and what is known of them: by unit, and the versions of what made them."""

    folder: Path
    known: dict[str, Any]

    @classmethod
    def at(cls, folder: Path) -> Kept:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "known.json"
        return cls(folder, json.loads(path.read_text()) if path.exists() else {})

    def add(self, unit: str, found: dict[str, Any]) -> None:
        self.known[unit] = found
        replace_json(self.folder / "known.json", self.known)


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
    kept = Kept.at(given.kept)
    kept.known["versions"] = {**kept.known.get("versions", {}), **_versions()}
    for name in given.spaces:
        lowered = lowered_of(name)
        networks = [lowered.architecture(one) for one in draw(lowered.chain, given.count, stream(0))]
        for (seed, architecture), suffix in product(enumerate(networks), given.suffixes):
            unit, path = f"{name} {suffix} {seed}", kept.folder / f"{name}-{seed}{suffix}"
            if unit in kept.known:
                continue
            try:
                one = written(network_of(architecture, seed), path)
                found = asdict(one)
                share = one.weights // 2 if one.precision == "float16" else one.weights
                assert one.size <= MOST[0] * share + MOST[1], (unit, one.size, share)
                found["share"] = one.size / share
            except Failure as reason:
                found = {"failure": reason.message}
            kept.add(unit, {**found, "side": architecture.frame.image})
            print(unit, found, flush=True)


def times(given: argparse.Namespace) -> None:
    """A pass of one image of each file that is not timed yet, until the seconds are over."""
    kept, began = Kept.at(given.kept), time.monotonic()
    for unit, found in list(kept.known.items()):
        if "side" not in found or found.keys() & {"ms", "failure"} or ".mlpackage" in unit:
            continue
        if time.monotonic() - began > given.seconds:
            print("not all are timed: call it again")
            return
        name, suffix, seed = unit.split()
        if suffix not in given.suffixes:
            continue
        session = opened(kept.folder / f"{name}-{seed}{suffix}", threads=1, batch=1)
        latency = pass_latency(session, (3, found["side"], found["side"]), 1)
        kept.add(unit, {**found, "ms": latency.milliseconds, "busy": latency.busy})
        print(f"{unit}: {latency.milliseconds:.3g} ms, others busy: {latency.busy:.2f}", flush=True)


def table(given: argparse.Namespace) -> None:
    """What was found, a row for each space and form."""
    print("| space | networks | file | differs from torch, at most | size over weights, at most | ms a pass |")
    print("|---|---|---|---|---|---|")
    known = Kept.at(given.kept).known
    for name, suffix in product(given.spaces, given.suffixes):
        units = [found for unit, found in known.items() if unit.startswith(f"{name} {suffix} ")]
        rows = [one for one in units if "failure" not in one]
        for said in sorted({one["failure"] for one in units if "failure" in one}):
            print(f"| `{name}` | {len(units) - len(rows)} | {suffix} | {said} | | |")
        if not rows:
            continue
        apart = [one["difference"] for one in rows if one["difference"] is not None]
        worst = f"{max(apart):.1e}" if apart else "not run"
        took = [one["ms"] for one in rows if "ms" in one]
        latency = f"{min(took):.3g} to {max(took):.3g}, mean {mean(took):.3g}" if took else ""
        share = max(one["share"] for one in rows)
        print(f"| `{name}` | {len(rows)} | {suffix} | {worst} | {share:.3f} | {latency} |")
    busy = max((one["busy"] for one in known.values() if one.get("busy") is not None), default=0.0)
    said = ", ".join(f"{package} {number}" for package, number in known["versions"].items())
    print(f"\n{processor()}; others kept at most {busy:.2f} cores busy; {said}")


def peer(given: argparse.Namespace) -> None:
    """S3-T of timm and ours with the same weights, each exported by the same exporter and timed by turns."""
    import timm

    from spacelang_runtime.nn.convert import of_swin

    torch.manual_seed(0)
    theirs = timm.create_model("swin_s3_tiny_224").eval()
    ours = portable(of_swin(theirs).eval())
    images = torch.randn(1, 3, 224, 224)
    for runtime in ("onnxruntime", "openvino"):
        place = RuntimeTarget(runtime, 1, rounds=given.rounds, programs=given.kept)
        both = {"timm": theirs, "ours": ours}
        passes = {name: passing(f"swin_s3_tiny_224 {name}", one, images, place)[0][0] for name, one in both.items()}
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
    print(processor(), _versions())


def bounded(given: argparse.Namespace) -> None:
    """Searches of a run under bounds between the table's extremes: how many answers keep theirs when timed anew.

    Accuracy is of few images: which network is the answer does not matter here, whether it keeps its bound does. As
    those of a trained supernet would, answers lie near their bounds.

    After the search the answer is loaded and timed anew as searches time, by turns with networks of the table that
    are loaded anew, too: as it came, and without what these drifted by. A search that gives no answer is told as
    that.
    """
    import spacelang as sl

    path = Path(given.table)
    facts = json.loads(path.read_text())
    where, references, kept = place_of(facts), references_of(facts, path), Kept.at(given.kept)
    assert isinstance(where, RuntimeTarget), "the table is of another machine"
    run, where = sl.open_run(given.run), attrs.evolve(where, programs=given.kept)
    searching.place_of = lambda _: where  # type: ignore[assignment]
    space, began = run.space.with_costs(path), time.monotonic()
    low, high = space.range("latency")
    shares = random.Random(0)
    bounds = [round(float(low) + shares.uniform(0.1, 0.9) * float(high - low), 3) for _ in range(given.count)]
    for bound in bounds:
        unit = f"{where.runtime} {bound}"
        if unit in kept.known:
            continue
        if time.monotonic() - began > given.seconds:
            print("not all are searched: call it again")
            return
        if given.prepare:
            measured.beside = partial(_untimed, bound / 1000)  # type: ignore[assignment]
        said: list[str] = []
        words = {"candidates": given.candidates, "finalists": given.finalists, "images": 16, "flops": "99G"}
        try:
            found = run.search(latency=f"{0.9 * bound:.3f}ms..{bound}ms", cost=path, say=said.append, **words)
        except Failure as reason:
            if not given.prepare:
                kept.add(unit, {"failure": reason.message, "said": said})
            print(f"bound {bound} ms: {reason.message}", flush=True)
            continue
        if given.prepare:
            continue
        near = measured.nearest(references, bound / 1000)
        again = measured.beside(near, attrs.evolve(where, rounds=searching.ROUNDS))(found.best.network)
        (first,) = (one.whole for one in found.winners)
        assert first is not None
        kept.add(
            unit,
            {
                "name": found.best.name,
                "bound": bound,
                "search": first.record(),
                "again": {name: 1000 * getattr(again, name) for name in ("came", "seconds", "sure")},
                "drift": again.drift,
                "ran": sum("runs whole" in line for line in said),
            },
        )
        print(
            f"bound {bound} ms, answer {found.best.name} {1000 * again.seconds:.4g} ms; as it came "
            f"{1000 * again.came:.4g} ms, drift {again.drift:.2f}; in the search {first.latency:.4g} ms and "
            f"{100 * first.margin:.1f} %, drift {first.drift:.2f}",
            flush=True,
        )
    if not given.prepare:
        _held([one for unit, one in kept.known.items() if unit.startswith(where.runtime)])


def _held(units: list[dict[str, Any]]) -> None:
    """How many answers keep their bounds."""
    answers = [one for one in units if "again" in one]
    for said, of in (("as timed", "came"), ("without the machine's drift", "seconds")):
        parts = [one["again"][of] / one["bound"] for one in answers]
        print(
            f"{said}: {sum(part <= 1 for part in parts)} of {len(parts)} answers keep their bound; median share of "
            f"it {median(parts):.3f}, at most {max(parts):.3f}"
        )
    margins = [one["search"]["margin"] for one in answers]
    drifts = [drift for one in answers for drift in (one["drift"], one["search"]["drift"])]
    print(f"margins {min(margins):.1%} to {max(margins):.1%}, median {median(margins):.1%}")
    print(f"drift {min(drifts):.2f} to {max(drifts):.2f}; no answer: {len(units) - len(answers)}")


def _untimed(
    seconds: float, references: Sequence[measured.ReferenceNetwork], place: RuntimeTarget
) -> Callable[[Architecture], SteadyTiming]:
    """Exports what would be timed, and says of each that it is within its bound: the machine may be busy."""
    measured.whole([one.architecture for one in references], attrs.evolve(place, rounds=1))

    def time(architecture: Architecture) -> SteadyTiming:
        measured.whole([architecture], attrs.evolve(place, rounds=1))
        return SteadyTiming(0.95 * seconds, 1.0, 0.95 * seconds, 0.0)

    return time


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main() -> None:
    """Run one of the parts."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = asked.add_subparsers(dest="part", required=True)
    for name, do in (("files", files), ("times", times), ("table", table)):
        one = parts.add_parser(name)
        one.add_argument("kept", type=Path)
        one.add_argument("--spaces", nargs="+", default=["s3", "autoformer_tiny", "mini"])
        one.add_argument("--suffixes", nargs="+", default=SUFFIXES)
        one.add_argument("--count", type=int, default=10)
        one.add_argument("--seconds", type=float, default=float("inf"))
        one.set_defaults(do=do)
    two = parts.add_parser("peer")
    two.add_argument("kept", type=Path)
    two.add_argument("--rounds", type=int, default=15)
    two.add_argument("--latency", action="store_true")
    two.set_defaults(do=peer)
    three = parts.add_parser("bounded")
    three.add_argument("table")
    three.add_argument("run")
    three.add_argument("kept", type=Path)
    three.add_argument("--count", type=int, default=20)
    three.add_argument("--candidates", type=int, default=20)
    three.add_argument("--finalists", type=int, default=8)
    three.add_argument("--seconds", type=float, default=float("inf"))
    three.add_argument("--prepare", action="store_true", help="export what is to be timed, and keep no time")
    three.set_defaults(do=bounded)
    given = asked.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
