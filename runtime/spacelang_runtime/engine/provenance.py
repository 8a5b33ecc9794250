"""Where a network of a run comes from: the notes that are kept with it when it is taken away."""

from __future__ import annotations

from typing import Any

from spacelang.amount import counted
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang.recipe import from_record
from spacelang_runtime.engine.run import Run


def provenance(run: Run, architecture: Architecture) -> dict[str, Any]:
    """The notes of a network with the weights that it inherits in a run (see `saved.save`). What a search says of
    it holds for the weights that were searched: a run that was trained on has others."""
    cost, record, state, best = price(architecture), run.record, run.state, run.best
    is_best = best is not None and best["name"] == architecture.name
    constraint = accuracy = share = None
    if best is not None and is_best:
        constraint = ", ".join(str(from_record(bound)) for bound in best["bounds"]) or "none"
        if state is None or best.get("step", state.step) == state.step:
            share = best["accuracy"]
            accuracy = f"{share:.2%} of {best['images']} held-out images, with inherited weights"
    steps = f", {counted(state.step, 'step')}" if state else ""
    return {
        "name": architecture.name,
        "flops": cost.flops,
        "params": cost.params,
        "classes": list(record.data.classes),
        "space": record.space,
        "constraint": constraint,
        "accuracy": accuracy,
        "held_out_accuracy": share,
        "data": f"{record.data.name} (fingerprint {record.data.fingerprint[:16]})",
        "origin": f"inherited from the supernet of run {run.name}{steps}",
        "run": run.name,
        "preview": record.preview,
        "versions": record.versions,
    }
