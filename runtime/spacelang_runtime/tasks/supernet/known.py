"""A network that has been trained before, by a text: a model's folder, or a run, whose largest network it is."""

from __future__ import annotations

from pathlib import Path

import torch

from spacelang.lower.lowered import lower
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load, preprocessing_of
from spacelang_runtime.preprocessing import Preprocessing


def known(text: str, runs: Path) -> tuple[Network, Preprocessing]:
    """The network that a text names, and what it reads images by. runs: where runs are looked for by name. Raises
    `Failure` where there is none."""
    if (Path(text) / "config.json").is_file():
        return load(text), preprocessing_of(text)
    run = find(runs, text)
    lowered = lower(run.space)
    network = extract(trained(run, lowered, torch.device("cpu")), lowered.largest)
    return network, run.record.preprocessing or Preprocessing()
