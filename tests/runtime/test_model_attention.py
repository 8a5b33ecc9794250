"""Attention is what the papers say, checked token by token against a definition that cuts no tensors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import stirred
from torch import Tensor

from spacelang.lower.plan import TransformerBlock
from spacelang_runtime.nn.network import Attention
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import additions, attend
from spacelang_runtime.ops.windows import cut

Place = tuple[int, int] | None  # row and column; None: the class token


def attention(
    heads: int, width: int, window: int | str, side: int, shifted: bool, token: bool, bias: bool, relative: int
) -> Attention:
    block = TransformerBlock(
        stage=0, index=int(shifted), side=side, token=token, embed=4, heads=heads, qkv=heads * width,
        head_width=width, hidden=8, window=window, shift=0, bias=bias, relative=relative,
    )  # fmt: skip
    return stirred(Attention(block).double())


def by_definition(module: Attention, x: Tensor, grid: tuple[int, int]) -> Tensor:
    """What attention makes of one map [tokens, C], one query at a time.

    Swin, written out: places beyond the map, as far as whole windows reach, hold zeros and take part. A place's
    window follows from where it lies after rolling; a pair attends if the roll has moved both around the same
    edges, or neither.
    """
    (rows, columns), window = grid, module.window
    lengths = grid if window == "global" else (min(window, rows), min(window, columns))
    shifts = [0 if window == "global" or not module.shifted or window >= side else window // 2 for side in grid]
    whole = [math.ceil(side / length) * length for side, length in zip(grid, lengths, strict=True)]
    places: list[Place] = [None] if module.token else []
    places += [(i, j) for i in range(whole[0]) for j in range(whole[1])]

    def content(place: Place) -> Tensor:
        if place is None:
            return x[0]
        inside = place[0] < rows and place[1] < columns
        return x[module.token + place[0] * columns + place[1]] if inside else torch.zeros_like(x[0])

    def home(place: Place) -> tuple[tuple[int, bool], ...]:
        if place is None:
            return home((0, 0))
        rolled = [(at - shift) % side for at, shift, side in zip(place, shifts, whole, strict=True)]
        return tuple(
            (to // length, at < shift) for to, length, at, shift in zip(rolled, lengths, place, shifts, strict=True)
        )

    parts = {place: module.qkv(content(place)).chunk(3) for place in places}
    d = parts[places[0]][0].shape[0] // module.heads
    outputs = []
    for query in places:
        if query is not None and (query[0] >= rows or query[1] >= columns):
            continue
        keys = [key for key in places if home(key) == home(query)]
        heads = []
        for head in range(module.heads):
            channels = slice(head * d, (head + 1) * d)
            q = parts[query][0][channels]
            scores, values = [], []
            for key in keys:
                k, v = parts[key][1][channels], parts[key][2][channels]
                if module.relative is not None:
                    r = (module.relative.shape[1] - 2) // 2
                    steps = [0, 0]
                    if query is not None and key is not None:
                        steps = [max(-r, min(r, b - a)) + r + 1 for a, b in zip(query, key, strict=True)]
                    for_key, for_value = module.relative[:2], module.relative[2:]
                    k = k + for_key[0, steps[0]] + for_key[1, steps[1]]
                    v = v + for_value[0, steps[0]] + for_value[1, steps[1]]
                score = q @ k / math.sqrt(d)
                if module.bias is not None and query is not None and key is not None:
                    middle = (module.bias.shape[1] - 1) // 2
                    score = score + module.bias[head, middle + key[0] - query[0], middle + key[1] - query[1]]
                scores.append(score)
                values.append(v)
            heads.append(torch.stack(scores).softmax(0) @ torch.stack(values))
        outputs.append(module.out(torch.cat(heads)))
    return torch.stack(outputs)


@settings(max_examples=40, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    window=st.integers(1, 5),
    shifted=st.booleans(),
    heads=st.integers(1, 2),
    width=st.integers(1, 3),
    bias=st.booleans(),
    relative=st.sampled_from((0, 0, 2)),
    seed=st.integers(0, 99),
)
def test_windows_attend_as_swin_defines_it(
    grid: tuple[int, int], window: int, shifted: bool, heads: int, width: int, bias: bool, relative: int, seed: int
) -> None:
    """Windows that divide the map, that do not, and that cover one side of it or both; padding included."""
    torch.manual_seed(seed)
    module = attention(heads, width, window, 9, shifted, False, bias, relative)
    x = torch.randn(2, grid[0] * grid[1], 4, dtype=torch.float64)
    with torch.no_grad():
        expected = torch.stack([by_definition(module, one, grid) for one in x])
        torch.testing.assert_close(module(x, grid), expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    token=st.booleans(),
    heads=st.integers(1, 2),
    width=st.integers(1, 3),
    relative=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_global_attention_with_row_and_column_positions_is_autoformers(
    grid: tuple[int, int], token: bool, heads: int, width: int, relative: int, seed: int
) -> None:
    """Distances are clipped to the tables, and pairs with the class token use entry 0."""
    torch.manual_seed(seed)
    module = attention(heads, width, "global", 4, False, token, False, relative)
    x = torch.randn(1, grid[0] * grid[1] + token, 4, dtype=torch.float64)
    with torch.no_grad():
        expected = by_definition(module, x[0], grid)
        torch.testing.assert_close(module(x, grid)[0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("token", [False, True])
def test_bias_of_global_attention_leaves_the_class_token_alone(token: bool) -> None:
    module = attention(2, 3, "global", 3, False, token, True, 0)
    x = torch.randn(1, 9 + token, 4, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(
            module(x, (3, 3))[0], by_definition(module, x[0], (3, 3)), rtol=1e-10, atol=1e-10
        )


@pytest.mark.parametrize("grid", [(4, 4), (5, 7), (9, 3)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_fused_attention_gives_the_numbers_of_the_reference_path(
    grid: tuple[int, int], bias: bool, shifted: bool
) -> None:
    torch.manual_seed(0)
    windows = cut(grid, 4, shifted, False)
    table = torch.randn(3, 7, 7, dtype=torch.float64, requires_grad=True) if bias else None
    tokens = windows.window[0] * windows.window[1]
    qkv = torch.randn(2 * windows.number, tokens, 3 * 3 * 5, dtype=torch.float64, requires_grad=True)
    leaves = [leaf for leaf in (qkv, table) if leaf is not None]
    results = []
    for fused in (False, True):
        mixed = attend(qkv, 3, additions(table, windows, False, qkv), fused=fused)
        results.append([mixed, *torch.autograd.grad(mixed.sin().sum(), leaves)])
    for reference, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, reference, rtol=1e-10, atol=1e-10)


@given(grid=st.tuples(st.integers(1, 9), st.integers(1, 9)), window=st.integers(1, 6), shifted=st.booleans())
def test_joining_the_windows_of_a_map_gives_the_map(grid: tuple[int, int], window: int, shifted: bool) -> None:
    windows = cut(grid, window, shifted, False)
    x = torch.randn(2, grid[0] * grid[1], 3)
    assert windows.split(x).shape == (2 * windows.number, windows.window[0] * windows.window[1], 3)
    assert torch.equal(windows.join(windows.split(x)), x)


def test_an_offset_keeps_its_bias_in_a_smaller_window() -> None:
    table = torch.randn(2, 13, 13)
    large = position_embedding.bias(table, cut((7, 7), 7, False, False), False).view(2, 7, 7, 7, 7)
    small = position_embedding.bias(table, cut((9, 9), 3, False, False), False).view(2, 3, 3, 3, 3)
    assert torch.equal(small, large[:, 2:5, 2:5, 2:5, 2:5])


def test_a_class_token_has_no_place_beside_windows() -> None:
    with pytest.raises(ValueError, match="global"):
        cut((4, 4), 2, False, True)


def test_what_inference_made_first_serves_training() -> None:
    module = attention(1, 2, 3, 5, True, False, True, 1)
    x = torch.randn(1, 25, 4, dtype=torch.float64)
    with torch.inference_mode():
        module(x, (5, 5))
    module(x, (5, 5)).sum().backward()
    assert module.bias.grad is not None
