"""Our networks as models of timm. Importing this module makes them known to it:

    timm.create_model("local-dir:model/", pretrained=True)           # a folder that spacelang export wrote
    timm.create_model("spacelang", network="i224-p4-c1000/96:…")     # any architecture, by its line
    timm.create_model("spacelang_s3_tiny", features_only=True)       # a released one, with random weights

What timm's arguments mean: `num_classes` and `in_chans` replace the head and the stem, `drop_path_rate` is the
last layer's, and images may have any size, so `img_size` is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from attrs import evolve
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models._features import feature_take_indices
from torch import Tensor, nn

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang_runtime.nn import network as networks
from spacelang_runtime.nn.network import Network, as_map, linear
from spacelang_runtime.nn.saved import described

RELEASED = {
    "spacelang_s3_tiny": "i224-p4-c1000/96:2xh3q96m4w7/192:2xh6q192m4w7/384:6xh12q384m4w14/768:2xh24q768m4w7",
    "spacelang_s3_small": "i224-p4-c1000/96:2xh3q96m4w14/192:2xh6q192m4w14/384:18xh12q384m4w14/768:2xh24q768m4w7",
    "spacelang_s3_base": "i224-p4-c1000/96:2xh3q96m4w7/192:2xh6q192m4w7/384:30xh12q384m4w14/768:2xh24q768m4w7",
    "spacelang_swin_tiny": "i224-p4-c1000/96:2xh3q96m4w7/192:2xh6q192m4w7/384:6xh12q384m4w7/768:2xh24q768m4w7",
}


class TimmNetwork(Network):
    """A network that speaks as timm's models do; its weights have the names that they have in `Network`.

    network: an architecture or its line. global_pool: "avg", "token" (of a class token), or "" for the map as
    it is. `forward_features` gives the normalised map [B, C, rows, columns], or with a class token the tokens
    [B, 1 + N, C]. The intermediate maps are those of `Network.features`.
    """

    def __init__(
        self,
        network: Architecture | str,
        num_classes: int | None = None,
        in_chans: int | None = None,
        global_pool: str | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        architecture = notation.read(network) if isinstance(network, str) else network
        frame = architecture.frame
        classes = frame.classes if num_classes is None else num_classes
        frame = evolve(frame, classes=max(classes, 1), channels=in_chans or frame.channels)
        super().__init__(evolve(architecture, frame=frame), drop_path_rate)
        self.num_features = self.head_hidden_size = architecture.stages[-1].embed
        self.num_classes = frame.classes
        self.drop_rate = drop_rate
        self.global_pool = "token" if frame.pool == "token" else "avg"
        self.feature_info = [
            {"num_chs": channels, "reduction": stride, "module": f"stages.{stage}.layers.{layer}"}
            for channels, stride, (stage, layer) in zip(self.channels, self.strides, self.taps, strict=True)
        ]
        if classes == 0 or global_pool is not None:
            self.reset_classifier(classes, global_pool)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The normalised output of the last layer."""
        return self._normalised(*self.encode(x)[:2])

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The scores, or with `pre_logits` what they are computed from, of what `forward_features` gave."""
        if self.global_pool:
            x = x if x.dim() == 3 else x.flatten(2).transpose(1, 2)
            x = x[:, 0] if self.global_pool == "token" else x[:, self.head.first :].mean(1)
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.head.classify(x)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The maps of some of the layers `taps`, and what `forward_features` gives unless only maps are wanted.

        indices: which of them, or how many of the last; None: all. norm: normalise those as wide as the last.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"maps are NCHW, not {output_fmt}")
        taken, _ = feature_take_indices(len(self.taps), indices)
        last, grid, maps = self.encode(self.stem.filled(x), tuple(self.taps[index] for index in taken))
        if norm:
            width = self.num_features
            maps = tuple(self._channels_normalised(m) if m.shape[1] == width else m for m in maps)
        return list(maps) if intermediates_only else (self._normalised(last, grid), list(maps))

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Remove what these maps do not need; gives their places among `taps`."""
        taken, deepest = feature_take_indices(len(self.taps), indices)
        stage, layer = self.taps[deepest]
        self.stages = self.stages[: stage + 1]
        self.stages[stage].layers = self.stages[stage].layers[: layer + 1]
        if prune_norm:
            self.head.norm = nn.Identity()
        if prune_head:
            self.reset_classifier(0, "")
        return taken

    def get_classifier(self) -> nn.Module:
        return self.head.classify

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the head's linear layer by a new one, or for no classes by none, and its pooling where given."""
        if global_pool is not None:
            allowed = ("", "avg", "token") if self.architecture.frame.token == "class" else ("", "avg")
            if global_pool not in allowed:
                raise ValueError(f"global_pool is one of {allowed}, not {global_pool!r}")
            self.global_pool = global_pool
        self.num_classes = num_classes
        new = linear(self.num_features, num_classes) if num_classes else nn.Identity()
        self.head.classify = new.to(self.stem.patches.weight)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        self.checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """How layer decay and the like group the weights."""
        if coarse:
            return {"stem": r"^(stem|tokens)", "blocks": r"^stages\.(\d+)"}
        blocks = [(r"^stages\.(\d+)\.merge", (0,)), (r"^stages\.(\d+)\.layers\.(\d+)", None), (r"^head", (99999,))]
        return {"stem": r"^(stem|tokens)", "blocks": blocks}

    def _normalised(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        x = self.head.norm(x)
        return x if self.head.first else as_map(x, grid)

    def _channels_normalised(self, x: Tensor) -> Tensor:
        return self.head.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def spacelang(pretrained: bool = False, network: Architecture | str | None = None, **kwargs: Any) -> nn.Module:
    """Any architecture of ours; the folder that `local-dir:` names tells which."""
    if network is None:
        raise ValueError('which network? Give its line: timm.create_model("spacelang", network="i224-p4-…")')
    return _built("spacelang", network, pretrained, **kwargs)


def _built(name: str, network: Architecture | str, pretrained: bool, **kwargs: Any) -> nn.Module:
    architecture = notation.read(network) if isinstance(network, str) else network
    if not kwargs.get("pretrained_cfg"):
        kwargs["pretrained_cfg"] = _cfg(architecture)
    outputs = tuple(range(len(networks.taps(architecture))))
    features = {"out_indices": outputs, "feature_cls": "getter"}
    return build_model_with_cfg(TimmNetwork, name, pretrained, feature_cfg=features, network=architecture, **kwargs)


def _cfg(architecture: Architecture) -> dict[str, Any]:
    return described(architecture, {})["pretrained_cfg"]


def _released(name: str, line: str) -> Callable[..., nn.Module]:
    def make(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        return _built(name, line, pretrained, **kwargs)

    make.__name__ = make.__qualname__ = name
    return make


default_cfgs = generate_default_cfgs(
    {name: _cfg(notation.read(line)) for name, line in RELEASED.items()}
    | {"spacelang": _cfg(notation.read(RELEASED["spacelang_s3_tiny"]))}
)
register_model(spacelang)
for _name, _line in RELEASED.items():
    register_model(_released(_name, _line))
