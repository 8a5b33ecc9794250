"""The card of a model in one file: what it is, what was checked, and how it was found, for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from spacelang import notation
from spacelang.amount import spaced
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang_runtime.export.written import Written
from spacelang_runtime.nn.model_card import classes_of, fitted
from spacelang_runtime.preprocessing import Preprocessing


@frozen
class PassLatency:
    """Milliseconds that one pass takes. busy: cores that others kept at work meanwhile, where that is known."""

    milliseconds: float
    batch: int
    threads: int
    busy: float | None


@frozen
class QuantizationTest:
    """A form of a network on test images. before: its float32 file; after: its int8 file. right: of the images."""

    data: str
    images: int
    calibrated: int
    before: int
    after: int
    size_before: int
    latency_before: PassLatency


def card(
    architecture: Architecture,
    name: str,
    image: int,
    notes: Mapping[str, Any],
    preprocessing: Preprocessing,
    written: Written,
    latency: PassLatency | None,
    tested: QuantizationTest | None,
) -> str:
    """The card of the file `name`. image: the side of its images. latency: None where it does not run here."""
    frame, cost = architecture.frame, price(architecture)
    batch = "any number of images" if written.batch is None else f"{written.batch} at a time"
    share = written.size / written.weights
    facts = {
        "File": f"`{name}`, {spaced(written.size)} bytes, {share:.2f} of its weights in float32",
        "Precision": written.precision,
        "Made and checked with": written.with_,
        "Difference from torch": _apart(written),
        "Network": f"`{notation.write(architecture)}`",
        "Hash of the network": f"`{architecture.digest}`",
        "Cost": f"{spaced(cost.flops)} MACs, {spaced(cost.params)} parameters",
        "Input": f"images: {frame.channels} × {image} × {image}, float32, {batch}",
        "Output": f"logits: {frame.classes}, float32",
        "Preprocessing": fitted(architecture, preprocessing, image),
        "Classes": classes_of(architecture, notes),
        "Latency": None if latency is None else _latency(latency),
        **(_tested(tested, written) if tested else {}),
    }
    rows = "\n".join(f"| {fact} | {value} |" for fact, value in facts.items() if value)
    warning = "\n**A preview: this model has learned next to nothing.**\n" if notes.get("preview") else ""
    return f"# {architecture.name} as {name}\n{warning}\n| | |\n|---|---|\n{rows}\n"


def _apart(written: Written) -> str:
    if written.difference is None:
        return "not run: its runtime is not on this system; shapes, names and size were checked"
    return f"{written.difference:.1e} of the largest logit, on noise"


def _latency(latency: PassLatency) -> str:
    busy = ""
    if latency.busy is not None and latency.busy > 0.1:
        busy = f"; others kept {latency.busy:.1f} cores busy meanwhile, so it means little"
    threads = latency.threads or "its own choice"
    return f"{latency.milliseconds:.3g} ms a pass, batch {latency.batch}, threads: {threads}{busy}"


def _tested(tested: QuantizationTest, written: Written) -> dict[str, str]:
    before, after = (f"{count / tested.images:.2%}" for count in (tested.before, tested.after))
    return {
        "Calibrated on": f"{tested.calibrated} training images of {tested.data}",
        "Top-1 before and after": f"{before} in float32, {after} in int8, of {tested.images} test images",
        "Size before": f"{spaced(tested.size_before)} bytes; after: {written.size / tested.size_before:.2f} of it",
        "Latency before": _latency(tested.latency_before),
    }
