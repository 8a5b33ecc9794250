"""A model card: what a model is and where it comes from, for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacelang import notation
from spacelang.amount import short, spaced
from spacelang.architecture import Architecture
from spacelang.lower.cost import price
from spacelang_runtime.preprocessing import Preprocessing

NAMED = 20  # classes that the card names


def model_card(architecture: Architecture, notes: Mapping[str, Any], preprocessing: Preprocessing) -> str:
    """The card of a network. notes: as `saved.save` takes them; what they do not tell is left out."""
    frame, cost = architecture.frame, price(architecture)
    facts = {
        "Network": f"`{notation.write(architecture)}`",
        "Hash of the network": f"`{architecture.digest}`",
        "Hash of the weights": f"`{notes['weights_sha256']}`" if "weights_sha256" in notes else None,
        "Cost": f"{spaced(cost.flops)} MACs, {spaced(cost.params)} parameters",
        "Input": f"{frame.channels} × {frame.image} × {frame.image}",
        "Preprocessing": fitted(architecture, preprocessing, frame.image),
        "Classes": classes_of(architecture, notes),
        "Space": notes.get("space"),
        "Constraint of the search": notes.get("constraint"),
        "Accuracy": notes.get("accuracy"),
        "Data": notes.get("data"),
        "Origin": notes.get("origin"),
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value]
    warning = "\n**A preview: this model has learned next to nothing.**\n" if notes.get("preview") else ""
    return f"""---
library_name: spacelang
pipeline_tag: image-classification
tags: [vision-transformer, neural-architecture-search, timm, transformers]
---

# {architecture.name}

A vision transformer of {short(cost.params)} parameters and {short(cost.flops)} MACs, in the form of spacelang.
{warning}
| | |
|---|---|
{chr(10).join(rows)}

MACs count a multiplication and its addition once, over every matrix product, convolution and attention product.

## Use

```python
from spacelang_runtime.nn.saved import load

model = load(".")  # a torch.nn.Module in evaluation mode
```

```python
import timm
import spacelang_runtime.export.timm_model  # makes the network known to timm

model = timm.create_model("local-dir:.", pretrained=True)
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))  # the preprocessing above
```

```python
from transformers import AutoImageProcessor, AutoModelForImageClassification
import spacelang_runtime.export.hf_model  # makes the network known to transformers

model = AutoModelForImageClassification.from_pretrained(".")
processor = AutoImageProcessor.from_pretrained(".")  # the preprocessing above
```
"""


def fitted(architecture: Architecture, preprocessing: Preprocessing, image: int) -> str:
    """The way of a picture into the network, in words. image: the side of what it sees."""
    frame = architecture.frame
    mean, std = (", ".join(f"{v:.4g}" for v in values) for values in preprocessing.moments(frame.channels))
    return (
        f"the shorter side resized ({preprocessing.interpolation}) to {preprocessing.shorter(image)} pixels, "
        f"the middle cut out (crop_pct {preprocessing.crop:g}); mean {mean}, standard deviation {std}, "
        "on a scale from 0 to 1"
    )


def classes_of(architecture: Architecture, notes: Mapping[str, Any]) -> str:
    """How many classes there are, with the names of the first ones where all are known."""
    classes, names = architecture.frame.classes, list(notes.get("classes") or ())
    if len(names) != classes:
        return str(classes)
    more = f", and {classes - NAMED} more in config.json" if classes > NAMED else ""
    return f"{classes}: {', '.join(name.replace('|', '&#124;') for name in names[:NAMED])}{more}"
