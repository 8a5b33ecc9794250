"""The look inside: attention weights where they belong in the image, and how alike heads are."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from networks import AWKWARD, draw, stirred
from PIL import Image

from spacelang import notation
from spacelang.canvas import Canvas, Raster, Text
from spacelang.lower.lowered import lower
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import additions, attend
from spacelang_runtime.ops.windows import Cut
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.visualize import panels
from spacelang_runtime.visualize.photo import batches, photo, read
from spacelang_runtime.visualize.similarity import Similarity, similarities
from spacelang_runtime.visualize.weights import maps, watch, weights


def network(name: str, seed: int = 0) -> Network:
    line = notation.read(name) if "/" in name else draw(lower(AWKWARD[name]), random.Random(seed))
    return stirred(Network(line), seed).eval()


def images(model: Network, batch: int = 1) -> torch.Tensor:
    frame = model.architecture.frame
    return torch.randn(batch, frame.channels, frame.image, frame.image, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", AWKWARD)
def test_the_weights_are_those_that_the_network_mixes_with(name: str) -> None:
    model = network(name)
    places = [(s, n) for s, stage in enumerate(model.stages) for n in range(len(stage.layers))]
    seen = []
    for stage, layer in places:
        model.stages[stage].layers[layer].attention.register_forward_pre_hook(
            lambda m, given: seen.append((m, *given))
        )
    with torch.no_grad():
        model(images(model, 2))
        for attention, x, grid in seen:
            found, windows = weights(attention, x, grid)
            torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
            qkv = attention.qkv(windows.split(x))
            added = additions(attention.bias, windows, attention.window == "global", qkv)
            ways = position_embedding.relative(attention.relative, windows)
            v = qkv.unflatten(-1, (3, attention.heads, -1))[:, :, 2].transpose(1, 2)
            mixed = found @ v
            if ways is not None:
                mixed = mixed + torch.einsum("bhqk,qkd->bhqd", found, ways[1])
            expected = attend(qkv, attention.heads, added, ways, fused=False)
            torch.testing.assert_close(mixed.transpose(1, 2).flatten(2), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", AWKWARD)
def test_what_a_head_sees_lies_around_the_reference_and_sums_to_one(name: str) -> None:
    model = network(name, seed=1)
    for stage, part in enumerate(model.stages):
        for layer, module in enumerate(part.layers):
            cuts: list[Cut] = []
            watch(model, images(model), [(stage, layer)], lambda _, __, cut, cuts=cuts: cuts.append(cut))
            (cut,) = cuts
            rows, columns = cut.grid
            for at in ((0, 0), (rows - 1, columns // 2)):
                found = maps(model, images(model), (stage, layer), at)
                assert found.shape == (module.attention.heads, rows, columns)
                assert (found[:, at[0], at[1]] > 0).all()
                near = [abs(int(y) - at[0]) < cut.window[0] and abs(int(x) - at[1]) < cut.window[1]
                        for _, y, x in found.nonzero()]  # fmt: skip
                assert all(near), "a shifted window was not put back, or joined two ends of the map"
                sums = found.sum((1, 2))
                if cut.padded == cut.grid and not cut.token:
                    torch.testing.assert_close(sums, torch.ones_like(sums))
                else:
                    assert (sums <= 1 + 1e-5).all()


def test_the_map_of_one_head_is_the_one_computed_by_hand() -> None:
    """Two by two tokens, one head: softmax of q·k, written out."""
    model = Network(notation.read("i2-p1-c2-ch1-noposition-nonorm/2:h1q1m1wg"))
    with torch.no_grad():
        model.stem.patches.weight.copy_(torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
        model.stem.patches.bias.zero_()
        attention = model.stages[0].layers[0].attention
        model.stages[0].layers[0].norm1 = torch.nn.Identity()
        attention.qkv.weight.copy_(torch.tensor([[2.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
        attention.qkv.bias.zero_()
    image = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).view(1, 1, 2, 2)
    # The reference holds 1, so its query is 2, and the keys are 0, 1, 2, 3.
    powers = [math.exp(2 * key) for key in (0, 1, 2, 3)]
    expected = torch.tensor(powers).view(1, 2, 2) / sum(powers)
    torch.testing.assert_close(maps(model, image, (0, 0), (0, 1)), expected)


def test_equal_heads_are_alike_and_heads_that_look_apart_are_not() -> None:
    model = network("i8-p2-c2/8:h2q8m1w4,h1q8m1w4/8:h2q8m1w2")
    with torch.no_grad():
        attention = model.stages[0].layers[0].attention
        for part in range(3):  # queries, keys and values of the second head are those of the first
            rows = slice(8 * part, 8 * part + 8)
            attention.qkv.weight[rows] = attention.qkv.weight[8 * part : 8 * part + 4].repeat(2, 1)
            attention.qkv.bias[rows] = attention.qkv.bias[8 * part : 8 * part + 4].repeat(2)
        attention.bias[1] = attention.bias[0]
    same, alone, other = similarities(model, [images(model, 2), images(model, 1)])
    assert same.mean == pytest.approx(1)
    assert alone.mean is None
    assert other.mean is not None
    assert 0 < other.mean < 0.999
    assert torch.equal(other.matrix, other.matrix.t())
    torch.testing.assert_close(other.matrix.diag(), torch.ones(2))


def test_similarity_is_the_mean_cosine_of_rows() -> None:
    model = network("i8-p2-c2/8:h3q12m1w2")
    seen = []
    watch(model, images(model, 2), [(0, 0)], lambda _, found, __: seen.append(found))
    (found,) = seen
    pairs = [
        torch.nn.functional.cosine_similarity(found[n, 0, q], found[n, 2, q], dim=0)
        for n in range(found.shape[0])
        for q in range(found.shape[2])
    ]
    (layer,) = similarities(model, [images(model, 2)])
    assert float(layer.matrix[0, 2]) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-5)


def test_figures_are_written_as_png_and_svg_and_are_the_same_again(tmp_path: Path) -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    for name in ("one", "two"):
        maps = torch.rand(7, 4, 4, generator=torch.Generator().manual_seed(0))
        png, svg = panels.write(panels.attention(picture, maps, (3, 5), "t"), tmp_path / f"{name}.png")
    assert (png.name, svg.name) == ("two.png", "two.svg")
    assert Image.open(png).size[0] > 500
    for suffix in ("png", "svg"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def rasters(canvas: Canvas) -> list[np.ndarray]:
    """The images on a canvas, in the order drawn: uint8 [rows, columns, 3]."""
    return [
        np.frombuffer(shape.rgb, np.uint8).reshape(shape.rows, shape.columns, 3)
        for shape in canvas.shapes
        if isinstance(shape, Raster)
    ]


def test_a_map_is_drawn_from_black_for_0_to_white_for_its_largest_weight() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    maps = torch.tensor([[[0.0, 0.1], [0.2, 0.05]], [[0.0, 0.0], [0.0, 0.0]]])
    photo, first, second = rasters(panels.attention(picture, maps, (2, 2), "t"))
    assert np.array_equal(photo, picture)
    assert first[..., 0].tolist() == [[0, 128], [255, 64]]
    assert np.array_equal(first[..., 0], first[..., 2])
    assert not second.any(), "a head that sees nothing of the image"


def test_the_reference_is_marked_in_the_picture_and_in_every_map() -> None:
    drawn = panels.attention(np.full((8, 8, 3), 255, np.uint8), torch.zeros(2, 4, 4), (2, 6), "t")
    pixels = panels.pixels(drawn)
    images = [shape for shape in drawn.shapes if isinstance(shape, Raster)]
    assert len(images) == 3
    for one in images:
        x, y = 2 * (one.x + one.width * 2 / 8), 2 * (one.y + one.height * 6 / 8)
        assert pixels[int(y), int(x)].tolist() == [255, 0, 0]


def test_heads_that_look_apart_are_dark_and_heads_alike_are_light() -> None:
    layers = [
        Similarity((0, 0), torch.eye(2), 0.0),
        Similarity((0, 1), torch.ones(1, 1), None),
        Similarity((1, 2), torch.full((3, 3), 0.5), 0.5),
    ]
    drawn = panels.similarity(layers, "t")
    apart, half = rasters(drawn)
    assert apart.tolist() == [[[253, 231, 37], [68, 1, 84]], [[68, 1, 84], [253, 231, 37]]]
    assert (half == (33, 145, 140)).all()
    lines = [shape.text for shape in drawn.shapes if isinstance(shape, Text)]
    assert lines == ["t", "stage 1, block 1", "mean 0.00", "stage 2, block 3", "mean 0.50"]


def test_photos_are_read_as_the_network_sees_them(tmp_path: Path) -> None:
    frame = notation.read("i8-p2-c2/8:h2q8m1w4").frame
    Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("no image")
    whole = Preprocessing(1.0)
    seen = photo(tmp_path / "a.png", frame, whole)
    assert seen.shape == (8, 8, 3)
    assert read([seen], frame, whole).shape == (1, 3, 8, 8)
    grey = read([seen], evolve(frame, channels=1), Preprocessing(1.0, mean=(0.0,), std=(1.0,)))
    assert torch.equal(grey, torch.full((1, 1, 8, 8), 76 / 255)), "the luma of red, as in training"
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (photo(tmp_path / "clear.png", frame, whole) == 255).all()  # over white, as in training
    with pytest.raises(Failure, match=r"b\.jpg is no image"):
        photo(tmp_path / "b.jpg", frame, whole)
    with pytest.raises(Failure, match="there is no image"):
        photo(tmp_path / "c.jpg", frame, whole)
    (tmp_path / "none").mkdir()
    with pytest.raises(Failure, match="there are no images in"):
        list(batches(tmp_path / "none", frame, whole, 3))
