"""The weights of the best look at the held-out images, kept in a run beside those that go on learning."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from spacelang_runtime.atomic import replace
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure


@frozen(eq=False)
class BestWeights:
    """Weights by name, the step that they are of, and their accuracy on the held-out images."""

    step: int
    accuracy: float
    weights: dict[str, Tensor]


def keep_best(run: RunFolder, model: nn.Module, step: int, accuracy: float | None) -> None:
    """Keep the model's weights where they told more right than those that are kept."""
    if accuracy is None or ((before := best_weights(run)) is not None and accuracy <= before.accuracy):
        return
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = save(weights, {"step": str(step), "share": repr(accuracy)})
    replace(_file(run), lambda file: file.write(content))


def best_weights(run: RunFolder) -> BestWeights | None:
    """The weights that a run has kept; None before there are any. Raises `Failure` where they are damaged."""
    if not _file(run).exists():
        return None
    try:
        with safe_open(_file(run), "pt") as file:
            notes = file.metadata()
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
            return BestWeights(int(notes["step"]), float(notes["share"]), weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as reason:
        raise Failure(f"{_file(run)} is damaged: {reason}", "restore it, or train anew") from None


def _file(run: RunFolder) -> Path:
    return run.folder / "best.safetensors"
