"""What a training works on: weights, optimizer, average; from the disk and back."""

from __future__ import annotations

from attrs import frozen
from timm.utils import ModelEmaV3
from torch import nn

from spacelang_runtime.engine import checkpoint as checkpoints
from spacelang_runtime.engine.checkpoint import Checkpoint, TrainerState
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.gradient import Gradient
from spacelang_runtime.engine.optimizer import Optimizer
from spacelang_runtime.engine.record import Limits, State
from spacelang_runtime.engine.run import RunFolder, write_state
from spacelang_runtime.engine.schedule import finished
from spacelang_runtime.failure import Failure


@frozen(eq=False)
class Learner:
    """A model with what changes its weights. average: their moving average, where the recipe wants one."""

    model: nn.Module
    optimizer: Optimizer
    average: ModelEmaV3 | None

    @property
    def gradient(self) -> Gradient:
        return self.optimizer.gradient

    @property
    def scored(self) -> nn.Module:
        """The model that is scored: with averaged weights where there are any."""
        return self.average.module if self.average else self.model

    def update(self, rate: float, step: int) -> None:
        """Change the weights by the gradient, at a learning rate. step: counted from 1."""
        self.optimizer.step(rate)
        if self.average:
            self.average.update(self.model, step)

    def save(
        self, run: RunFolder, name: str, digest: str, limits: Limits, state: TrainerState, world: World
    ) -> None:
        """Put the training's checkpoint and its state on the disk. All processes take part, the leader writes.
        name, digest: see `Checkpoint`."""
        optimizer = self.optimizer.state()
        if not world.is_main:
            return
        checkpoints.save(
            run.checkpoint,
            Checkpoint(
                name=name,
                digest=digest,
                limits=limits,
                state=state,
                weights=self.model.state_dict(),
                average=self.average.module.state_dict() if self.average else None,
                optimizer=optimizer,
            ),
        )
        done = finished(limits, state.step, state.elapsed) and not state.owed
        write_state(run, State(state.step, limits, state.elapsed, state.losses, state.skipped, done))

    def restore(self, run: RunFolder, checkpoint: Checkpoint) -> TrainerState:
        """Take over a checkpoint, in any number of processes: gives how far it is."""
        try:
            self.model.load_state_dict(checkpoint.weights)
            self.optimizer.load(checkpoint.optimizer)
            if self.average:
                self.average.module.load_state_dict(checkpoint.average or checkpoint.weights)
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise Failure(f"{run.checkpoint} does not fit what {run.name} trains: {reason}", "train anew") from None
        return checkpoint.state


def learner(model: nn.Module, optimizer: Optimizer, decay: float) -> Learner:
    """What trains a model by an optimizer. decay: of the average of its weights; 0: none.

    The average's decay rises to that, so that a short run does not average over the weights that it began with.
    """
    if not decay:
        return Learner(model, optimizer, None)
    return Learner(model, optimizer, ModelEmaV3(model, decay=decay, use_warmup=True, exclude_buffers=True))
