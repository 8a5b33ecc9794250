"""Our networks as models of transformers. Importing this module makes them known to its Auto classes:

    AutoModelForImageClassification.from_pretrained("model/")    # a folder that spacelang export wrote
    SpacelangBackbone.from_pretrained("model/", out_indices=[0, 1, 2, 3])

What they save loads here again, and the whole network by `saved.load` too, bit for bit.
`AutoBackbone.from_pretrained` is of no use for a folder, of ours or of anybody: from 5.1 on it begins with
`repo_exists(pretrained_model_name_or_path)` (models/auto/auto_factory.py), which takes names on the hub alone, and
reads nothing before that. Needs transformers 5.1 (`pip install 'spacelang[hf]'`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from attrs import evolve
from torch import Tensor, nn
from transformers import (
    AutoBackbone,
    AutoConfig,
    AutoModelForImageClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.backbone_utils import BackboneConfigMixin, BackboneMixin
from transformers.modeling_outputs import BackboneOutput, ImageClassifierOutputWithNoAttention

from spacelang.architecture import Architecture, from_json, to_json
from spacelang_runtime.nn.network import Network, taps


class SpacelangConfig(BackboneConfigMixin, PreTrainedConfig):
    """An architecture as transformers keeps it.

    network: its JSON form; `SpacelangConfig.of(architecture)` writes it. num_labels: may differ from the
    architecture's classes, and then replaces them. drop_path_rate: of the last layer, in training. out_features,
    out_indices: the maps that a backbone gives, by default the last; `Network.features` makes stage1, stage2, …
    """

    model_type = "spacelang"

    def __init__(
        self,
        network: dict[str, Any] | None = None,
        drop_path_rate: float = 0.0,
        out_features: list[str] | None = None,
        out_indices: list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.drop_path_rate = drop_path_rate
        self.stage_names: list[str] = []
        self._out_features = self._out_indices = None
        if network is not None:
            architecture = from_json(network)
            frame = architecture.frame
            self.image_size, self.patch_size, self.num_channels = frame.image, frame.patch, frame.channels
            self.hidden_sizes = [architecture.stages[stage].embed for stage, _ in taps(architecture)]
            self.hidden_size = self.hidden_sizes[-1]
            self.stage_names = [f"stage{number}" for number in range(1, len(self.hidden_sizes) + 1)]
            self.set_output_features_output_indices(out_features, None if out_features else out_indices)

    def to_dict(self) -> dict[str, Any]:
        """What is written: the network with the classes that its head tells apart now, and of the notes those that
        hold for other weights too."""
        written = super().to_dict()
        if self.network is not None:
            written["network"] = {**self.network, "classes": self.num_labels}
        if "notes" in written:
            lasting = {name: note for name, note in written["notes"].items() if name not in _OF_WEIGHTS}
            written["notes"] = lasting | {"classes": list(self.id2label.values())}
        if "label_names" in written:
            written["label_names"] = list(self.id2label.values())
        return written

    @classmethod
    def of(cls, architecture: Architecture, **kwargs: Any) -> SpacelangConfig:
        """The config of an architecture."""
        return cls(to_json(architecture), **{"num_labels": architecture.frame.classes, **kwargs})


_OF_WEIGHTS = ("accuracy", "held_out_accuracy", "inherited_held_out_accuracy", "weights_sha256")


class SpacelangPreTrainedModel(PreTrainedModel):
    """A `Network` inside a model of transformers: `network` is the plain module."""

    config_class = SpacelangConfig
    base_model_prefix = "network"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _no_split_modules = ("Layer",)

    def __init__(self, config: SpacelangConfig) -> None:
        super().__init__(config)
        if config.network is None:
            raise ValueError("the config has no network: make one by SpacelangConfig.of(architecture)")
        architecture = from_json(config.network)
        frame = evolve(architecture.frame, classes=config.num_labels)
        self.network = Network(evolve(architecture, frame=frame), config.drop_path_rate)
        self.gradient_checkpointing = False

    def _init_weights(self, module: nn.Module) -> None:
        """`Network` begins with its weights drawn; those that a folder lacks are drawn anew, as there."""
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class SpacelangForImageClassification(SpacelangPreTrainedModel):
    """A network as it is: images of whole patches to the scores of `num_labels` classes."""

    def __init__(self, config: SpacelangConfig) -> None:
        super().__init__(config)
        self.post_init()

    def forward(
        self, pixel_values: Tensor, labels: Tensor | None = None, return_dict: bool | None = None, **kwargs: Any
    ) -> ImageClassifierOutputWithNoAttention | tuple[Tensor, ...]:
        self.network.checkpointing = self.gradient_checkpointing
        logits = self.network(pixel_values)
        loss = None if labels is None else F.cross_entropy(logits.float(), labels)
        found = ImageClassifierOutputWithNoAttention(loss=loss, logits=logits)
        return found.to_tuple() if return_dict is False else found


class SpacelangBackbone(BackboneMixin, SpacelangPreTrainedModel):
    """The maps of a network, [B, C, rows, columns] each, of images of any size; it has no head."""

    has_attentions = False
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^(network\.)?head\."]  # 5.1 adds a list to it

    def __init__(self, config: SpacelangConfig) -> None:
        super().__init__(config)
        self.network.head = nn.Identity()
        self.num_features = list(self.network.channels)
        self.post_init()

    def forward(
        self, pixel_values: Tensor, return_dict: bool | None = None, **kwargs: Any
    ) -> BackboneOutput | tuple[tuple[Tensor, ...]]:
        self.network.checkpointing = self.gradient_checkpointing
        maps = dict(zip(self.stage_names, self.network.features(pixel_values), strict=True))
        found = tuple(maps[name] for name in self.out_features)
        return (found,) if return_dict is False else BackboneOutput(feature_maps=found)


AutoConfig.register("spacelang", SpacelangConfig, exist_ok=True)
AutoModelForImageClassification.register(SpacelangConfig, SpacelangForImageClassification, exist_ok=True)
AutoBackbone.register(SpacelangConfig, SpacelangBackbone, exist_ok=True)
