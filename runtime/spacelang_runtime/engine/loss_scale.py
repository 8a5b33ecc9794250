"""Loss scaling, which keeps small gradients from vanishing in fp16 (Micikevicius et al., 2018, section 3.2).

The loss is multiplied by a scale before the backward pass, and the gradient divided by it before the update. A
scale that is too large makes gradients overflow: that step is skipped, and the scale halved; after many steps
without one it is doubled. These are the rules of `torch.amp.GradScaler`; that looks for overflows in every
gradient, and here the norm, which is known anyway, tells.
"""

from __future__ import annotations

from attrs import frozen

GROWTH, BACKOFF = 2.0, 0.5
INTERVAL = 2000  # steps without an overflow after which the scale grows
LEAST = 1.0  # a gradient that overflows at this scale is not finite by itself


@frozen
class LossScale:
    """scale: what the loss is multiplied by. steps: since the scale was changed, or a gradient overflowed."""

    scale: float = 2.0**16
    steps: int = 0

    def after(self, overflowed: bool) -> LossScale:
        """The scale of the next step."""
        if overflowed:
            return LossScale(max(LEAST, self.scale * BACKOFF))
        if self.steps + 1 == INTERVAL:
            return LossScale(self.scale * GROWTH)
        return LossScale(self.scale, self.steps + 1)
