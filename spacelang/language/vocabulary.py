"""The words that take no value of their own: blocks, keywords, values and functions, with what each means."""

from __future__ import annotations

from collections.abc import Mapping

BLOCKS: Mapping[str, str] = {
    "stage": "A stage: layers of one width on one map. Between two stages the map's side halves. `each stage` "
    "speaks of all, `stage 1` of the first.",
    "layer": "What each layer of a stage may be, whatever the others are. It is always written `each layer`; what "
    "is chosen outside it is the same in all layers.",
    "train": "How the supernet is trained.",
    "evolve": "How the trained supernet is searched, and within which bounds.",
    "mutate": "What a mutation draws anew, each with its probability.",
    "refine": "How the space is measured, and how far its options move by what was measured.",
    "steps": "How far one step moves the options of each dimension.",
}
KEYWORDS: Mapping[str, str] = {
    "edition": "The edition of the language that the file is written in: its first statement.",
    "space": "The name of the space.",
    "extends": 'The space that this one is made from: `extends "other.space"`. A line here replaces the '
    "line of its name and scope there.",
    "narrows": 'The space of which this one is a subset: `narrows "other.space"`. A supernet of that one '
    "serves this one unchanged.",
    "measure": "A measure of one's own, with its unit: `measure energy mJ`. A table of what each block costs "
    "tells it, and `evolve` bounds it as it bounds `latency`.",
    "each": "All stages, or all layers: `each stage { … }`, `each layer { … }`.",
    "in": "What is searched: the name takes any of these options, once where it is written: anew in every layer, "
    "once for a stage, or once for the network. In a condition: whether it is one of these.",
    "step": "How far one option of a range is from the next: `64..128 step 32`.",
    "require": "What must hold. `require each stage: …` and `require each layer: …` remove options; in `train`, "
    "`evolve` and `refine`, `require flops <= 4.5G` bounds the whole network. `require sum(depth) <= 24` limits a "
    "total.",
    "and": "Both hold.",
    "or": "At least one holds.",
    "not": "It does not hold.",
}
OPERATORS = ("and", "in", "not", "or", "step")  # the keywords that stand inside a statement
CONSTANTS: Mapping[str, str] = {
    "absolute": "A learned vector for each place, added to the tokens.",
    "bias": "Swin's table: a learned number for each offset and head, added to the attention.",
    "relative": "AutoFormer's tables of rows and columns, for keys and for values.",
    "class": "A class token stands beside those of the image.",
    "none": "No class token.",
    "mean": "The mean of the image's tokens.",
    "yes": "It is there.",
    "no": "It is not there.",
    "global": "Every token attends to every other, at any image size.",
    "largest": "The network with the most MACs.",
    "smallest": "The network with the fewest MACs.",
    "random": "A network drawn at random.",
    "previous": "The stage before: `previous.embed`, `previous.depth`, and what that stage chooses once. A "
    "comparison with it is unknown in stage 1, and a rule that ends unknown holds.",
}
FUNCTIONS: Mapping[str, str] = {
    "min": "The least of several numbers: `min(embed, 512)`.",
    "max": "The greatest of several numbers: `max(embed, 64)`.",
    "sum": "A total: `sum(depth)` over all stages, `sum(heads)` over all layers, of the network or of each stage.",
    "count": "How many layers it holds of: `count(window == 14)`.",
}
VALUES: Mapping[str, str] = {**CONSTANTS, **FUNCTIONS}
