"""A network as a file of LiteRT, with one batch, checked in its interpreter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from zipfile import ZipFile

from spacelang_runtime.atomic import replace
from spacelang_runtime.export.portable.portable import portable, traced
from spacelang_runtime.export.program import example
from spacelang_runtime.export.sessions.litert import TOLD, open_
from spacelang_runtime.export.sessions.session import absent
from spacelang_runtime.export.written import Written, checked, converting, weights_of
from spacelang_runtime.nn.network import Network


def write(
    network: Network,
    path: Path,
    image: int | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
    batch: int = 1,
) -> Written:
    """Write a network for LiteRT: see `onnx_file.write`; batch: images that it takes at a time. What it tells of
    itself is packed behind the model, as the files of TFLite's metadata are: unzip reads it."""
    try:
        import litert_torch
    except ImportError as error:
        raise absent(error, "LiteRT", "litert") from None

    model, images = portable(network, image), example(network, image, batch).float()
    with TemporaryDirectory() as folder:
        made = Path(folder) / "model.tflite"
        with converting(network, traced(network, image, batch), "litert-torch"):
            litert_torch.convert(model, (images,)).export(str(made))
        with ZipFile(made, "a") as packed:
            packed.writestr(TOLD, json.dumps(dict(told), ensure_ascii=False))
        session = open_(made)
        apart, precision = checked(session, network, image, "LiteRT")
        content = made.read_bytes()
    replace(path, lambda file: file.write(content))
    return Written(len(content), weights_of(network), apart, precision, batch, session.runtime)
