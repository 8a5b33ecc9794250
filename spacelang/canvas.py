"""Lines, marks, images and words on a canvas: SVG written out, PNG through Pillow. One description gives both."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from spacelang.html import Element, written

if TYPE_CHECKING:
    from PIL.Image import Image

INK, FAINT = "#222222", "#cccccc"
COLOURS = ("#4477aa", "#cc6677", "#228833", "#aa8800", "#66ccee", "#aa3377")  # told apart by the colour-blind too
_SHARP = 2  # pixels of a PNG for one unit of a canvas

Anchor = Literal["start", "middle", "end"]


@frozen
class Trace:
    """A line through points. note: what it tells when pointed at."""

    points: tuple[tuple[float, float], ...]
    colour: str = INK
    width: float = 1.0
    note: str = ""


@frozen
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    colour: str = INK
    note: str = ""


@frozen
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str = INK
    note: str = ""


@frozen
class Text:
    """A line of text; y is its base."""

    x: float
    y: float
    text: str
    size: float = 12
    anchor: Anchor = "start"
    colour: str = INK


@frozen
class Raster:
    """An image stretched over a rectangle.

    columns, rows: its pixels; rgb: their red, green and blue in a byte each, row by row. smooth: between pixels the
    colours pass into one another, as in a photo; else each is a plain rectangle.
    """

    x: float
    y: float
    width: float
    height: float
    columns: int
    rows: int
    rgb: bytes
    smooth: bool = False


Shape = Trace | Dot | Box | Text | Raster


@frozen
class Canvas:
    """A sheet of a size with the shapes on it, the first at the bottom."""

    width: float
    height: float
    shapes: tuple[Shape, ...]


def save(canvas: Canvas, path: Path) -> None:
    """Write the canvas; the suffix, .svg or .png, says in which format. Raises ValueError for another one, and
    OSError that names `path`."""
    match path.suffix.lower():
        case ".svg":
            picture = svg(canvas).encode()
        case ".png":
            picture = png(canvas)
        case suffix:
            raise ValueError(f"a figure is written as .svg or .png, not {suffix or 'without a suffix'}")
    fresh = not path.exists()
    try:
        path.write_bytes(picture)
    except OSError as error:
        if fresh:  # nothing half written is left behind
            path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def svg(canvas: Canvas) -> str:
    """The canvas as SVG."""
    width, height = f"{canvas.width:g}", f"{canvas.height:g}"
    size = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    sheet = Element("rect", (), {"width": "100%", "height": "100%", "fill": "white"})
    lines = [part for shape in (sheet, *map(_element, canvas.shapes)) for part in ("\n", shape)]
    namespace = {"xmlns": "http://www.w3.org/2000/svg", "font-family": "sans-serif"}
    return f"{written(Element('svg', (*lines, chr(10)), namespace | size))}\n"


def _element(shape: Shape) -> Element:
    match shape:
        case Trace(points, colour, width, note):
            way = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
            look = {"fill": "none", "stroke": colour, "stroke-width": f"{width:g}"}
            return Element("polyline", _title(note), {"points": way} | look)
        case Dot(x, y, radius, colour, note):
            place = {"cx": f"{x:.2f}", "cy": f"{y:.2f}", "r": f"{radius:g}"}
            return Element("circle", _title(note), place | {"fill": colour})
        case Box(x, y, width, height, colour, note):
            return Element("rect", _title(note), _place(x, y, width, height) | {"fill": colour})
        case Text(x, y, text, size, anchor, colour):
            look = {"font-size": f"{size:g}", "text-anchor": anchor, "fill": colour}
            return Element("text", (text,), {"x": f"{x:.2f}", "y": f"{y:.2f}"} | look)
        case Raster(x, y, width, height, smooth=smooth):
            link = f"data:image/png;base64,{b64encode(_encoded(_pixels(shape))).decode()}"
            look = {} if smooth else {"style": "image-rendering:crisp-edges;image-rendering:pixelated"}
            stretched = {"preserveAspectRatio": "none", "href": link}
            return Element("image", (), _place(x, y, width, height) | look | stretched)


def _place(x: float, y: float, width: float, height: float) -> dict[str, str]:
    return {"x": f"{x:.2f}", "y": f"{y:.2f}", "width": f"{width:.2f}", "height": f"{height:.2f}"}


def _title(note: str) -> tuple[Element, ...]:
    return (Element("title", (note,)),) if note else ()


def png(canvas: Canvas) -> bytes:
    """The canvas as a PNG file, two pixels a unit."""
    return _encoded(image(canvas))


def image(canvas: Canvas) -> Image:
    """The canvas in pixels, two a unit."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (round(canvas.width * _SHARP), round(canvas.height * _SHARP)), "white")
    pen = ImageDraw.Draw(sheet)
    for shape in canvas.shapes:
        match shape:
            case Trace(points, colour, width, _):
                scaled = [(x * _SHARP, y * _SHARP) for x, y in points]
                pen.line(scaled, colour, max(1, round(width * _SHARP)), joint="curve")
            case Dot(x, y, radius, colour, _):
                left, top, right, bottom = ((v * _SHARP) for v in (x - radius, y - radius, x + radius, y + radius))
                pen.ellipse((left, top, right, bottom), colour)
            case Box(x, y, width, height, colour, _):
                if width > 0 and height > 0:
                    pen.rectangle((x * _SHARP, y * _SHARP, (x + width) * _SHARP, (y + height) * _SHARP), colour)
            case Text(x, y, text, size, anchor, colour):
                place = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
                pen.text((x * _SHARP, y * _SHARP), text, colour, font_size=size * _SHARP, anchor=place)
            case Raster(x, y, width, height, smooth=smooth):
                between = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
                stretched = _pixels(shape).resize((round(width * _SHARP), round(height * _SHARP)), between)
                sheet.paste(stretched, (round(x * _SHARP), round(y * _SHARP)))
    return sheet


def _pixels(raster: Raster) -> Image:
    from PIL import Image

    return Image.frombytes("RGB", (raster.columns, raster.rows), raster.rgb)


def _encoded(pixels: Image) -> bytes:
    file = BytesIO()
    pixels.save(file, "png")
    return file.getvalue()
