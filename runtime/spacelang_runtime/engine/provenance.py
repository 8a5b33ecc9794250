"""Where a network of a run comes from: the notes that are kept with it when it is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacelang.amount import counted
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang.recipe import from_record
from spacelang_runtime.data.training_data import to_notes
from spacelang_runtime.engine.run import RunFolder


def provenance(run: RunFolder, architecture: Architecture) -> dict[str, Any]:
    """The notes of a network with the weights that it inherits in a run (see `saved.save`). What a search says of
    it holds for the weights that were searched: a run that was trained on has others."""
    cost, record, state, best = price(architecture), run.record, run.state, run.best
    data = record.data
    is_best = best is not None and best["name"] == architecture.name
    constraint, share, accuracy = None, None, None
    if best is not None and is_best:
        constraint = ", ".join(str(from_record(bound)) for bound in best["bounds"]) or "none"
        if state is None or best.get("step", state.step) == state.step:
            share, of = _accuracy(best)
            accuracy = f"{share:.2%} {of}, with inherited weights"
    steps = f", {counted(state.step, 'step')}" if state else ""
    bounds = () if record.network else run.space.train.bounds
    within = f", trained inside {' and '.join(map(str, bounds))}" if bounds else ""
    return {
        "name": architecture.name,
        "flops": cost.flops,
        "params": cost.params,
        "classes": list(data.classes),
        "space": record.space,
        "constraint": constraint,
        "accuracy": accuracy,
        "held_out_accuracy": share,
        "data": f"{data.name} (fingerprint {data.fingerprint[:16]})",
        **to_notes(data.test_share, data.test_seed, data.fingerprint, data.test_seen),
        "origin": f"inherited from the supernet of run {run.name}{steps}{within}",
        "run": run.name,
        "preview": record.preview,
        "versions": record.versions,
    }


def _accuracy(best: Mapping[str, Any]) -> tuple[float, str]:
    """What the best network of a search does: by the search's estimate, on images that chose nothing, where it left
    some; else on those that chose it, which says too much. The share, and of which images it is, in words."""
    estimate = best.get("estimate")
    if estimate is None:
        return best["accuracy"], f"of {best['images']} held-out images, the ones that chose it"
    low, high = estimate["accuracy"]
    of = f"[{low:.2%}, {high:.2%}] of {estimate['images']} held-out images that chose nothing"
    return estimate["correct"] / estimate["images"], of
