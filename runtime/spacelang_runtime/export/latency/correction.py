"""From blocks timed alone to whole networks: a line of three numbers, fitted to networks that ran whole.

    whole ≈ scale · (sum of the blocks) + layer · (number of layers) + network

scale: what caches and clocks make of all of it; layer: what a runtime saves, or spends, where a layer meets the
next; network: what a pass costs once. The line is a sum over blocks again, and so is the bound that a search has:
each entry is scaled, each layer's gets `layer` besides, and the patch embedding's gets `network`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen

from spacelang.architecture import Architecture
from spacelang_runtime.search.latency import keys

TRUST = 0.03  # in the line (1, 0, 0), beside one network: enough to settle what few networks leave open


@frozen
class Correction:
    """layer, network: seconds. networks: that it was fitted to. before, after: how far the sums of blocks and the
    line are off on these, on average, as a share."""

    scale: float
    layer: float
    network: float
    networks: int
    before: float
    after: float

    def of(self, key: str, seconds: float) -> float:
        """What a block's entry becomes; never less than nothing."""
        kind = key.split("/", 1)[0]
        extra = {"stem": self.network, "merge": 0.0, "head": 0.0}.get(kind, self.layer)
        return max(0.0, self.scale * seconds + extra)


NONE = Correction(1.0, 0.0, 0.0, 0, 0.0, 0.0)


def fitted(times: Mapping[str, float], networks: Sequence[Architecture], whole: Sequence[float]) -> Correction:
    """The line for some networks that took `whole` seconds. times: of blocks, by key.

    Least squares of relative errors, so that a small network counts as much as a large one.
    """
    if not networks:
        return NONE
    sums = np.array([sum(times[key] for key in keys(one)) for one in networks])
    depths = np.array([float(one.depth) for one in networks])
    real = np.array(whole)
    usual = real.mean()
    # Unknowns of one size: the scale, and of the usual network's time the shares of all layers and of the pass.
    rows = np.stack([sums, usual * depths / depths.mean(), np.full_like(sums, usual)], 1) / real[:, None]
    prior = TRUST * np.eye(3)
    answer = np.concatenate([np.ones_like(real), prior @ [1.0, 0.0, 0.0]])
    scale, layer, network = np.linalg.lstsq(np.concatenate([rows, prior]), answer, rcond=None)[0]
    found = Correction(float(scale), float(layer * usual / depths.mean()), float(network * usual), len(real), 0, 0)
    corrected = {key: found.of(key, seconds) for key, seconds in times.items()}
    after = [sum(corrected[key] for key in keys(one)) for one in networks]
    return Correction(
        found.scale, found.layer, found.network, len(real), off(sums.tolist(), whole), off(after, whole)
    )


def off(foretold: Sequence[float], whole: Sequence[float]) -> float:
    """By which share the foretold is off, on average."""
    return float(np.mean([abs(one / real - 1) for one, real in zip(foretold, whole, strict=True)]))
