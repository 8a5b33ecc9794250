"""What follows from a space: its legal options, its plan, its costs, its exact arithmetic and its operators.

Comes in: a Space. Go out: plain values and pure functions of them. `lower` joins the ones that a job needs.
"""

from spacelang.lower.lowered import Lowered, lower

__all__ = ["Lowered", "lower"]
