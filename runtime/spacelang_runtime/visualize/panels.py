"""What heads attend to, in panels on a canvas: attention maps beside their image, similarities of heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from attrs import frozen
from torch import Tensor

from spacelang.canvas import Canvas, Raster, Shape, Text, Trace, image, png, svg
from spacelang_runtime.atomic import replace
from spacelang_runtime.failure import Failure
from spacelang_runtime.visualize.similarity import Similarity

COLUMNS = 4
_SIDE, _GAP, _LINE = 128, 12, 18  # of a panel, between two, and of a line: words legible at 420 pixels' width
_WIDTH = COLUMNS * (_SIDE + _GAP) + _GAP
_TITLE = 60  # letters a line of it
_REFERENCE = "#ff0000"
_GREYS = ((0, 0, 0), (255, 255, 255))
# Five colours of viridis (matplotlib's default), whose lightness rises evenly: told apart by the colour-blind too.
_VIRIDIS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


@frozen(eq=False)
class ImagePanel:
    """A square image under its lines. pixels: uint8 [rows, columns, 3]. reference: where its + is, in parts of its
    side, and how long its arms are."""

    lines: tuple[str, ...]
    pixels: np.ndarray
    smooth: bool = False
    reference: tuple[float, float, float] | None = None


def attention(picture: np.ndarray, maps: Tensor, at: tuple[int, int], title: str) -> Canvas:
    """The picture with a + at the reference position, then the map of every head.

    picture: uint8 [side, side, 3]. maps: [heads, rows, columns]. at: x and y of the reference in pixels. Each
    map has its own scale, from black for 0 to white for its largest weight.
    """
    x, y = at[0] / picture.shape[0], at[1] / picture.shape[0]
    panels = [ImagePanel(("input",), picture, smooth=True, reference=(x, y, 7))]
    for number, weights in enumerate(maps.float().cpu().numpy(), 1):
        shares = weights / (weights.max() or 1)
        panels.append(ImagePanel((f"head {number}",), _coloured(shares, _GREYS), reference=(x, y, 4)))
    return _laid_out(title, panels)


def similarity(layers: Sequence[Similarity], title: str) -> Canvas:
    """The matrix of every layer with several heads, from dark for 0, heads that look apart, to light for 1, titled
    with its mean."""
    panels = []
    for one in layers:
        if one.mean is not None:
            stage, layer = one.place
            lines = (f"stage {stage + 1}, block {layer + 1}", f"mean {one.mean:.2f}")
            panels.append(ImagePanel(lines, _coloured(one.matrix.numpy(), _VIRIDIS)))
    return _laid_out(title, panels)


def write(canvas: Canvas, path: Path) -> tuple[Path, Path]:
    """Write a canvas as PNG and as SVG, `path` with these suffixes; gives both."""
    written = files(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {path.parent}: {error.strerror}", "name another") from None
    for file, content in zip(written, (png(canvas), svg(canvas).encode()), strict=True):
        replace(file, lambda opened, content=content: opened.write(content))
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


def pixels(canvas: Canvas) -> np.ndarray:
    """A canvas as uint8 [height, width, 3]."""
    return np.asarray(image(canvas))


def _coloured(shares: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Shares from 0 to 1 as uint8 [rows, columns, 3]: the colours stand for equal steps, in between they mix."""
    steps = np.linspace(0, 1, len(colours))
    channels = [np.interp(shares, steps, channel) for channel in zip(*colours, strict=True)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _laid_out(title: str, panels: Sequence[ImagePanel]) -> Canvas:
    """Panels in rows, under a title."""
    heading = wrap(title, _TITLE)
    shapes: list[Shape] = [Text(_GAP, 24 + _LINE * n, line, 16) for n, line in enumerate(heading)]
    top = 24 + _LINE * (len(heading) - 1) + _GAP
    above = _LINE * max((len(panel.lines) for panel in panels), default=0) + 6
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        x, y = _GAP + column * (_SIDE + _GAP), top + row * (above + _SIDE + _GAP)
        shapes += _shapes(panel, x, y, y + above)
    rows = -(-len(panels) // COLUMNS)
    return Canvas(_WIDTH, top + rows * (above + _SIDE + _GAP), tuple(shapes))


def _shapes(panel: ImagePanel, x: float, top: float, y: float) -> Iterator[Shape]:
    """A panel whose words start at a height and whose image has its corner at x and y."""
    for number, line in enumerate(panel.lines, 1):
        yield Text(x, top + _LINE * number, line, 14)
    rows, columns, _ = panel.pixels.shape
    yield Raster(x, y, _SIDE, _SIDE, columns, rows, panel.pixels.tobytes(), panel.smooth)
    if panel.reference is not None:
        across, down, arm = panel.reference
        x, y = x + across * _SIDE, y + down * _SIDE
        yield Trace(((x - arm, y), (x + arm, y)), _REFERENCE, 2)
        yield Trace(((x, y - arm), (x, y + arm)), _REFERENCE, 2)
