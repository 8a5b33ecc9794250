"""The dimensions of a network: what a stage, and what each of its layers, decides, searches or derives."""

from __future__ import annotations

from fractions import Fraction

from spacelang.expression import Binary, Name
from spacelang.language.domain import COUNT, DEEPEST, LARGEST, WHOLE, Numbers
from spacelang.language.word import ByStages, Word

STAGE = (
    Word(
        "depth",
        "stage",
        Numbers(1, DEEPEST, whole=True),
        None,
        "layers",
        "How many layers the stage has.",
        ("depths", "num_layers", "n_layers", "num_blocks", "blocks", "num_hidden_layers", "depth_list"),
    ),
    Word(
        "embed",
        "stage",
        WHOLE,
        None,
        "channels",
        "The width of every token in the stage.",
        ("embed_dim", "embed_dims", "dim", "dims", "width", "hidden_dim", "hidden_size", "d_model"),
    ),
)
LAYER = (
    Word(
        "heads",
        "layer",
        WHOLE,
        None,
        "heads",
        "How many attention heads a layer has.",
        ("num_heads", "n_heads", "nhead", "attention_heads", "num_attention_heads"),
    ),
    Word(
        "qkv",
        "layer",
        WHOLE,
        Binary("*", Name("heads"), Name("head_dim")),
        "channels",
        "The width of all queries of a layer together, and of its keys, and of its values: heads × head width.",
        ("qkv_dim", "qkv_width", "attn_dim", "attention_dim", "qkv_size"),
    ),
    Word(
        "mlp",
        "layer",
        Numbers(0, LARGEST, positive=True),
        4,
        "× embed",
        "The hidden width of a layer's MLP, as a multiple of `embed`.",
        ("mlp_ratio", "ffn_ratio", "mlp_ratios", "expansion", "expand_ratio", "ff_mult", "mlp_mult"),
    ),
    Word(
        "window",
        "layer",
        Numbers(1, LARGEST, whole=True, word="global"),
        ByStages(one="global", several=None),
        "tokens",
        "The side of the attention window. `global`: every token attends to every other, at any image size.",
        ("window_size", "win_size", "window_sizes", "win"),
    ),
)
"""In canonical order: that of the fields of a layer, of a network's line and of tables."""
HEAD_DIM = Word(
    "head_dim",
    "root",
    WHOLE,
    32,
    "channels",
    "The width of one attention head, for expressions such as `qkv = heads * head_dim`.",
    ("head_width", "dim_head", "head_size", "dim_per_head", "qk_dim"),
)
"""No dimension of a network: a number that the expressions of a layer may use, said at any level."""
DIMENSIONS = (*STAGE, *LAYER)
KNOWN = {word.name: word for word in (*DIMENSIONS, HEAD_DIM)}
STAGE_DIMENSIONS = tuple(word.name for word in STAGE)
LAYER_DIMENSIONS = tuple(word.name for word in LAYER)
NUMBERS = (*STAGE_DIMENSIONS, HEAD_DIM.name, *LAYER_DIMENSIONS)  # what expressions of a stage or a layer may use
LAYER_NAMES = (*STAGE_DIMENSIONS, *LAYER_DIMENSIONS, HEAD_DIM.name)  # the same, as they are listed
LATER = {word.name: word.default for word in LAYER if word.later and isinstance(word.default, int)}


def domain(name: str) -> Numbers:
    """What a dimension may be."""
    found = KNOWN[name].domain
    assert isinstance(found, Numbers), "every dimension is a number"
    return found


def step(name: str) -> Numbers:
    """How far one step may move the options of a dimension."""
    return COUNT if domain(name).whole else Numbers(Fraction(1, 1000), 100)
