"""`window_attention` is what Swin defines, one query at a time, and what timm's modules compute."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor

from spacelang_runtime.ops.window_attention import packed_window_attention, window_attention

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import swin

ROOT = Path(__file__).parents[2]
Grid = tuple[int, int]


def by_definition(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor, window: Grid, shift: Grid, padding: Tensor
) -> Tensor:
    """Swin, written out for one map and one head, [rows, columns, d]: a pair attends if it lies in one window after
    the roll, and the roll has moved both around the same edges, or neither. Places beyond the map take part."""
    grid = q.shape[:2]
    sides = [min(side, length) for side, length in zip(window, grid, strict=True)]
    moved = [0 if side >= length else by for side, length, by in zip(window, grid, shift, strict=True)]
    whole = [math.ceil(length / side) * side for length, side in zip(grid, sides, strict=True)]
    places = [(i, j) for i in range(whole[0]) for j in range(whole[1])]

    def of(x: Tensor, which: int, place: Grid) -> Tensor:
        return x[place] if place[0] < grid[0] and place[1] < grid[1] else padding[which]

    def home(place: Grid) -> list[tuple[int, bool]]:
        rolled = [(at - by) % length for at, by, length in zip(place, moved, whole, strict=True)]
        return [(to // side, at < by) for to, side, at, by in zip(rolled, sides, place, moved, strict=True)]

    out = []
    for i in range(grid[0]):
        for j in range(grid[1]):
            keys = [place for place in places if home(place) == home((i, j))]
            scores = [
                (q[i, j] * of(k, 1, (y, x))).sum() * q.shape[2] ** -0.5
                + bias[window[0] - 1 + y - i, window[1] - 1 + x - j]
                for y, x in keys
            ]
            values = torch.stack([of(v, 2, key) for key in keys])
            out.append(torch.stack(scores).softmax(0) @ values)
    return torch.stack(out).view(*grid, -1)


def leaves(maps: int, grid: Grid, heads: int, d: int, window: Grid, seed: int = 0) -> list[Tensor]:
    """q, k and v side by side, a bias and padding, in float64."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((maps, *grid, 3, heads, d), (heads, 2 * window[0] - 1, 2 * window[1] - 1), (3, heads, d))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


@settings(deadline=None, max_examples=12)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_windows_of_any_sides_attend_as_swin_defines_it(grid: Grid, window: Grid, down: int, right: int) -> None:
    """And so do the gradients of q, k, v, the bias and the padding."""
    shift = (down % window[0], right % window[1])
    qkv, bias, padding = leaves(1, grid, 2, 3, window)
    found = window_attention(*qkv.unbind(3), bias, window, shift, padding)
    expected = torch.stack(
        [
            by_definition(*qkv[0, :, :, :, head].unbind(2), bias[head], window, shift, padding[:, head])
            for head in range(2)
        ],
        2,
    )[None]
    torch.testing.assert_close(found, expected)
    along = torch.randn(found.shape, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad((found * along).sum(), (qkv, bias, padding), materialize_grads=True),
        torch.autograd.grad((expected * along).sum(), (qkv, bias, padding), materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_packed_and_apart_are_the_same() -> None:
    qkv, bias, _ = leaves(2, (4, 6), 2, 4, (2, 3))
    apart = window_attention(*qkv.unbind(3), bias, (2, 3), (1, 1))
    assert torch.equal(apart, packed_window_attention(qkv, bias, (2, 3), (1, 1)))


@pytest.mark.parametrize(
    ("grid", "window", "shift"),
    [((8, 8), 4, 0), ((8, 12), 4, 2), ((6, 6), (3, 2), (1, 1)), ((7, 5), 4, 0), ((3, 3), 7, 3)],
)
def test_a_block_of_timm_computes_the_same_with_it(grid: Grid, window: int | Grid, shift: int | Grid) -> None:
    """The map that comes out and the gradient of everything: shifted windows, a map that is not whole windows, and
    one that is smaller than its window."""
    torch.manual_seed(0)
    block = SwinTransformerBlock(24, grid, num_heads=3, window_size=window, shift_size=shift).double()
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    x = torch.randn(2, *grid, 24, dtype=torch.float64, requires_grad=True)
    along = torch.randn(2, *grid, 24, dtype=torch.float64)
    wanted = (x, *block.attn.parameters())
    expected = block._attn(x)
    gradients = torch.autograd.grad((expected * along).sum(), wanted)
    found = swin.attend(block, x)
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad((found * along).sum(), wanted), gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_the_page_on_speed_shows_it() -> None:
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    (code,) = [
        part.split("```")[0] for part in page.split("```python\n") if "window_attention" in part.split("```")[0]
    ]
    names: dict[str, Tensor] = {}
    exec(code, names)
    assert names["out"].shape == (2, 14, 14, 4, 32)
    assert torch.equal(names["out"], names["same"])


def test_it_is_used_without_the_rest_of_the_runtime() -> None:
    code = """
import sys
from spacelang_runtime.ops.window_attention import window_attention
print(*{name.split(".")[1] for name in sys.modules if name.startswith("spacelang_runtime.")})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ops"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bias": (2, 5, 5)}, "bias of 2 heads in windows of 2 × 3"),
        ({"shift": (2, 0)}, "shift lies between 0"),
        ({"padding": (3, 4)}, "padding is"),
        ({"k": (1, 4, 6, 2, 8)}, "one shape"),
    ],
)
def test_shapes_that_do_not_fit_are_told(change: dict[str, tuple[int, ...]], told: str) -> None:
    qkv, bias, _ = leaves(1, (4, 6), 2, 4, (2, 3))
    q, k, v = qkv.unbind(3)
    k = torch.zeros(change["k"]) if "k" in change else k
    bias = torch.zeros(change["bias"]) if "bias" in change else bias
    padding = torch.zeros(change["padding"]) if "padding" in change else None
    with pytest.raises(ValueError, match=told):
        window_attention(q, k, v, bias, (2, 3), change.get("shift", 0), padding)
