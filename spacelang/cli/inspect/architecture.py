"""A network, shown."""

from __future__ import annotations

import json

from spacelang import notation
from spacelang.amount import short, spaced
from spacelang.architecture import Architecture, Option, to_json
from spacelang.cli.terminal import console, grid
from spacelang.expression import decimal
from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.lower import cost
from spacelang.lower.plan import of_architecture


def show(architecture: Architecture, as_json: bool) -> None:
    """Print a network: its name and costs, its line, and its layers."""
    parts = of_architecture(architecture)
    whole = cost.total(parts)
    if as_json:
        record = {
            "name": architecture.name,
            "line": notation.write(architecture),
            "flops": whole.flops,
            "params": whole.params,
            "architecture": to_json(architecture),
        }
        print(json.dumps(record, indent=2))
        return
    out = console()
    out.print(f"[bold]{architecture.name}[/]   {short(whole.params)} params, {short(whole.flops)} MACs")
    out.print(f"{spaced(whole.params)} params, {spaced(whole.flops)} MACs")
    out.print(notation.write(architecture), soft_wrap=True)
    out.print()
    body = []
    for number, stage in enumerate(architecture.stages):
        spent = sum(cost.macs(part) for part in parts if getattr(part, "stage", None) == number)
        for index, layer in enumerate(stage.layers, 1):
            first = index == 1
            body.append(
                [
                    f"{number + 1}" if first else "",
                    str(stage.embed) if first else "",
                    str(index),
                    *(_shown(getattr(layer, name)) for name in LAYER_DIMENSIONS),
                    f"{short(spent)}  {spent / whole.flops:.0%}" if first else "",
                ]
            )
    out.print(grid(["stage", "embed", "layer", *LAYER_DIMENSIONS, "MACs of its layers"], body))


def _shown(value: Option) -> str:
    return value if isinstance(value, str) else decimal(value)
