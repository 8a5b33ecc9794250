"""How a map of tokens is cut into attention windows, and put together again (Liu et al., 2021, section 3.2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang.architecture import LayerWindow
from spacelang_runtime.ops.memoize import memoize

Grid = tuple[int, int]


class Cut(NamedTuple):
    """A way to cut a map: everything is (rows, columns), in tokens.

    grid: the map. window: one window, at most the map. shift: by how much the windows are moved down and to
    the right. padded: the map with zeros below and to the right, a whole number of windows. number: windows of
    one map. token: whether a class token stands before the map; it belongs to the one window that there is.
    A NamedTuple, because torch.compile can trace one.
    """

    grid: Grid
    window: Grid
    shift: Grid
    padded: Grid
    number: int
    token: bool

    @property
    def whole(self) -> bool:
        """Whether the map is its only window."""
        return self.padded == self.window

    def split(self, x: Tensor) -> Tensor:
        """The windows of a batch of maps: [B, tokens, C] → [B·number, tokens of a window, C].

        The map is padded with zeros to whole windows, rolled by the shift, and cut; windows of one map follow
        each other row by row.
        """
        if self.whole:
            return x
        (rows, columns), (high, wide), (down, right) = self.grid, self.padded, self.shift
        x = x.reshape(-1, rows, columns, x.shape[-1])
        if self.padded != self.grid:
            x = F.pad(x, (0, 0, 0, wide - columns, 0, high - rows))
        if down or right:
            x = torch.roll(x, (-down, -right), (1, 2))
        a, b = self.window
        x = x.view(-1, high // a, a, wide // b, b, x.shape[-1]).transpose(2, 3)
        return x.reshape(-1, a * b, x.shape[-1])

    def join(self, windows: Tensor) -> Tensor:
        """The maps that windows came from, without their padding: [B·number, T, C] → [B, tokens, C]."""
        if self.whole:
            return windows
        (rows, columns), (high, wide), (down, right) = self.grid, self.padded, self.shift
        a, b = self.window
        x = windows.view(-1, high // a, wide // b, a, b, windows.shape[-1]).transpose(2, 3)
        x = x.reshape(-1, high, wide, windows.shape[-1])
        if down or right:
            x = torch.roll(x, (down, right), (1, 2))
        return x[:, :rows, :columns].reshape(-1, rows * columns, windows.shape[-1])


def cut(grid: Grid, window: LayerWindow, shifted: bool, token: bool) -> Cut:
    """How a layer with this window cuts a map.

    Per side, a window at least as long as the map is the map's whole side and is not shifted along it; a
    shorter one is shifted by half its length, rounded down, where `shifted`. A global window is the map.
    Raises ValueError for a class token beside windows smaller than the map: it would belong to none.
    """
    if window == "global":
        return Cut(grid, grid, (0, 0), grid, 1, token)
    if token:
        raise ValueError(f"a class token needs global attention, and the window is {window}")
    shift = window // 2 if shifted else 0
    return cut_by(grid, (window, window), (shift, shift))


def cut_by(grid: Grid, window: Grid, shift: Grid) -> Cut:
    """How windows of these sides cut a map when they are moved by so many tokens: `cut` says what happens to a
    window at least as long as the map."""
    (rows, columns), (tall, broad) = grid, window
    size = (min(tall, rows), min(broad, columns))
    moved = (shift[0] if tall < rows else 0, shift[1] if broad < columns else 0)
    counts = (-(-rows // size[0]), -(-columns // size[1]))
    return Cut(grid, size, moved, (counts[0] * size[0], counts[1] * size[1]), counts[0] * counts[1], False)


@memoize
def mask(cut: Cut, device: torch.device, dtype: torch.dtype) -> Tensor:
    """What keeps tokens apart that the roll of a shifted cut brought into one window: [number, 1, T, T], 0
    where the two lay side by side before the roll and −inf where they did not.

    Along an axis of the rolled map the first regions are whole windows, the last window holds the part before
    the map's end and then the part that came round from its beginning.
    """
    (high, wide), (down, right) = cut.padded, cut.shift
    below = torch.arange(high, device=device) >= high - down
    beside = torch.arange(wide, device=device) >= wide - right
    labels = (2 * below[:, None] + beside.long()).reshape(1, -1, 1)
    regions = cut._replace(grid=cut.padded, shift=(0, 0)).split(labels)
    apart = regions != regions.transpose(1, 2)
    return torch.zeros(apart.shape, device=device, dtype=dtype).masked_fill(apart, float("-inf")).unsqueeze(1)


def grid_of(images: Tensor, patch: int) -> Grid:
    """The map of patches of images [B, channels, H, W]. Raises ValueError for a side that is not whole patches."""
    height, width = images.shape[-2:]
    if height % patch or width % patch:
        raise ValueError(f"images of {height}×{width} pixels are not whole patches of {patch}×{patch}")
    return height // patch, width // patch
