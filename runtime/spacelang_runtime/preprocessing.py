"""How a picture becomes what a network is scored on, as a value that goes with the network.

A run chooses one for its data and records it; a model's folder states it for timm and transformers, and is scored
by what it states. This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any

from attrs import frozen

from spacelang.architecture import Frame
from spacelang.outside import finite, shown
from spacelang_runtime.failure import Failure

# Mean and standard deviation of ImageNet's training images, red, green and blue, on a scale from 0 to 1: what the
# published vision transformers use. A grey input takes their averages.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
USUAL, WHOLE = 0.875, 1.0  # crop shares: of the published ImageNet figures, and of pictures with no margin to spare
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # all but the first antialiased


@frozen
class Preprocessing:
    """A picture is resized until its shorter side is ⌊image / crop⌋, the middle image × image is cut out, and each
    channel becomes (x − mean) / std, with x from 0 to 1.

    crop: the share of the resized shorter side that is kept, above 0 and at most 1. interpolation: one of
    `FILTERS`. mean, std: a number for each channel; of three, a grey input takes the averages.
    """

    crop: float = USUAL
    interpolation: str = "bicubic"
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    def shorter(self, image: int) -> int:
        """What the shorter side is resized to, in pixels, for a square of `image`: rounded down, as timm does."""
        return math.floor(image / self.crop)

    def moments(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation for so many channels: as they are, or for 1 the averages."""
        if channels == len(self.mean):
            return self.mean, self.std
        return (fmean(self.mean),) * channels, (fmean(self.std),) * channels


def chosen(shorter: Iterable[int], image: int) -> Preprocessing:
    """The preprocessing for data whose pictures have these shorter sides, scored at `image` pixels.

    Where the median is at most the image, pictures are enlarged as it is, and are looked at whole; else the margin
    of an eighth is left out that the published figures leave out.
    """
    sides = list(shorter)
    return Preprocessing(WHOLE if sides and median(sides) <= image else USUAL)


def to_cfg(preprocessing: Preprocessing, frame: Frame) -> dict[str, Any]:
    """The preprocessing for images of a frame, in the words of timm's configs."""
    mean, std = preprocessing.moments(frame.channels)
    return {
        "input_size": [frame.channels, frame.image, frame.image],
        "interpolation": preprocessing.interpolation,
        "crop_pct": preprocessing.crop,
        "crop_mode": "center",
        "mean": list(mean),
        "std": list(std),
    }


def from_cfg(cfg: Mapping[str, Any], frame: Frame, where: str) -> Preprocessing:
    """What a config of timm states for images of a frame; what it leaves out is as timm has it.

    where: to name it by. Raises `Failure` where it states what no picture can be fitted by here, and images of
    another size or number of channels than the frame's.
    """
    size = [frame.channels, frame.image, frame.image]
    stated_size = cfg.get("input_size") or size
    if not isinstance(stated_size, list | tuple) or list(stated_size) != size:
        several = isinstance(stated_size, list | tuple)
        stated = "×".join(map(shown, stated_size[:4])) if several else shown(stated_size)
        raise _unfit(where, "input_size", stated, f"the network's images are {'×'.join(map(str, size))}")
    if (cfg.get("crop_mode") or "center") != "center":
        raise _unfit(where, "crop_mode", cfg["crop_mode"], "the middle is what can be cut out here: center")
    crop = cfg.get("crop_pct") or USUAL
    if not finite(crop) or not 0 < crop <= 1:
        raise _unfit(where, "crop_pct", crop, "it is a share above 0, and at most 1")
    interpolation = cfg.get("interpolation") or "bicubic"
    if not isinstance(interpolation, str) or interpolation not in FILTERS:
        raise _unfit(where, "interpolation", interpolation, f"it is one of {', '.join(FILTERS)}")
    usual = Preprocessing(float(crop), interpolation)
    mean, std = (
        _numbers(cfg.get(name) or own, frame.channels, where, name)
        for name, own in zip(("mean", "std"), usual.moments(frame.channels), strict=True)
    )
    if (mean, std) == usual.moments(frame.channels):
        return usual
    return Preprocessing(usual.crop, usual.interpolation, mean, std)


def to_processor(preprocessing: Preprocessing, frame: Frame, architecture: str) -> dict[str, Any]:
    """What `preprocessor_config.json` holds for transformers.

    Its class runs timm's transform as `pretrained_cfg` states it. The ordinary processors cut a pixel beside timm
    where an odd margin is split (they round down, torchvision to the even number); for readers that know only
    their words, these stand beside it.
    """
    cfg = to_cfg(preprocessing, frame)
    return {
        "image_processor_type": PROCESSOR,
        "architecture": architecture,
        "pretrained_cfg": cfg,
        "do_resize": True,
        "size": {"shortest_edge": preprocessing.shorter(frame.image)},
        "resample": _PILLOW[preprocessing.interpolation],
        "do_center_crop": True,
        "crop_size": {"height": frame.image, "width": frame.image},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": cfg["mean"],
        "image_std": cfg["std"],
    }


PROCESSOR = "TimmWrapperImageProcessor"
_MOST = 1e6  # of a mean or a deviation: of a channel from 0 to 1
_PILLOW = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def _numbers(given: Any, channels: int, where: str, name: str) -> tuple[float, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    values = values * channels if len(values) == 1 else values
    sound = all(finite(value) and abs(value) < _MOST and (name == "mean" or value > 0) for value in values)
    if len(values) != channels or not sound:
        raise _unfit(where, name, given, f"it is a number for each channel, and images have {channels}")
    return tuple(float(value) for value in values)


def _unfit(where: str, name: str, stated: object, reason: str) -> Failure:
    said = stated if isinstance(stated, str) and len(stated) < 40 else shown(stated)
    return Failure(f"{where} states {name} {said}, and {reason}", f"write another {name} into it")
