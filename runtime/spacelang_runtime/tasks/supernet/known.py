"""A network that has been trained before, by a text: a model's folder, or a run, whose largest network it is."""

from __future__ import annotations

from pathlib import Path

import torch
from attrs import frozen

from spacelang.lower.lowered import lower
from spacelang.lower.untrained import largest_untrained
from spacelang_runtime.data.training_data import TrainingData, from_notes
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.supernet.data import learned_by


@frozen(eq=False)
class LearnedNetwork:
    """A network that has learned. preprocessing: what it reads images by. learned: what from, as far as it has to
    be known where images are held out for a test."""

    network: Network
    preprocessing: Preprocessing
    learned: TrainingData | None


def doubt(text: str, runs: Path) -> str | None:
    """What is to be said of the network that a text names before it is learned from; None where nothing is."""
    if (Path(text) / "config.json").is_file():
        return None
    space = find(runs, text).space
    return largest_untrained(space.train, lower(space).chain)


def known(text: str, runs: Path) -> LearnedNetwork:
    """The network that a text names. runs: where runs are looked for by name. Raises `Failure` where there is
    none."""
    if (Path(text) / "config.json").is_file():
        return LearnedNetwork(load(text), preprocessing_of(text), from_notes(notes_of(text)))
    run = find(runs, text)
    lowered = lower(run.space)
    network = extract(trained(run, lowered, torch.device("cpu")), lowered.largest)
    return LearnedNetwork(network, run.record.preprocessing or Preprocessing(), learned_by(run))
