"""A network as a package of Core ML, with one batch. It is converted here, and runs on Apple's systems alone."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from spacelang_runtime.export.portable.portable import traced
from spacelang_runtime.export.sessions.session import absent
from spacelang_runtime.export.written import Written, converting, weights_of
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network


def write(
    network: Network,
    path: Path,
    image: int | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
    batch: int = 1,
) -> Written:
    """Write a network for Core ML, from iOS 16 and macOS 13 on, as an ML program in float16, as coremltools has it
    and the neural engine wants it: "images" [batch, channels, H, W] to "logits" [batch, classes], both float32.

    What it tells of itself is the package's user-defined metadata. Shapes, names and size are checked; what it
    computes is not. Raises `Failure` where coremltools is missing or refuses the network.
    """
    try:
        import coremltools
    except ImportError as error:
        raise absent(error, "Core ML", "coreml") from None

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    program = traced(network, image, batch).run_decompositions({})
    frame, side = network.architecture.frame, image or network.architecture.frame.image
    with converting(network, program, f"coremltools {coremltools.__version__}"):
        model = coremltools.convert(
            program,
            outputs=[coremltools.TensorType(name="logits")],
            minimum_deployment_target=coremltools.target.iOS16,
            skip_model_load=True,
        )
    model.short_description = network.architecture.name
    model.user_defined_metadata.update(told)
    described = model.get_spec().description
    shapes = [tuple(one.type.multiArrayType.shape) for one in (*described.input, *described.output)]
    names = [one.name for one in (*described.input, *described.output)]
    if names != ["images", "logits"] or shapes[0] != (batch, frame.channels, side, side):
        raise Failure(
            f"coremltools made a model of {names} with shapes {shapes}",
            "tell the versions of coremltools and torch",
        )
    size = _save(model, path)
    return Written(size, weights_of(network), None, "float16", batch, f"coremltools {coremltools.__version__}")


def _save(model: object, path: Path) -> int:
    """Write the package, a folder, beside its place, and put it there; gives the bytes of its files."""
    if not path.parent.is_dir():
        raise Failure(f"there is no folder {path.parent}", f"make it, or write {path.name} elsewhere")
    with TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        model.save(str(made))
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(made, path)
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
