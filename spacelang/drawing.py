"""Lines, marks and words on a sheet: SVG written out, PNG through Pillow. One description gives both."""

from __future__ import annotations

from html import escape
from io import BytesIO
from pathlib import Path
from typing import Literal

from attrs import frozen

INK, FAINT = "#222222", "#cccccc"
COLOURS = ("#4477aa", "#cc6677", "#228833", "#aa8800", "#66ccee", "#aa3377")  # told apart by the colour-blind too
_SHARP = 2  # pixels of a PNG for one unit of a sheet

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
class Words:
    """A line of text; y is its base."""

    x: float
    y: float
    text: str
    size: float = 12
    anchor: Anchor = "start"
    colour: str = INK


Shape = Trace | Dot | Box | Words


@frozen
class Drawing:
    """A sheet of a size with what is on it, the first at the bottom."""

    width: float
    height: float
    shapes: tuple[Shape, ...]


def save(drawing: Drawing, path: Path) -> None:
    """Write the drawing; the suffix, .svg or .png, says in which format. Raises ValueError for another one, and
    OSError that names `path`."""
    match path.suffix.lower():
        case ".svg":
            picture = svg(drawing).encode()
        case ".png":
            picture = _png(drawing)
        case suffix:
            raise ValueError(f"a drawing is written as .svg or .png, not {suffix or 'without a suffix'}")
    fresh = not path.exists()
    try:
        path.write_bytes(picture)
    except OSError as error:
        if fresh:  # nothing half written is left behind
            path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def svg(drawing: Drawing) -> str:
    """The drawing as SVG."""
    size = (
        f'viewBox="0 0 {drawing.width:g} {drawing.height:g}" width="{drawing.width:g}" height="{drawing.height:g}"'
    )
    body = "\n".join(map(_element, drawing.shapes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _element(shape: Shape) -> str:
    match shape:
        case Trace(points, colour, width, note):
            way = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
            look = f'fill="none" stroke="{colour}" stroke-width="{width:g}"'
            return f'<polyline points="{way}" {look}>{_title(note)}</polyline>'
        case Dot(x, y, radius, colour, note):
            return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:g}" fill="{colour}">{_title(note)}</circle>'
        case Box(x, y, width, height, colour, note):
            at = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
            return f'<rect {at} fill="{colour}">{_title(note)}</rect>'
        case Words(x, y, text, size, anchor, colour):
            at = f'x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"'
            return f"<text {at}>{escape(text)}</text>"


def _title(note: str) -> str:
    return f"<title>{escape(note)}</title>" if note else ""


def _png(drawing: Drawing) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (round(drawing.width * _SHARP), round(drawing.height * _SHARP)), "white")
    pen = ImageDraw.Draw(image)
    for shape in drawing.shapes:
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
            case Words(x, y, text, size, anchor, colour):
                place = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
                pen.text((x * _SHARP, y * _SHARP), text, colour, font_size=size * _SHARP, anchor=place)
    written = BytesIO()
    image.save(written, "png")
    return written.getvalue()
