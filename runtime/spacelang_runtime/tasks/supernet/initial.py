"""A supernet that begins with what a network has learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spacelang_runtime.engine.record import Initial
from spacelang_runtime.nn.fitted import fitted
from spacelang_runtime.nn.inherit import inherit
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.known import known


def begin_with(initial: Initial, model: Supernet, runs: Path, say: Callable[[str], None]) -> None:
    """Put the weights of the network that a training begins with into their places in its supernet; what it does
    not have stays as it was drawn. runs: where runs are looked for by name. Raises `Failure` where it does not
    fit."""
    network = known(initial.model, runs).network
    part = fitted(network, model, initial.model)
    inherit(model, part.architecture, part.weights)
    own, classes = network.architecture.frame.classes, model.frame.classes
    head = "" if own == classes else f"; it tells {own} classes apart and not {classes}: the head begins anew"
    say(f"{part.share:.0%} of the weights of {initial.model} have their places in the supernet{head}")
