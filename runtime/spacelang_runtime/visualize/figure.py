"""The look inside as figures: attention maps beside their image, similarities of heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from spacelang_runtime.atomic import replace
from spacelang_runtime.failure import Failure
from spacelang_runtime.visualize.similarity import Similarity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 5


def attention(picture: np.ndarray, maps: Tensor, at: tuple[int, int], title: str) -> Figure:
    """The picture with a + at the reference position, then the map of every head.

    picture: uint8 [side, side, 3]. maps: [heads, rows, columns]. at: x and y of the reference in pixels. Each
    map has its own scale, from black for 0 to white for its largest weight.
    """
    side = picture.shape[0]
    figure, axes = _panels(1 + len(maps))
    axes[0].imshow(picture)
    axes[0].plot(*at, "+", color="red", markersize=12, markeredgewidth=2)
    axes[0].set_title("input", fontsize=9)
    for number, (axis, found) in enumerate(zip(axes[1:], maps, strict=False), 1):
        axis.imshow(found.cpu().numpy(), cmap="gray", vmin=0, extent=(0, side, side, 0), interpolation="nearest")
        axis.plot(*at, "+", color="red", markersize=6, markeredgewidth=1)
        axis.set_title(f"head {number}", fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def similarity(found: Sequence[Similarity], title: str) -> Figure:
    """The matrix of every layer with several heads, darker for heads that look apart, titled with its mean."""
    several = [one for one in found if one.mean is not None]
    figure, axes = _panels(len(several))
    for axis, one in zip(axes, several, strict=False):
        axis.imshow(one.matrix.numpy(), cmap="viridis", vmin=0, vmax=1)
        stage, layer = one.place
        axis.set_title(f"stage {stage + 1}, block {layer + 1}: {one.mean:.2f}", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def write(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG, `path` with these suffixes; gives both."""
    written = files(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {path.parent}: {error.strerror}", "name another") from None
    for file in written:
        # No date inside: the same figure is the same file.
        kept: dict[str, Any] = {"metadata": {"Date": None}} if file.suffix == ".svg" else {"dpi": 160}
        replace(file, lambda opened, form=file.suffix[1:], kept=kept: figure.savefig(opened, format=form, **kept))
    return written


def files(path: Path) -> tuple[Path, Path]:
    """The PNG and the SVG that a figure is written to. Raises `Failure` for the name of another kind of file."""
    if path.suffix.lower() in (".jpg", ".jpeg", ".webp", ".gif", ".pdf", ".eps"):
        raise Failure(f"{path}: figures are written as PNG and as SVG", f"name {path.with_suffix('.png')}")
    if path.suffix in (".png", ".svg"):
        path = path.with_suffix("")
    if path.name in ("", ".."):
        raise Failure(f"{path} is a folder, and no name of a figure", f"name one: {path / 'attention'}")
    return path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.svg")


def pixels(figure: Figure) -> np.ndarray:
    """A figure as uint8 [height, width, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _panels(count: int) -> tuple[Figure, list[Any]]:
    """A figure with so many panels without axes."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise Failure(
            "figures need matplotlib, which is not installed", "pip install 'spacelang[figures]'"
        ) from None
    matplotlib.rcParams["svg.hashsalt"] = "spacelang"
    columns = min(COLUMNS, max(1, count))
    rows = -(-count // columns)
    figure = Figure(figsize=(1.8 * columns, 2.0 * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    return figure, axes[:count]
