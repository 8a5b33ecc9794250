"""The published tables: 1 001 networks of a space of AutoFormer with their top-1 accuracy on ImageNet by inherited
weights (OoD-ViT-NAS, NeurIPS 2024)."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.architecture import Architecture, Layer, Stage
from spacelang.check import compile_text
from spacelang.expression import exact
from spacelang.lower.chain import Genotype
from spacelang.lower.lowered import Lowered, lower
from spacelang.source import read

SPACES = Path(__file__).resolve().parents[2] / "spaces"

Real = NDArray[np.float64]


@frozen(eq=False)
class Table:
    """Published networks of a space. accuracy: top-1 in percent. params: in millions, as printed."""

    genotypes: tuple[Genotype, ...]
    accuracy: Real
    params: Real


def shipped(name: str) -> Lowered:
    """A shipped space."""
    space = compile_text(read(SPACES / f"{name}.space")).space
    assert space is not None, f"{name}.space has errors"
    return lower(space)


def table(path: Path, lowered: Lowered) -> Table:
    """A published table. Raises ValueError where one of its networks is not of the space."""
    rows = json.loads(path.read_text()).values()
    genotypes = tuple(lowered.genotype(architecture(row["net_setting"], lowered)) for row in rows)
    accuracy = np.array([row["performance"]["Imagenet"]["clean"] for row in rows])
    return Table(genotypes, accuracy, np.array([row["params"] for row in rows]))


def architecture(setting: dict[str, Any], lowered: Lowered) -> Architecture:
    """A network as the table writes it; queries, keys and values are 64 wide a head."""
    (width,) = set(setting["embed_dim"])
    layers = tuple(
        Layer(heads, 64 * heads, exact(Fraction(ratio)), "global")
        for heads, ratio in zip(setting["num_heads"], setting["mlp_ratio"], strict=True)
    )
    assert len(layers) == setting["layer_num"]
    return Architecture(lowered.space.frame, (Stage(width, layers),))
