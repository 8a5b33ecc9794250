"""What a training works on: weights, optimizer, average; from the disk and back."""

from __future__ import annotations

from attrs import frozen
from timm.utils import ModelEmaV3

from spacelang.recipe import Train
from spacelang.space import Space
from spacelang_runtime.engine import checkpoint as checkpoints
from spacelang_runtime.engine.checkpoint import Checkpoint, Standing
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.gradient import Gradient
from spacelang_runtime.engine.optimizer import Optimizer, adamw
from spacelang_runtime.engine.record import Limits, State
from spacelang_runtime.engine.run import Run, write_state
from spacelang_runtime.engine.schedule import finished
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.supernet import Supernet


@frozen(eq=False)
class Learner:
    """A supernet with what changes its weights. average: their moving average, where the recipe wants one."""

    model: Supernet
    optimizer: Optimizer
    average: ModelEmaV3 | None

    @property
    def gradient(self) -> Gradient:
        return self.optimizer.gradient

    def update(self, rate: float, step: int) -> None:
        """Change the weights by the gradient, at a learning rate. step: counted from 1."""
        self.optimizer.step(rate)
        if self.average:
            self.average.update(self.model, step)

    def save(self, run: Run, space: Space, limits: Limits, at: Standing, world: World) -> None:
        """Put the training's checkpoint and its state on the disk. All processes take part, the leader writes."""
        optimizer = self.optimizer.state()
        if not world.is_main:
            return
        checkpoints.save(
            run.checkpoint,
            Checkpoint(
                space=space.name,
                digest=checkpoints.digest(space),
                limits=limits,
                standing=at,
                weights=self.model.state_dict(),
                average=self.average.module.state_dict() if self.average else None,
                optimizer=optimizer,
            ),
        )
        done = finished(limits, at.step, at.elapsed)
        write_state(run, State(at.step, limits, at.elapsed, at.losses, at.skipped, done))

    def restore(self, run: Run, checkpoint: Checkpoint) -> Standing:
        """Take over a checkpoint, in any number of processes: gives how far it is."""
        try:
            self.model.load_state_dict(checkpoint.weights)
            self.optimizer.load(checkpoint.optimizer)
            if self.average:
                self.average.module.load_state_dict(checkpoint.average or checkpoint.weights)
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise Failure(f"{run.checkpoint} does not fit its space: {reason}", "train anew") from None
        return checkpoint.standing


def learner(model: Supernet, recipe: Train, notes: int, shards: int = 1) -> Learner:
    """What trains a model by a recipe. notes, shards: see `gradient.attach`.

    The average's decay rises to the recipe's, so that a short run does not average over the weights that it
    began with.
    """
    optimizer = adamw(model, recipe, notes, shards)
    if not recipe.ema:
        return Learner(model, optimizer, None)
    average = ModelEmaV3(model, decay=float(recipe.ema), use_warmup=True, exclude_buffers=True)
    return Learner(model, optimizer, average)
