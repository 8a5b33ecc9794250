"""A canvas is the same as SVG and as PNG."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from spacelang.canvas import Box, Canvas, Dot, Raster, Text, Trace, image, save, svg

HOSTILE = "<script>alert('1')</script> & \"more\""
SHAPES = (
    Box(0, 0, 10, 10, "#0000ff", HOSTILE),
    Trace(((0.0, 15.0), (40.0, 15.0)), "#00ff00", 4, HOSTILE),
    Dot(30, 5, 4, "#ff0000", HOSTILE),
    Raster(20, 20, 20, 10, 2, 1, bytes((1, 2, 3, 200, 100, 50))),
    Text(2, 38, HOSTILE, 10),
)


def test_a_canvas_is_the_same_in_pixels_as_it_is_described() -> None:
    pixels = np.asarray(image(Canvas(40, 40, SHAPES)))
    assert pixels.shape == (80, 80, 3)
    places = {(10, 10): (0, 0, 255), (30, 30): (0, 255, 0), (10, 60): (255, 0, 0), (78, 78): (255, 255, 255)}
    places |= {(50, 42): (1, 2, 3), (50, 58): (1, 2, 3), (50, 62): (200, 100, 50), (50, 78): (200, 100, 50)}
    assert {place: tuple(pixels[place].tolist()) for place in places} == places


def test_a_canvas_as_svg_is_well_formed_and_holds_every_shape() -> None:
    root = ElementTree.fromstring(svg(Canvas(40, 40, SHAPES)))
    assert [one.tag.split("}")[1] for one in root] == ["rect", "rect", "polyline", "circle", "image", "text"]
    assert [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")] == [HOSTILE] * 3
    assert root[-1].text == HOSTILE
    assert root[4].get("href", "").startswith("data:image/png;base64,"), "needs no other file"
    assert "pixelated" in root[4].get("style", "")


def test_a_smooth_image_passes_from_colour_to_colour_and_another_does_not() -> None:
    colours = {
        smooth: len({tuple(p) for p in np.asarray(image(Canvas(20, 10, (raster,)))).reshape(-1, 3).tolist()})
        for smooth in (False, True)
        for raster in [Raster(0, 0, 20, 10, 2, 1, bytes((0, 0, 0, 255, 255, 255)), smooth)]
    }
    assert colours[False] == 2
    assert colours[True] > 10


def test_a_figure_is_an_svg_or_a_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.svg or \.png, not \.pdf"):
        save(Canvas(1, 1, ()), tmp_path / "a.pdf")
