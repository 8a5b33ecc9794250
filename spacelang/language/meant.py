"""Slips, and words of other systems for what has another name here, so that a newcomer is told ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain

from spacelang.diagnostics import nearest
from spacelang.language.dimensions import DIMENSIONS
from spacelang.language.measures import MEASURES, Measure
from spacelang.language.recipes import LINES
from spacelang.language.trunk import TRUNK
from spacelang.language.word import Word

# Of configuration files of timm, torchvision, AutoFormer, Swin, transformers and NNI.
_WORDS: tuple[Word | Measure, ...] = (*TRUNK, *DIMENSIONS, *chain(*LINES.values()), *MEASURES)
_MEANT = {theirs: ours.name for ours in _WORDS for theirs in ours.synonyms}


def meant(word: str, known: Collection[str]) -> str | None:
    """The known word that another system's word, or a misspelling, stands for."""
    ours = _MEANT.get(word.lower())
    return ours if ours in known else nearest(word, known)


def advice(word: str, known: Collection[str]) -> str | None:
    """What to say of a word that is not known."""
    ours = meant(word, known)
    if ours is None:
        return None
    return f"it is called `{ours}` here" if _MEANT.get(word.lower()) == ours else f"did you mean `{ours}`?"


_KIND = "all networks of a space are vision transformers of one kind"
_ABSENT: Mapping[str, tuple[str, ...]] = {
    f"there are no convolutions in a layer: {_KIND}": (
        "kernel",
        "kernel_size",
        "kernels",
        "ks",
        "stride",
        "groups",
        "conv",
        "dilation",
    ),
    f"there is no choice between kinds of layers: {_KIND}": ("op", "ops", "operator", "operation", "block_type"),
    "a layer is there or not by the depth of its stage: none is left out of its middle": ("skip", "identity"),
    "queries, keys and values are equally wide: write `qkv`": (
        "q_dim",
        "k_dim",
        "v_dim",
        "qk",
        "v_ratio",
        "kv_heads",
    ),
}
_WHY = {word: why for why, words in _ABSENT.items() for word in words}


def absent(word: str) -> str | None:
    """Why another system's word has no counterpart here."""
    return _WHY.get(word.lower())
