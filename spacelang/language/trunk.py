"""The settings at the root: what all networks of a space have in common."""

from __future__ import annotations

from spacelang.language.dimensions import HEAD_DIM
from spacelang.language.domain import WHOLE, OneOf, SumOf
from spacelang.language.word import ByStages, Word

TRUNK = (
    Word(
        "image",
        "root",
        WHOLE,
        None,
        "pixels",
        "The side of the square image that a network sees.",
        ("img_size", "image_size", "input_size", "resolution", "img", "size", "crop_size"),
    ),
    Word(
        "patch",
        "root",
        WHOLE,
        None,
        "pixels",
        "The side of the square patch that becomes one token.",
        ("patch_size", "patches", "patch_dim"),
    ),
    Word(
        "channels",
        "root",
        WHOLE,
        3,
        "channels",
        "The colours of an image.",
        ("in_chans", "in_channels", "num_channels", "input_channels", "chans"),
    ),
    Word(
        "classes",
        "root",
        WHOLE,
        None,
        "classes",
        "How many classes a network tells apart.",
        ("num_classes", "nb_classes", "n_classes", "num_labels", "labels", "outputs"),
    ),
    HEAD_DIM,
    Word(
        "position",
        "root",
        SumOf(("absolute", "bias", "relative")),
        ByStages(one="absolute", several="bias"),
        "",
        "How tokens know where they are: a sum of encodings.",
        ("pos_embed", "position_embedding", "pos_encoding", "rel_pos", "position_encoding", "positions"),
    ),
    Word(
        "token",
        "root",
        OneOf(("class", "none")),
        "none",
        "",
        "Whether a class token stands beside those of the image.",
        ("cls_token", "class_token"),
    ),
    Word(
        "pool",
        "root",
        OneOf(("mean", "token")),
        "mean",
        "",
        "What the classifier sees: the mean of the tokens, or the class token.",
        ("global_pool", "pooling", "pooler", "gap"),
    ),
    Word(
        "stem_norm",
        "root",
        OneOf(("yes", "no")),
        ByStages(one="no", several="yes"),
        "",
        "Whether a layer norm follows the patch embedding.",
    ),
)
FRAME = tuple(word.name for word in TRUNK)
SETTINGS = tuple(
    word.name for word in TRUNK if word.domain == WHOLE and word is not HEAD_DIM
)  # that any expression may use
DEFAULTS = {word.name: word.default for word in TRUNK}
WORDS = {word.name: word.domain.words for word in TRUNK if isinstance(word.domain, OneOf | SumOf)}
