"""Matrices made orthogonal by products alone (Newton-Schulz; Jordan et al., 2024, with their coefficients).

Each step takes every singular value s to a·s + b·s³ + c·s⁵. Five steps bring those from 1/500 of the largest on to
about 1 (between 0.7 and 1.2), and leave the singular vectors as they are: U S Vᵀ becomes nearly U Vᵀ.
https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

import torch
from torch import Tensor

A, B, C = 3.4445, -4.7750, 2.0315
STEPS = 5
LEAST = 1e-7  # a matrix of a smaller norm is not scaled up to 1, and one of zeros stays that


def orthogonalise_(matrices: Tensor) -> None:
    """Make each of the matrices [n, rows, columns], rows <= columns, orthogonal where it lies, all in the same few
    products, in their own type."""
    x = matrices.div_(torch.linalg.matrix_norm(matrices, keepdim=True).clamp(min=LEAST))
    for step in range(STEPS):
        gram = torch.bmm(x, x.mT)
        change = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        x = torch.baddbmm(x, change, x, beta=A, out=matrices if step == STEPS - 1 else None)
