"""Blocks that do not belong where they stand: which is meant, and what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spacelang.diagnostics import Diagnostic, Fix, Label, nearest
from spacelang.expression import decimal
from spacelang.syntax import tree

RECIPES = ("train", "evolve", "refine")
_LAYERS = ("layer", "layers", "block", "blocks")


def unknown_block(block: tree.Block, where: str, found: list[Diagnostic]) -> str | int | None:
    """Report a block that does not belong where it stands: "the root", "a stage" or "a layer".

    Returns which block it is meant to be, where that is plain: `each stage`, `stage` (which is not known),
    `layer`, or the number of a stage.
    """
    word = block.head.text.lower()
    if word in _LAYERS:
        return _layer(block, where, found)
    if re.fullmatch(r"stages?_?[0-9]{0,2}", word):
        return _stage(block, where, found)
    if word in RECIPES:
        help_ = f"write `{word} {{`" + (" at the root" if where != "the root" else "")
        header = word if where == "the root" else None
        _say(block, found, "E0233", f"`{word}` is one block at the root, without `each` and number", help_, header)
        return None
    near = nearest(word, ("stage", "layer", *RECIPES))
    known = "there are `each stage`, `stage 1`, `each layer`, `train`, `evolve` and `refine`"
    header, help_ = _OTHERS.get(word, (near, f"did you mean `{near}`?" if near else known))
    message = f"there is no block `{block.head.text}`"
    fix = Fix(block.span, header) if header else None
    found.append(Diagnostic("E0214", message, Label(block.span), help=help_, fix=fix))
    return 1 if header == "stage 1" else None


# Blocks of other systems: ours, and what to do.
_OTHERS: Mapping[str, tuple[str | None, str]] = {
    "search_space": ("stage 1", "write `stage 1 {`, with what each layer chooses inside `each layer {`"),
    "supernet": (None, "delete the block: the supernet follows from the options of the space"),
    "model": (None, "delete the block: its lines stand at the root, in `stage 1 {` or in `each layer {`"),
    "training": ("train", "write `train {`"),
    "trainer": ("train", "write `train {`"),
    "optimizer": ("train", "write `train {`"),
    "evolution": ("evolve", "write `evolve {`"),
    "search": ("evolve", "write `evolve {`"),
    "refinement": ("refine", "write `refine {`"),
    "measure": ("refine", "write `refine {`"),
    "constraints": (None, "write `require` lines: rules at the root, bounds on the network in `evolve {`"),
}


def _say(
    block: tree.Block, found: list[Diagnostic], code: str, message: str, help_: str, header: str | None = None
) -> None:
    """header: what the block's header ought to be."""
    fix = Fix(block.span, header) if header else None
    found.append(Diagnostic(code, message, Label(block.span), help=help_, fix=fix))


def _layer(block: tree.Block, where: str, found: list[Diagnostic]) -> str | None:
    if where == "a layer":
        help_ = "write its settings and choices without this block"
        _say(block, found, "E0231", "a layer has no layers in it", help_)
        return "layer"
    if block.number is not None:
        help_ = "write `each layer {`: which of its options each layer takes is what the search decides"
        _say(block, found, "E0226", "layers are not numbered", help_)
    else:
        message = "a block that speaks of the layers begins with `each layer`"
        _say(block, found, "E0213", message, "write `each layer {`", "each layer")
    return "layer"


def _stage(block: tree.Block, where: str, found: list[Diagnostic]) -> str | int | None:
    if where != "the root":
        message = f"a stage does not stand inside {where}"
        _say(block, found, "E0227", message, "close the block before it with `}`")
        return None
    written = re.sub(r"[^0-9]", "", block.head.text) or (decimal(block.number.value) if block.number else "")
    if written.isdigit() and not block.each:
        header = f"stage {int(written)}"
        message = "a block that speaks of one stage begins with `stage` and its number"
        _say(block, found, "E0230", message, f"write `{header} {{`", header)
        return int(written)
    if block.each:
        message = "a block that speaks of all stages begins with `each stage`"
        _say(block, found, "E0230", message, "write `each stage {`", "each stage")
        return "each stage"
    help_ = "write `each stage {` for all stages, or `stage 1 {` for one"
    _say(block, found, "E0232", "this block does not say which stages it speaks of", help_)
    return "stage"
