"""Names that stand where they mean nothing: what was meant, and where it belongs."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import fields

from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.language.dimensions import HEAD_DIM, LAYER_DIMENSIONS, STAGE_DIMENSIONS
from spacelang.language.meant import absent, advice, meant
from spacelang.language.recipes import RECIPES
from spacelang.language.trunk import FRAME
from spacelang.syntax import tree

# What each scope has.
LAYER = (*LAYER_DIMENSIONS, HEAD_DIM.name)
STAGE = (*STAGE_DIMENSIONS, *LAYER)  # what is said of a layer farther out is the same in all layers there
ROOT = (*FRAME, *(name for name in STAGE if name not in FRAME))


def misplaced(name: tree.Identifier, known: tuple[str, ...], where: str) -> Diagnostic:
    """The finding for a name that its scope does not have. known: those that it has."""
    homes: Mapping[str, tuple[str, ...]] = {
        "at the root, outside all blocks": FRAME,
        "in a stage, such as `each stage { … }`": STAGE_DIMENSIONS,
        "in `each layer { … }`, inside a stage": LAYER,
    }
    if name.text in ("name", "title", "id") and where == "the root":
        help_ = "the name of a space is a line of its own: `space NAME`"
        return Diagnostic("E0234", "a space is named without `=`", Label(name.span), help=help_)
    for recipe, kind in RECIPES.items():
        if name.text in {field.name for field in fields(kind)}:
            help_ = f"write it in `{recipe} {{ … }}`"
            message = f"`{name.text}` does not belong to {where}"
            return Diagnostic("E0208", message, Label(name.span), help=help_)
    for home, names in homes.items():
        if name.text in names:
            return Diagnostic(
                "E0208", f"`{name.text}` does not belong to {where}", Label(name.span), help=f"write it {home}"
            )
    ours = None if absent(name.text) else meant(name.text, known)
    said = absent(name.text) or advice(name.text, known)
    for home, names in homes.items():
        if said is None and (other := advice(name.text, names)):
            said = f"{other} Write it {home}" if other.endswith("?") else f"{other}; write it {home}"
    return Diagnostic(
        "E0207",
        f"`{name.text}` is nothing that {where} has",
        Label(name.span),
        help=said or f"there are {listed(known, 'and')}",
        fix=Fix(name.span, ours) if ours else None,
    )
