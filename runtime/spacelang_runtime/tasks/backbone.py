"""A network as the backbone of a task: normalised feature maps, drop-path, positions for another image size."""

from __future__ import annotations

from torch import Tensor, nn

from spacelang_runtime.nn.network import Network
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.tasks.recipe import TaskTrain


class Backbone(nn.Module):
    """The feature maps of a network, each behind a LayerNorm of its own over channels, as in Swin's detection code.

    channels, strides: of the maps, see `Network.features`. The network's classifier is left out. Where the recipe's
    `backbone_learning_rate` is 0, all of it stays as it is, and no gradient passes through it.
    """

    def __init__(self, network: Network, recipe: TaskTrain) -> None:
        super().__init__()
        learns = recipe.backbone_learning_rate != 0
        network.head = nn.Identity()
        network.checkpointing = recipe.checkpointing and learns
        layers = [layer for stage in network.stages for layer in stage.layers]
        for before, layer in enumerate(layers):
            layer.drop = recipe.drop_path * before / max(len(layers) - 1, 1) if learns else 0.0
        self.network = network
        self.channels, self.strides = network.channels, network.strides
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in self.channels)
        self.requires_grad_(learns)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of normalised images [B, channels, H, W] of any size, in float32 or the type of autocast."""
        maps = self.network.features(images)
        return [norm(x.movedim(1, -1)).movedim(-1, 1) for norm, x in zip(self.norms, maps, strict=True)]

    def no_weight_decay(self) -> set[str]:
        """The names of the parameters that weight decay leaves alone."""
        own = {f"network.{name}" for name in self.network.no_weight_decay()}
        return own | {name for name, _ in self.named_parameters() if name.startswith("norms.")}


def resized(network: Network, image: int) -> Network:
    """The network with its absolute positions resized bicubically for images of another size, for good.

    Windows and their bias tables follow the map at hand anyway. A network without absolute positions stays as it
    is.
    """
    frame = network.architecture.frame
    if network.tokens is None or network.tokens.absolute is None or frame.image == image:
        return network
    side = -(-image // frame.patch)
    table = position_embedding.absolute(network.tokens.absolute.detach(), (side, side), frame.token == "class")
    network.tokens.absolute = nn.Parameter(table.clone())
    return network
