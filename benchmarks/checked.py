"""A million draws from s3 inside a window, each checked against the rules and the costs, stated here once more.

Run `python benchmarks/checked.py`. The evaluator is numpy over plain numbers: it reads the genes of what was
drawn and shares no code with what draws, counts or prices.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
from exact import SPACES
from numpy.typing import NDArray

from spacelang.check import compile_text
from spacelang.lower.chain import Window
from spacelang.lower.draw import Draws, draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.source import Source

Int = NDArray[np.int64]
DEPTH = ((1, 3), (1, 3), (4, 8), (1, 3))
EMBED = ((64, 96, 128), (160, 192, 224), (320, 384, 448), (640, 768, 896))
HEADS = ((2, 3, 4), (5, 6, 7), (10, 12, 14), (20, 24, 28))
WINDOW = ((7, 14), (7, 14), (7, 14), (7,))
TOP = 4_500_000_000
BATCH = 100_000


def genes(lowered: Lowered, drawn: Draws, stage: int) -> tuple[Int, Int, dict[str, Int]]:
    """Embed and depth (n,), and each gene of the layers (n, greatest depth), 0 where there is no layer."""
    cells = lowered.legal.stages[stage]
    most = max(len(cell.options) for cell in cells)
    values = {name: np.zeros((len(cells), most + 1), np.int64) for name in ("heads", "qkv", "mlp2", "window")}
    for number, cell in enumerate(cells):
        for at, layer in enumerate(cell.options):
            whole: dict[str, Any] = {
                "heads": layer.heads, "qkv": layer.qkv, "mlp2": 2 * layer.mlp, "window": layer.window
            }  # fmt: skip
            for name, table in values.items():
                table[number, at] = whole[name]
    cell = drawn.cells[:, stage]
    found = {name: table[cell[:, None], drawn.layers[stage]] for name, table in values.items()}
    embed = np.array([cell.embed for cell in cells])[cell]
    return embed, np.array([cell.depth for cell in cells])[cell], found


def judge(lowered: Lowered, drawn: Draws) -> tuple[NDArray[np.bool_], Int]:
    """Whether each network meets every rule of s3.space, and its MACs."""
    stages = [genes(lowered, drawn, stage) for stage in range(4)]
    fits = np.ones(len(drawn), bool)
    macs = 56 * 56 * stages[0][0] * 48 + stages[3][0] * 1000
    for number, (embed, depth, layer) in enumerate(stages):
        side = 56 >> number
        there = np.arange(layer["heads"].shape[1])[None, :] < depth[:, None]
        fits &= np.isin(embed, EMBED[number]) & (depth >= DEPTH[number][0]) & (depth <= DEPTH[number][1])
        legal = np.isin(layer["heads"], HEADS[number]) & np.isin(layer["window"], WINDOW[number])
        legal &= np.isin(layer["mlp2"], (6, 7, 8)) & (layer["qkv"] == 32 * layer["heads"])
        fits &= (legal == there).all(axis=1)
        window = np.where(there, layer["window"], 1)
        padded = (-(-side // window) * window) ** 2
        attention = padded * 4 * embed[:, None] * layer["qkv"] + 2 * padded * window**2 * layer["qkv"]
        mlp = side * side * embed[:, None] ** 2 * layer["mlp2"]  # 2 · C · hidden, hidden = C · mlp2 / 2
        macs = macs + ((attention + mlp) * there).sum(axis=1)
    for number, ((before, _, _), (after, _, _)) in enumerate(pairwise(stages)):
        fits &= after >= before
        macs = macs + (28 >> number) ** 2 * 4 * before * after
    return fits, macs


def main() -> None:
    """Draws, checks and says how many networks were inside."""
    space = compile_text(Source("s3", (SPACES / "s3.space").read_text())).space
    if space is None:
        sys.exit("s3.space does not compile")
    lowered, source = lower(space), stream(0)
    start, good = time.perf_counter(), 0
    for _ in range(1_000_000 // BATCH):
        drawn = draw(lowered.chain, BATCH, source, bounds={"flops": Window(0, TOP)})
        fits, macs = judge(lowered, drawn)
        good += int((fits & (macs <= TOP)).sum())
    print(f"{good:,} of 1,000,000 draws meet every rule and the bound, in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
