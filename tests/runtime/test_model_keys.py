"""The names of weights, by which checkpoints and models of every age are read: they outlast names of classes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from networks import AWKWARD

from spacelang.lower.lowered import lower
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.supernet import Supernet

SUPERNET = {
    "stem.patches": ["weight", "bias"],
    "stem.norm": ["weight", "bias"],
    "tokens": ["token", "absolute"],
    "stages.N.merge": ["norm_weight", "norm_bias", "weight"],
    "stages.N.layers.N": [
        *("norm1_weight", "norm1_bias", "qkv_weight", "qkv_bias", "bias", "relative", "out_weight", "out_bias"),
        *("norm2_weight", "norm2_bias", "expand_weight", "expand_bias", "contract_weight", "contract_bias"),
    ],
    "head": ["norm_weight", "norm_bias", "weight", "bias"],
}
NETWORK = {
    "stem.patches": ["weight", "bias"],
    "stem.norm": ["weight", "bias"],
    "tokens": ["token", "absolute"],
    "stages.N.merge.norm": ["weight", "bias"],
    "stages.N.merge.reduce": ["weight"],
    "stages.N.layers.N.norm1": ["weight", "bias"],
    "stages.N.layers.N.attention": ["bias", "relative"],
    "stages.N.layers.N.attention.qkv": ["weight", "bias"],
    "stages.N.layers.N.attention.out": ["weight", "bias"],
    "stages.N.layers.N.norm2": ["weight", "bias"],
    "stages.N.layers.N.expand": ["weight", "bias"],
    "stages.N.layers.N.contract": ["weight", "bias"],
    "head.norm": ["weight", "bias"],
    "head.classify": ["weight", "bias"],
}


def kinds(keys: Iterable[str]) -> set[str]:
    """Keys without the numbers of stages and layers."""
    return {re.sub(r"\.\d+\b", ".N", key) for key in keys}


def test_the_weights_of_a_supernet_are_called_what_they_were() -> None:
    spaces = [lower(space) for space in AWKWARD.values()]
    keys = [key for one in spaces for key in Supernet(one.space.frame, one.plan).state_dict()]
    assert kinds(keys) == {f"{module}.{name}" for module, names in SUPERNET.items() for name in names}


def test_the_weights_of_a_network_are_called_what_they_were() -> None:
    keys = [key for space in AWKWARD.values() for key in Network(lower(space).largest).state_dict()]
    assert kinds(keys) == {f"{module}.{name}" for module, names in NETWORK.items() for name in names}
