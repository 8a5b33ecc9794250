"""AdamW over a supernet's tensors (Loshchilov and Hutter, 2019)."""

from __future__ import annotations

import torch

from spacelang.recipe import Train
from spacelang_runtime.supernet import Supernet


def adamw(model: Supernet, recipe: Train) -> torch.optim.AdamW:
    """The optimizer of a recipe. Norms, biases, position tables and tokens do not decay: they are no factors
    of a product."""
    free = model.no_weight_decay()
    named = list(model.named_parameters())
    groups = [
        {"params": [p for name, p in named if name not in free], "weight_decay": float(recipe.weight_decay)},
        {"params": [p for name, p in named if name in free], "weight_decay": 0.0},
    ]
    # Fused: one pass over all tensors, on CPU and GPU alike.
    return torch.optim.AdamW(groups, lr=float(recipe.rate), fused=True)
